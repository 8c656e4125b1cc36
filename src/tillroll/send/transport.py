"""What every mail transport promises."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tillroll.rendering.mime import Outgoing
from tillroll.send.decide import DeliveryOutcome


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What became of one message."""

    message_id: int  # the ledger's row
    outcome: DeliveryOutcome
    reason: str = ""  # for people; empty when it was sent


@dataclass(frozen=True, kw_only=True)
class Departed:
    """An e-mail that left, as the transport's own log has it."""

    key: str  # of the message
    run_id: int
    campaign: str
    to: str
    at: datetime


MayLeave = Callable[[Sequence[Outgoing]], bool]
"""Whether these messages may leave right now. Once it says no, nothing more may leave."""


def always(_messages: Sequence[Outgoing]) -> bool:
    """Let everything leave: e-mails to people of the shop are nobody else's to send."""
    return True


class Transport(Protocol):
    """A way for e-mails to leave."""

    name: str
    """What `message.send.via` calls it; stored with each message."""

    def deliver(self, messages: Sequence[Outgoing], may_leave: MayLeave = always) -> Iterator[Delivery]:
        """Try each message once and yield one `Delivery` for each, whatever happens.

        `may_leave` is asked right before messages leave. When it says no, they and those behind them stay, and have no outcome.

        Network and server faults are outcomes; they are not raised. A transport whose `delivered` can't tell yields each outcome
        before it touches the next message, in their order: so a fault of its own is known to be about the next one.
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
