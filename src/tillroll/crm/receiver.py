"""What a receiver of events promises: the webhook and the folder are two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tillroll.crm.compose import ComposedEvent
from tillroll.crm.decide import ReceiverAnswer


@dataclass(frozen=True, kw_only=True)
class EventBatch:
    """Some events that leave together."""

    store: int  # its number in Ecwid
    number: int
    events: Sequence[ComposedEvent]  # in their order


class Receiver(Protocol):
    """Takes batches of events."""

    name: str  # where it is, for people
    one_of_each: (
        bool  # whether a batch may hold one event of each person only, since single events may be refused
    )

    def take(self, batch: EventBatch, now: datetime) -> ReceiverAnswer:
        """Hand a batch over and return the answer. The same batch may be handed over again. Raises nothing but bugs."""
        ...

    def close(self) -> None:
        """Give back what it holds open."""
        ...
