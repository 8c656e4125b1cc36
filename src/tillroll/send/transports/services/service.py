"""A transport that hands e-mails to a mail service by HTTP: one request for one e-mail, or for a few.

Until the request is on its way nothing has left. If its answer is lost after that, its e-mails may have left. A service that
knows a request again by its key is asked once more; for the others the outcome is unknown. So requests hold one e-mail unless the
address says otherwise (`?batch=50`): a lost answer concerns as many.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.text.clean import clean_line
from tillroll.clock import Clock
from tillroll.ecwid.http.session import CallFailed, HttpSession
from tillroll.errors import Misconfigured, Refused
from tillroll.rendering.mime import Outgoing
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transport import OPEN, Delivery, Departed, Gate
from tillroll.send.transports.services.api import (
    UNSURE,
    Answered,
    ApiAnswer,
    ApiRequest,
    KeyMemory,
    MailApi,
    untried,
)
from tillroll.send.transports.services.letter import Letter, read_letter
from tillroll.send.trouble import Trouble

_SECONDS = 30.0  # for an answer
_PAUSES = (1.0, 3.0)  # before the same request is made again
_LONGEST_PAUSE = 10.0  # that a service may ask for without the transport being held


class MailService:
    """A transport that hands e-mails to one mail service."""

    keeps_log = False

    def __init__(
        self, api: MailApi, session: HttpSession, clock: Clock, *, batch: int = 1, seconds: float = _SECONDS
    ) -> None:
        """`batch`: e-mails in one request. `seconds`: the most that an answer may take."""
        self.name = api.via.value
        self._api, self._session, self._clock = api, session, clock
        self._batch, self._seconds = batch, seconds

    def deliver(self, messages: Sequence[Outgoing], gate: Gate = OPEN) -> Iterator[Delivery]:
        """Hand the e-mails over, request after request. After trouble that is nobody's, the others aren't tried."""
        stopped: Answered | None = None
        for some in batched(messages, self._batch):
            if stopped is not None:
                yield from (_delivery(message, stopped) for message in some)
                continue
            letters: list[tuple[Outgoing, Letter]] = []
            for message in some:
                read = _read(message)
                if isinstance(read, Delivery):
                    yield read
                else:
                    letters.append((message, read))
            for piece, results in self._hand_over(letters, gate):
                if results is None:
                    return
                for (message, _), answered in zip(piece, results, strict=True):
                    yield _delivery(message, answered)
                    if answered.outcome is DeliveryOutcome.UNTRIED:
                        stopped = answered

    def delivered(self, keys: Collection[str]) -> frozenset[str] | None:
        """Return None: what a service tells about the past lags behind, so it proves nothing."""
        return None

    def since(self, moment: datetime) -> Iterator[Departed] | None:
        """Return None, for the same reason."""
        return None

    def _hand_over(
        self, letters: list[tuple[Outgoing, Letter]], gate: Gate
    ) -> Iterator[tuple[list[tuple[Outgoing, Letter]], Sequence[Answered] | None]]:
        """Yield the e-mails with their results; None: the gate is closed, and they have not left.

        If a request was refused whole because of what is in it, each of its e-mails goes alone.
        """
        if not letters:
            return
        if not gate.may_leave([message for message, _ in letters]):
            yield letters, None
            return
        results = self._try(letters, gate)
        refused_whole = {DeliveryOutcome.FAILED, DeliveryOutcome.DOUBTFUL}
        if results is None or len(letters) == 1 or len(results) == len(letters):
            yield letters, results
        elif results[0].outcome in refused_whole:
            for each in letters:
                yield [each], self._try([each], gate)
        else:
            yield letters, [results[0]] * len(letters)

    def _try(self, letters: list[tuple[Outgoing, Letter]], gate: Gate) -> Sequence[Answered] | None:
        """Make one request, and once more if that is safe. Returns its results; None: the gate is closed."""
        try:
            request = self._api.request([letter for _, letter in letters], self._clock.now())
        except Exception as fault:
            reason = (
                fault.message if isinstance(fault, Refused) else f"the request can't be made: {_say(fault)}"
            )
            return [Answered(outcome=DeliveryOutcome.FAILED, reason=reason)]
        lost: list[Answered] | None = None  # the results so far, if the e-mails may have left
        for pause in (*_PAUSES, None):
            if not all(gate.leaves(message) for message, _ in letters):
                return lost
            results = self._call(request, [letter for _, letter in letters], is_repeat=lost is not None)
            if _all_are(results, DeliveryOutcome.UNKNOWN):
                lost = self._forgiven(results, len(letters))
                if self._api.repeats is KeyMemory.NEVER:
                    return lost
            elif not _may_pass_soon(results):
                return results
            if pause is not None:
                asked = results[0].wait
                self._clock.sleep(asked.total_seconds() if asked is not None else pause)
        return lost if lost is not None else results

    def _forgiven(self, results: Sequence[Answered], count: int) -> list[Answered]:
        """Return lost e-mails as ones that may be handed over again, if the service will know them whenever that is."""
        all_of_them = list(results) if len(results) == count else [results[0]] * count
        if self._api.repeats is not KeyMemory.ALWAYS:
            return all_of_them
        return [replace(one, outcome=DeliveryOutcome.LATER) for one in all_of_them]

    def _call(self, request: ApiRequest, letters: Sequence[Letter], *, is_repeat: bool) -> Sequence[Answered]:
        """Make a request and return its results: one for each e-mail, or one for all."""
        try:
            answer = self._session.call(
                "POST",
                request.path,
                seconds=self._seconds,
                body=request.body,
                kind=request.kind,
                headers=request.headers,
            )
        except CallFailed as fault:
            return [_failed(fault)]
        except Misconfigured as fault:
            return [replace(untried(Trouble.ADDRESS), reason=fault.message)]
        try:
            told = ApiAnswer.of(answer, at=self._clock.now(), is_repeat=is_repeat)
            results = self._api.judge(told, letters)
        except Exception as fault:
            return [replace(UNSURE, reason=f"the answer can't be read: {_say(fault)}")]
        if len(results) not in {1, len(letters)}:
            return [replace(UNSURE, reason="the answer is about another number of e-mails")]
        return results


def _read(message: Outgoing) -> Letter | Delivery:
    """Return an e-mail's fields, or its failure: whatever it is, it concerns this e-mail alone."""
    try:
        return read_letter(message)
    except Refused as refusal:
        return _delivery(message, Answered(outcome=DeliveryOutcome.FAILED, reason=refusal.message))
    except Exception as fault:
        return _delivery(message, Answered(outcome=DeliveryOutcome.FAILED, reason=_say(fault)))


