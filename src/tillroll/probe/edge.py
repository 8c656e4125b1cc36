"""Carrying out a fact's conversation with a store: its requests are sent, and what they made is deleted again."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from tillroll.campaign.figures.retry import RetryPolicy
from tillroll.clock import Clock
from tillroll.ecwid.http.answers import Unreadable, parse, unpack
from tillroll.ecwid.http.connection import Connection
from tillroll.ecwid.http.errors import StoreBusy
from tillroll.ecwid.http.session import HttpAnswer
from tillroll.errors import OutcomeUnknown, TryLater
from tillroll.probe.conversation import (
    Ask,
    Depth,
    Fact,
    Kind,
    MakeSample,
    Reply,
    Setting,
    Step,
    Unlearned,
    Wait,
)
from tillroll.probe.decide import FactFinding, refusal

_LONGEST_WAIT = timedelta(minutes=3)
"""For a store that accepts no more calls."""
_RETRIES = RetryPolicy(attempts=4, first_pause=timedelta(seconds=0.3), growth=3)
"""For a store that can't be reached."""
_GONE = {HTTPStatus.OK, HTTPStatus.NOT_FOUND}


@dataclass(frozen=True, kw_only=True)
class Made:
    """Something that a probe has made in the store."""

    kind: Kind
    identity: str

    @property
    def path(self) -> str:
        """Return its endpoint."""
        return f"{self.kind.path}/{quote(self.identity, safe='')}"


@dataclass(kw_only=True)
class ProbeTalk:
    """The talk with one store."""

    connection: Connection
    stranger: Connection  # the same store, with a token that no store has given
    clock: Clock
    depth: Depth
    mark: str
    storage_key: str
    _made: list[Made] = field(default_factory=list)
    _left: list[Made] = field(default_factory=list)

    @property
    def left(self) -> list[Made]:
        """Return what was made and is not known to be deleted."""
        return [*self._left, *self._made]

    def learn(self, fact: Fact) -> FactFinding:
        """Have a fact's conversation. Raises what ends the whole probe: `NeedsPerson`, `TryLater`."""
        if fact.depth > self.depth:
            return FactFinding(fact=fact, needs=fact.depth)
        try:
            return FactFinding(fact=fact, setting=self._converse(fact.talk(self.mark)))
        except Unlearned as unlearned:
            return FactFinding(fact=fact, reason=str(unlearned))
        except _NeedsMore as more:
            return FactFinding(fact=fact, needs=more.depth)
        except OutcomeUnknown:
            return FactFinding(fact=fact, reason="the store's answer to a write was lost")
        finally:
            self._tidy_up()

    def delete(self, made: Made) -> bool:
        """Delete something that a probe has made; return whether it is gone."""
        try:
            return self._ask(self.connection, Ask(method="DELETE", path=made.path)).status in _GONE
        except OutcomeUnknown:
            return False

    def _converse(self, talk: Generator[Step, Reply, Setting]) -> Setting:
        try:
            step = next(talk)
            while True:
                step = talk.send(self._carry_out(step))
        except StopIteration as end:
            setting: Setting = end.value
            return setting
        finally:
            talk.close()

    def _carry_out(self, step: Step) -> Reply:
        match step:
            case Wait(seconds):
                self.clock.sleep(seconds)
                return Reply(at=self.clock.now().timestamp())
            case MakeSample():
                return self._make(step)
            case Ask(stranger=True):
                return self._ask(self.stranger, step)
        if step.method != "GET":
            self._require(Depth.WRITE)
        if step.path.startswith(Kind.STORAGE.path) and step.method == "PUT":
            self._made.append(Made(kind=Kind.STORAGE, identity=self.storage_key))
        reply = self._ask(self.connection, step)
        return reply if step.even_refused else _require_usual(reply)

    def _make(self, step: MakeSample) -> Reply:
        self._require(step.kind.depth)
        reply = self._ask(self.connection, Ask(method="POST", path=step.kind.path, body=dict(step.body)))
        identity = reply.get("id") or reply.get("key")
        if reply.accepted and isinstance(identity, int | str):
            self._made.append(Made(kind=step.kind, identity=str(identity)))
            if step.kind is Kind.ORDER:
                self._note_buyer(str(identity))
        return _require_usual(reply)

    def _note_buyer(self, order: str) -> None:
        """Remember the customer that the store has made of an order's buyer."""
        reply = self._ask(self.connection, Ask(method="GET", path=f"/orders/{order}"))
        if isinstance(customer := reply.get("customerId"), int):
            buyer = Made(kind=Kind.CUSTOMER, identity=str(customer))
            if buyer not in self._made:
                self._made.append(buyer)

    def _require(self, depth: Depth) -> None:
        if self.depth < depth:
            raise _NeedsMore(depth)

    def _tidy_up(self) -> None:
        """Delete what the conversation has made, the newest first: its code may be the id of an older one."""
        while self._made:
            if not self.delete(self._made[-1]):
                self._left.append(self._made[-1])
            self._made.pop()

    def _ask(self, connection: Connection, step: Ask) -> Reply:
        """Send a request when the store allows it. Raises `TryLater` if that takes too long, or the store can't be reached."""
        until, attempts = self.clock.now() + _LONGEST_WAIT, 1
        while True:
            asked_at = self.clock.now().timestamp()
            try:
                answer = connection.ask(step.method, step.path, query=step.query, body=step.body)
            except TryLater as later:  # nothing was done
                busy = isinstance(later, StoreBusy)
                if later.retry_at > until or not (busy or _RETRIES.may_try_again(attempts)):
                    raise
                pause = (later.retry_at - self.clock.now()) if busy else _RETRIES.pause_before(attempts)
                self.clock.sleep(max(0.0, pause.total_seconds()))
                attempts += 1
            else:
                return _reply(answer, asked_at, self.clock.now().timestamp())


class _NeedsMore(Exception):
    """The conversation needs a probe that goes further."""

    def __init__(self, depth: Depth) -> None:
        super().__init__(depth.name)
        self.depth = depth


def _reply(answer: HttpAnswer, asked_at: float, at: float) -> Reply:
    try:
        body: Any = parse(unpack(answer.body, answer.headers.get("Content-Encoding", "")))
    except Unreadable:
        body = None
    return Reply(
        status=answer.status,
        headers=answer.headers,
        body=body,
        empty=not answer.body.strip(),
        asked_at=asked_at,
        at=at,
    )


def _require_usual(reply: Reply) -> Reply:
    """Raise `Unlearned` for an answer that says nothing about the question: a missing right, a failing store."""
    reason = refusal(reply)
    if reason:
        raise Unlearned(reason)
    return reply
