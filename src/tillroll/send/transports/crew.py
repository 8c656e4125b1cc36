"""Handing messages over on several connections at once.

Each connection has a thread, which only talks with the server. Whoever asks for the outcomes does everything else: it gives each
thread its next message, asks the gate whether what is ready to leave may leave, for all of those at once, and yields the
outcomes. So the ledger is used by one thread, and at most one message for each connection can be unknown after a crash.

The first connection is made alone: a wrong password is tried once. If the server takes no more connections, those that it takes
do the work.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from tillroll.clock import SystemClock
from tillroll.rendering.mime import Outgoing
from tillroll.send.transport import Delivery, Gate
from tillroll.send.transports.bounded_smtp import BoundedSmtp

_CLOCK = SystemClock()
_MOST_CONNECTIONS_AT_A_MESSAGE = 2  # that may end at it before it left; then it waits


@dataclass(frozen=True, kw_only=True)
class Handed:
    """What came of handing one message over."""

    delivery: Delivery | None  # None: it has not left, since the connection was lost or the gate is closed
    is_lost: bool  # no other message can go by this connection
    has_hung: bool = False  # the server said nothing for as long as it may: nothing else is tried now
    may_not: bool = False  # the gate is closed: nothing more leaves


@dataclass(frozen=True, kw_only=True)
class Trade:
    """How one server's messages are handed over."""

    connect: Callable[[], BoundedSmtp]
    hand_over: Callable[[BoundedSmtp, Outgoing, Gate], Handed]
    unreachable: Callable[
        [Exception], Callable[[Outgoing], Delivery]
    ]  # the outcomes when it can't be reached
    hung: Callable[[Outgoing], Delivery]
    ended_twice: Callable[[Outgoing], Delivery]  # of a message that connections ended at
    connections: int
    pause: float  # seconds between the beginnings of two messages
    most_served: Callable[[], int | None]  # messages on a connection; None: as many as the server takes
    note_end: Callable[[int], None]  # is told after how many messages the server ended a connection


@dataclass(eq=False)
class _Asked:
    """A thread asks whether its message may leave now."""

    message: Outgoing
    answer: SimpleQueue[bool] = field(default_factory=SimpleQueue)


@dataclass(eq=False)
class _Done:
    """A thread is through with its message, or could not connect because of a fault."""

    by: _Hand
    message: Outgoing
    handed: Handed | None
    fault: Exception | None = None
    served: int = 0  # messages that its connection was through with before


class _AskingGate:
    """The gate as a thread sees it: whoever gave it the message has asked whether it may be touched."""

    def __init__(self, events: SimpleQueue[_Asked | _Done]) -> None:
        self._events = events

    def may_leave(self, messages: Sequence[Outgoing]) -> bool:
        return True

    def leaves(self, message: Outgoing) -> bool:
        asked = _Asked(message)
        self._events.put(asked)
        return asked.answer.get()

    def leave_together(self, messages: Sequence[Outgoing]) -> frozenset[int]:
        return frozenset(message.message_id for message in messages if self.leaves(message))


class _Hand(threading.Thread):
    """One connection, made when its first message comes, and again when it was lost."""

    def __init__(self, trade: Trade, events: SimpleQueue[_Asked | _Done]) -> None:
        super().__init__(name="tillroll-smtp", daemon=True)
        self._trade, self._events = trade, events
        self.inbox: SimpleQueue[Outgoing | None] = SimpleQueue()

    def run(self) -> None:
        gate, connection, served = _AskingGate(self._events), None, 0
        try:
            while (message := self.inbox.get()) is not None:
                try:
                    if connection is None:
                        connection, served = self._trade.connect(), 0
                    handed = self._trade.hand_over(connection, message, gate)
                except (
                    Exception
                ) as fault:  # whatever it is, it isn't the fault of the message: nothing of it has left
                    self._events.put(_Done(self, message, None, fault))
                    return
                done = _Done(self, message, handed, served=served)
                served += 1
                most = self._trade.most_served()
                if handed.is_lost or (most is not None and served >= most):
                    connection.close()
                    connection = None
                self._events.put(done)
        finally:
            if connection is not None:
                connection.close()


