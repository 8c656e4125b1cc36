"""How messages leave: the promise every transport keeps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tillroll.send.decide import Outcome
from tillroll.send.mime import Outgoing


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What became of one message."""

    message_id: int
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Departed:
    """An e-mail that left, as the transport's own record has it."""

    key: str
    run_id: int
    campaign: str
    to: str
    at: datetime


class Transport(Protocol):
    """Something that takes e-mails. Its `name` is kept with each message."""

    name: str

    def deliver(self, messages: Sequence[Outgoing]) -> Iterator[Delivery]:
        """Try each message once and say what became of it; one `Delivery` a message, whatever happens. Raises nothing
        that a transport can run into: troubles are outcomes."""
        ...

    def delivered(self, keys: Collection[str]) -> frozenset[str] | None:
        """Which of these left already, or None when the transport can't tell. Asked after a process died in between."""
        ...

    def since(self, moment: datetime) -> Iterator[Departed] | None:
        """What left from then on, or None when the transport keeps no record. Asked after a ledger was restored."""
        ...