def _failed(fault: CallFailed) -> Answered:
    """Return what a request without an answer means."""
    if fault.sent:
        return replace(UNSURE, reason=f"the answer was lost: {_say(fault)}")
    trouble = Trouble.ENCRYPTION if fault.untrusted else Trouble.UNREACHABLE
    return replace(untried(trouble), reason=f"the mail service can't be reached: {_say(fault)}")


def _all_are(results: Sequence[Answered], outcome: DeliveryOutcome) -> bool:
    return all(one.outcome is outcome for one in results)


def _may_pass_soon(results: Sequence[Answered]) -> bool:
    """Return whether a service that takes nothing just now asks to wait for a moment only."""
    first = results[0]
    is_limit = _all_are(results, DeliveryOutcome.UNTRIED) and first.trouble is Trouble.LIMIT
    return is_limit and first.wait is not None and first.wait.total_seconds() <= _LONGEST_PAUSE


def _delivery(message: Outgoing, answered: Answered) -> Delivery:
    return Delivery(
        message_id=message.message_id,
        outcome=answered.outcome,
        reason=answered.reason,
        trouble=answered.trouble,
        status=answered.status,
        wait=answered.wait,
    )


def _say(fault: Exception) -> str:
    return clean_line(str(fault)) or type(fault).__name__
