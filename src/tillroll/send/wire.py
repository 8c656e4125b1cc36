"""What the ledger learns right before a message leaves, and right after: so a sender that dies leaves at most one unknown.

A transport without a log of its own can't say afterwards what left. Before it sends the end of a message, one transaction marks
the message as leaving and writes the outcomes of those before it. Whoever settles the claim of a dead sender finds that the
other messages have surely not left (`outcomes.py`).

When the same answer comes again and again, or the transport itself is in trouble, the wire closes: nothing more leaves, and the
messages that met the trouble are as if they had not been tried (`hold.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.models import IfUnknown
from tillroll.campaign.states import MessageState, WireState
from tillroll.ledger.records import Run
from tillroll.ledger.tables import messages, runs
from tillroll.rendering.mime import Outgoing
from tillroll.send.context import SendContext
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.lease import Lease
from tillroll.send.outcomes import record, record_now, take_back
from tillroll.send.transport import Delivery
from tillroll.send.trouble import IN_A_ROW, MOST_LOST

_MARK = (  # made once: it is executed for each message
    sa.update(messages)
    .where(
        messages.c.id == sa.bindparam("message"),
        messages.c.state == MessageState.SENDING,
        messages.c.owner == sa.bindparam("by"),
        messages.c.sending_at == sa.bindparam("claimed_at"),
        sa.exists().where(runs.c.id == sa.bindparam("run"), runs.c.state == sa.bindparam("run_state")),
    )
    .values(wire=WireState.LEAVING)
)
_REFUSALS = frozenset({DeliveryOutcome.DOUBTFUL, DeliveryOutcome.LATER})


class Wire:
    """The gate for one claim, and what became of its messages."""

    def __init__(
        self, context: SendContext, run: Run, lease: Lease, *, if_unknown: IfUnknown, is_probe: bool = False
    ) -> None:
        """`is_probe`: the transport is held, and one message finds out whether it still is."""
        self._context, self._run, self._lease = context, run, lease
        self._if_unknown, self._most_alike = if_unknown, 1 if is_probe else IN_A_ROW
        self._pending: list[Delivery] = []  # outcomes that the ledger doesn't have yet
        self._alike: list[Delivery] = []  # the latest outcomes, if they are refusals of one kind
        self._lost = 0  # answers, in a row
        self._written: set[int] = set()
        self._untried: set[int] = set()  # written as tried before the transport's trouble was known
        self.on_the_wire: set[int] = set()  # messages that may have left and have no outcome yet
        self.trouble: Delivery | None = None  # what shows that the transport is in trouble
        self.fault: Exception | None = None  # nothing more leaves because of it
        self.was_answered = False  # the server spoke about a message, so the transport works

    @property
    def has_ended(self) -> bool:
        """Return whether nothing more may leave of this claim."""
        return self._lease.has_ended or self.trouble is not None or self.fault is not None

    def may_leave(self, messages: Sequence[Outgoing]) -> bool:
        """Return whether these messages may leave right now. Raises nothing: a fault closes the wire, and is raised later."""
        if self.has_ended:
            return False
        try:
            may = self._lease.may_leave(messages)
        except Exception as fault:
            self.fault = fault
            return False
        self.fault = self._lease.fault
        return may

    def leaves(self, message: Outgoing) -> bool:
        """Mark a message as leaving, if the claim on it still holds, and write the outcomes so far. Raises nothing."""
        return message.message_id in self.leave_together([message])

    def leave_together(self, messages: Sequence[Outgoing]) -> frozenset[int]:
        """Do the same for several messages, each on a connection of its own, in one transaction. Returns which may leave."""
        if self.trouble is not None or self.fault is not None:
            return frozenset()
        try:
            ours = self._write_and_mark([message.message_id for message in messages])
        except Exception as fault:
            self._context.database.failed(fault)
            self.fault = fault
            return frozenset()
        if len(ours) < len(messages):
            self._lease.has_ended = True
        self.on_the_wire |= ours
        return ours

    def note(self, delivery: Delivery) -> None:
        """Take the outcome of a message."""
        self._pending.append(delivery)
        self.on_the_wire.discard(delivery.message_id)
        if delivery.outcome is DeliveryOutcome.UNTRIED:
            self.trouble = self.trouble or delivery
        elif delivery.outcome is DeliveryOutcome.UNKNOWN:
            self._note_lost(delivery)
        elif delivery.trouble is not None and delivery.outcome in _REFUSALS:
            same = [
                one for one in self._alike if (one.trouble, one.status) == (delivery.trouble, delivery.status)
            ]
            self._alike = [*same, delivery]
            if len(self._alike) >= self._most_alike:
                self._close_for(delivery)
        else:
            self._alike, self._lost = [], 0
            self.was_answered = True

    def _note_lost(self, delivery: Delivery) -> None:
        """Close the wire when answers are lost one after the other: each costs a message that nobody can be sure of."""
        self._lost += 1
        if delivery.trouble is not None and self._lost >= min(MOST_LOST, self._most_alike):
            self.trouble = delivery

    def settle(self) -> None:
        """Write what the ledger doesn't have yet, and give back what did not leave. Waits for a database that is away.

        Raises what the database failed with meanwhile.
        """
        record(
            self._context,
            self._run,
            self._pending,
            self._unwritten(self._lease.claimed_at),
            if_unknown=self._if_unknown,
            owner=self._context.owner,
            maybe_at=self._unwritten(self._lease.maybe_at),
        )
        take_back(self._context, {each: self._lease.claimed_at[each] for each in self._untried})
        if self.fault is not None:
            raise self.fault

    def _close_for(self, delivery: Delivery) -> None:
        """Close the wire: the refusals of one kind are nobody's but the transport's, so these messages were not tried."""
        self.trouble = delivery
        alike = {one.message_id for one in self._alike}
        self._untried = alike & self._written
        self._pending = [
            replace(one, outcome=DeliveryOutcome.UNTRIED) if one.message_id in alike else one
            for one in self._pending
        ]

    def _unwritten(self, moments: Mapping[int, datetime]) -> dict[int, datetime]:
        """Return the moments of the messages whose outcome the ledger doesn't have."""
        return {message_id: at for message_id, at in moments.items() if message_id not in self._written}

    def _write_and_mark(self, message_ids: Sequence[int]) -> frozenset[int]:
        """Write the outcomes so far, and mark messages as leaving, in one transaction. Returns which may leave."""
        ours: frozenset[int] = frozenset()

        def mark(connection: Connection) -> None:
            nonlocal ours
            ours = frozenset(each for each in message_ids if self._mark(connection, each))

        record_now(
            self._context,
            self._run,
            self._pending,
            {one.message_id: self._lease.claimed_at[one.message_id] for one in self._pending},
            if_unknown=self._if_unknown,
            owner=self._context.owner,
            also=mark,
        )
        self._written |= {one.message_id for one in self._pending}
        self._pending = []
        return ours

    def _mark(self, connection: Connection, message_id: int) -> bool:
        ours = {
            "message": message_id,
            "by": self._context.owner,
            "claimed_at": self._lease.claimed_at[message_id],
            "run": self._run.id,
            "run_state": self._run.state,
        }
        return connection.execute(_MARK, ours).rowcount == 1
