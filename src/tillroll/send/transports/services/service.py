"""A transport that hands e-mails to a mail service by HTTP: one request for one e-mail, or for a few.

Until the request is on its way nothing has left. If its answer is lost after that, its e-mails may have left. A service that
knows a request again by its key is asked once more; for the others the outcome is unknown. So requests hold one e-mail unless the
address says otherwise (`?batch=50`): a lost answer concerns as many. A few requests are made at once (`?connections=4`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
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
_IN_DOUBT = frozenset({DeliveryOutcome.UNKNOWN})
_ABOUT_CONTENT = frozenset({DeliveryOutcome.FAILED, DeliveryOutcome.DOUBTFUL})
_SAYS_NOTHING = frozenset({DeliveryOutcome.UNKNOWN, DeliveryOutcome.UNTRIED, DeliveryOutcome.LATER})


@dataclass(kw_only=True)
class _OneRequest:
    """The e-mails of one request."""

    letters: list[tuple[Outgoing, Letter]]
    request: ApiRequest | None = None  # None: it can't be made
    results: Sequence[Answered | None] = ()  # for each e-mail; None, or empty: it has not left

    @property
    def messages(self) -> list[Outgoing]:
        return [message for message, _ in self.letters]

    def deliveries(self) -> Iterator[Delivery]:
        """Yield what became of each e-mail; nothing if they stay."""
        for message, answered in zip(self.messages, self.results, strict=False):
            if answered is not None:
                yield _delivery(message, answered)


class MailService:
    """A transport that hands e-mails to one mail service."""

    batch = 100
    keeps_log = False

    def __init__(
        self,
        api: MailApi,
        session: HttpSession,
        clock: Clock,
        *,
        name: str = "",
        batch: int = 1,
        connections: int = 1,
        seconds: float = _SECONDS,
    ) -> None:
        """`name`: by default that of the service. `batch`: e-mails in one request. `connections`: requests at once.

        `seconds`: the most that an answer may take.
        """
        self.via, self.name = api.via, name or api.via.value
        self._api, self._session, self._clock = api, session, clock
        self._batch, self._connections, self._seconds = batch, connections, seconds

    def deliver(self, messages: Sequence[Outgoing], gate: Gate = OPEN) -> Iterator[Delivery]:
        """Hand the e-mails over, a few requests at once. After trouble that is nobody's, the others aren't tried."""
        stopped: Delivery | None = None
        for some in batched(messages, self._batch * self._connections):
            if stopped is not None:
                yield from (replace(stopped, message_id=message.message_id) for message in some)
                continue
            letters: list[tuple[Outgoing, Letter]] = []
            for message in some:
                read = _read(message)
                if isinstance(read, Delivery):
                    yield read
                else:
                    letters.append((message, read))
            pieces = [_OneRequest(letters=part) for part in batched(letters, self._batch)]
            is_open = self._hand_over(pieces, gate)
            for delivery in (each for piece in pieces for each in piece.deliveries()):
                yield delivery
                if delivery.outcome is DeliveryOutcome.UNTRIED:
                    stopped = delivery
            if not is_open:
                return

    def delivered(self, keys: Collection[str]) -> frozenset[str] | None:
        """Return None: what a service tells about the past lags behind, so it proves nothing."""
        return None

    def since(self, moment: datetime) -> Iterator[Departed] | None:
        """Return None, for the same reason."""
        return None

    def _hand_over(self, pieces: Sequence[_OneRequest], gate: Gate) -> bool:
        """Make the requests of some pieces at once, and give each its results. Returns whether the gate is open still."""
        if not gate.may_leave([message for piece in pieces for message in piece.messages]):
            return False
        for piece in pieces:
            self._make_request(piece)
        asked = [piece for piece in pieces if piece.request is not None]
        if not _leave(gate, [message for piece in asked for message in piece.messages]):
            return False
        if len(asked) > 1:
            with ThreadPoolExecutor(max_workers=len(asked)) as pool:
                answers = list(pool.map(self._call, asked))
        else:
            answers = [self._call(piece) for piece in asked]
        is_open = True
        for piece, results in zip(asked, answers, strict=True):
            is_open = self._settle(piece, results, gate) and is_open
        return is_open

    def _settle(self, piece: _OneRequest, results: Sequence[Answered], gate: Gate) -> bool:
        """Give a piece its results, after repeats where they are safe. Returns whether the gate is open still.

        If a request was refused whole because of what is in it, each of its e-mails goes alone.
        """
        settled, count = self._repeat(piece, results, gate), len(piece.letters)
        if not settled:
            return False
        if len(settled) == count:
            piece.results = settled
        elif settled[0].outcome in _ABOUT_CONTENT:
            piece.results = [self._alone(each, gate) for each in piece.letters]
        else:
            piece.results = [settled[0]] * count
        return None not in piece.results

    def _alone(self, letter: tuple[Outgoing, Letter], gate: Gate) -> Answered | None:
        """Return what becomes of one e-mail in a request of its own; None: the gate is closed."""
        single = _OneRequest(letters=[letter])
        self._make_request(single)
        if single.request is not None and gate.leaves(letter[0]):
            self._settle(single, self._call(single), gate)
        return single.results[0] if single.results else None

    def _make_request(self, piece: _OneRequest) -> None:
        """Make a piece's request. If that isn't possible, its e-mails have failed."""
        try:
            piece.request = self._api.request([letter for _, letter in piece.letters], self._clock.now())
        except Exception as fault:
            told = (
                fault.message if isinstance(fault, Refused) else f"the request can't be made: {_say(fault)}"
            )
            failed = Answered(outcome=DeliveryOutcome.FAILED, reason=told)
            piece.results = [failed] * len(piece.letters)

    def _repeat(self, piece: _OneRequest, results: Sequence[Answered], gate: Gate) -> Sequence[Answered]:
        """Make a request again that surely wasn't carried out, or that the service knows again. Empty: the gate is closed.

        Once an answer was lost, only the service's word about these very e-mails counts: that it took or refuses them. A
        refusal of the request itself (a limit, a key, a fault) says nothing about the one before.
        """
        lost: Sequence[Answered] = ()
        for pause in _PAUSES:
            if _all_are(results, _IN_DOUBT):
                lost = lost or self._forgiven(results, len(piece.letters))
                if self._api.repeats is KeyMemory.NEVER:
                    return lost
            elif not (_all_are(results, _SAYS_NOTHING) if lost else _may_pass_soon(results)):
                return results
            asked = results[0].wait
            self._clock.sleep(min(asked.total_seconds(), _LONGEST_PAUSE) if asked is not None else pause)
            if not _leave(gate, piece.messages):
                return lost
            results = self._call(piece, is_repeat=bool(lost))
        if _all_are(results, _IN_DOUBT) or (lost and _all_are(results, _SAYS_NOTHING)):
            return lost or self._forgiven(results, len(piece.letters))
        return results

    def _forgiven(self, results: Sequence[Answered], count: int) -> list[Answered]:
        """Return lost e-mails as ones that may be handed over again, if the service will know them whenever that is."""
        all_of_them = list(results) if len(results) == count else [results[0]] * count
        if self._api.repeats is not KeyMemory.ALWAYS:
            return all_of_them
        return [replace(one, outcome=DeliveryOutcome.LATER) for one in all_of_them]

    def _call(self, piece: _OneRequest, *, is_repeat: bool = False) -> Sequence[Answered]:
        """Make a piece's request and return its results: one for each e-mail, or one for all. Raises nothing."""
        request, letters = piece.request, [letter for _, letter in piece.letters]
        if request is None:
            return [UNSURE]  # nobody calls it without one
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


def _leave(gate: Gate, messages: Sequence[Outgoing]) -> bool:
    """Note that e-mails leave now, in one transaction of the ledger. Returns whether all of them may."""
    return len(gate.leave_together(messages)) == len(messages)


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


def _all_are(results: Sequence[Answered], outcomes: frozenset[DeliveryOutcome]) -> bool:
    return all(one.outcome in outcomes for one in results)


def _may_pass_soon(results: Sequence[Answered]) -> bool:
    """Return whether a service that takes nothing just now asks to wait for a moment only."""
    first = results[0]
    is_limit = _all_are(results, frozenset({DeliveryOutcome.UNTRIED})) and first.trouble is Trouble.LIMIT
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
