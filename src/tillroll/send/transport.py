"""What every mail transport promises."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from tillroll.campaign.language.models import Via
from tillroll.rendering.mime import Outgoing
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.trouble import Trouble


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What became of one message."""

    message_id: int  # the ledger's row
    outcome: DeliveryOutcome
    reason: str = ""  # for people; empty when it was sent
    trouble: Trouble | None = None  # if the reason is, or may be, nobody's but the transport's
    status: str = ""  # the codes of the answer: two of the same status say the same
    wait: timedelta | None = None  # the transport was asked to wait so long


@dataclass(frozen=True, kw_only=True)
class Departed:
    """An e-mail that left, as the transport's own log has it."""

    key: str  # of the message
    run_id: int
    campaign: str
    to: str
    at: datetime


class Gate(Protocol):
    """What a transport asks before something leaves."""

    def may_leave(self, messages: Sequence[Outgoing]) -> bool:
        """Return whether these messages may leave right now. Once it says no, nothing more may leave."""
        ...

    def leaves(self, message: Outgoing) -> bool:
        """Note that the first byte of a message's content leaves now, and return whether it may. A no is as good as one above.

        Asked by transports that keep no log: whatever is not noted so has surely not left.
        """
        ...

    def leave_together(self, messages: Sequence[Outgoing]) -> frozenset[int]:
        """Do the same for messages on several connections. Returns which may leave, by the ids of their rows."""
        ...


class _Open:
    """Lets everything leave."""

    def may_leave(self, messages: Sequence[Outgoing]) -> bool:
        return True

    def leaves(self, message: Outgoing) -> bool:
        return True

    def leave_together(self, messages: Sequence[Outgoing]) -> frozenset[int]:
        return frozenset(message.message_id for message in messages)


OPEN: Gate = _Open()
"""For e-mails to people of the shop: they are nobody else's to send."""


class Transport(Protocol):
    """A way for e-mails to leave."""

    name: str
    """What this one of its kind is called: stored with each message, and shown. Stores with accounts of their own have others."""

    batch: int
    """How many messages it is given at a time, at most."""

    keeps_log: bool
    """Whether `delivered` and `since` can tell what left."""

    @property
    def via(self) -> Via | None:
        """What `message.send.via` calls it; None: no campaign can ask for it."""
        ...

    def deliver(self, messages: Sequence[Outgoing], gate: Gate = OPEN) -> Iterator[Delivery]:
        """Try each message once and yield one `Delivery` for each, whatever happens.

        The gate is asked right before messages leave. When it says no, they and those behind them stay, and have no outcome.

        Network and server faults are outcomes; they are not raised. A transport that keeps no log yields each outcome before it
        touches the next message, in their order: so a fault of its own is known to be about the next one. One that hands several
        over at once raises nothing after it has asked whether they leave.
        """
        ...

    def delivered(self, keys: Collection[str]) -> frozenset[str] | None:
        """Return which of these messages left already, or None if the transport can't tell.

        It is asked after a process died between handing a message over and recording the outcome.
        """
        ...

    def since(self, moment: datetime) -> Iterator[Departed] | None:
        """Return what left from a moment on, or None if the transport keeps no log. It is asked after a ledger was restored."""
        ...