class Crew:
    """Some messages, and the connections that they leave by."""

    def __init__(self, trade: Trade, messages: Sequence[Outgoing], gate: Gate) -> None:
        self._trade, self._gate = trade, gate
        self._waiting = deque(messages)
        self._events: SimpleQueue[_Asked | _Done] = SimpleQueue()
        self._most = min(trade.connections, len(messages))
        self._hands: list[_Hand] = []
        self._idle: list[_Hand] = []
        self._busy = 0
        self._asked: list[_Asked] = []  # threads that wait for an answer
        self._ended_at: Counter[int] = Counter()  # how many connections ended at a message
        self._ended_new_at: Counter[int] = (
            Counter()
        )  # those that had served none: a used one may just be used up
        self._next_at = 0.0
        self._is_closed = False
        self._why_stopped: Callable[[Outgoing], Delivery] | None = None  # the outcome of all that are left

    def hand_all_over(self) -> Iterator[Delivery]:
        """Hand the messages over, and yield what became of each that didn't stay. The threads end with it."""
        try:
            self._add_hand()
            while True:
                self._give_out()
                if not self._busy and (not self._waiting or self._is_over):
                    break
                yield from self._take_in()
            if self._why_stopped is not None and not self._is_closed:
                yield from map(self._why_stopped, self._waiting)
        finally:
            self._end()

    @property
    def _is_over(self) -> bool:
        return self._is_closed or self._why_stopped is not None

    def _add_hand(self) -> None:
        hand = _Hand(self._trade, self._events)
        self._hands.append(hand)
        self._idle.append(hand)
        hand.start()

    def _give_out(self) -> None:
        """Give each idle thread a message, as long as they may leave and it is time."""
        while self._waiting and self._idle and not self._is_over and _CLOCK.monotonic() >= self._next_at:
            if not self._gate.may_leave([self._waiting[0]]):
                self._is_closed = True
                return
            self._next_at = max(self._next_at, _CLOCK.monotonic() - self._trade.pause) + self._trade.pause
            self._busy += 1
            self._idle.pop().inbox.put(self._waiting.popleft())

    def _take_in(self) -> Iterator[Delivery]:
        """Wait until something happens, yield the outcomes that are there, and let leave what is ready."""
        for event in self._happened():
            if isinstance(event, _Asked):
                self._asked.append(event)
                continue
            self._busy -= 1
            delivery = self._settled(event)
            if delivery is not None:
                yield delivery
        if not self._asked:
            return
        while len(self._hands) < self._most:  # the server takes messages: more connections are worth it
            self._add_hand()
        ours = self._gate.leave_together([each.message for each in self._asked])
        while self._asked:
            asked = self._asked.pop()
            asked.answer.put(asked.message.message_id in ours)

    def _happened(self) -> Iterator[_Asked | _Done]:
        """Yield what has happened, after a wait for the first; nothing, if it is time for the next message before."""
        may_give = self._waiting and self._idle and not self._is_over
        wait = max(0.0, self._next_at - _CLOCK.monotonic()) if may_give else None
        with suppress(Empty):
            yield self._events.get(timeout=wait)
            while True:
                yield self._events.get_nowait()

    def _settled(self, done: _Done) -> Delivery | None:
        """Return what became of a message; None if it waits again, or stays."""
        handed = done.handed
        if handed is None:
            self._waiting.appendleft(done.message)
            self._most = len(self._hands) - 1  # the server takes no more
            self._hands.remove(done.by)
            if not self._hands and done.fault is not None:
                self._why_stopped = self._trade.unreachable(done.fault)
            return None
        self._idle.append(done.by)
        if handed.delivery is not None:
            return handed.delivery
        if handed.may_not:
            self._is_closed = True
            return None
        if handed.has_hung:
            self._why_stopped = self._trade.hung
            return self._trade.hung(done.message)
        self._trade.note_end(done.served)
        message_id = done.message.message_id
        self._ended_at[message_id] += 1
        self._ended_new_at[message_id] += not done.served
        most = _MOST_CONNECTIONS_AT_A_MESSAGE
        if self._ended_new_at[message_id] >= most or self._ended_at[message_id] >= most + self._most:
            return self._trade.ended_twice(done.message)
        self._waiting.appendleft(done.message)
        return None

    def _end(self) -> None:
        """End the threads. A message that waits for its leave doesn't get it."""
        for asked in self._asked:
            asked.answer.put(False)
        for hand in self._hands:
            hand.inbox.put(None)
        while any(hand.is_alive() for hand in self._hands):
            with suppress(Empty):
                event = self._events.get(timeout=0.05)
                if isinstance(event, _Asked):
                    event.answer.put(False)
