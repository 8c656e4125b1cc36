"""What a receiver of events promises: the webhook, the folder, Klaviyo and Mailchimp."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from tillroll.campaign.text.addresses import same_address
from tillroll.crm.receivers.answers import ReceiverAnswer
from tillroll.ledger.crm.current import CurrentCode
from tillroll.ledger.crm.events import CrmEvent


@dataclass(frozen=True, kw_only=True)
class ComposedEvent:
    """An event as it leaves."""

    id: int  # of its row
    sequence: int
    key: str
    body: str
    is_history: bool = False  # it happened before the feed began

    @classmethod
    def of(cls, event: CrmEvent) -> ComposedEvent:
        """Return an event that has its JSON already."""
        return cls(
            id=event.id,
            sequence=event.sequence or 0,
            key=event.event_key,
            body=event.body,
            is_history=event.rank == 0,
        )


@dataclass(frozen=True, kw_only=True)
class EventBatch:
    """Some events that leave together."""

    store: int  # its number in Ecwid
    number: int
    events: Sequence[ComposedEvent]  # in their order
    current: Mapping[str, CurrentCode] = field(
        default_factory=dict
    )  # by `same_address`: the newest code that works now, for a receiver that shows it
    zone: str = "UTC"  # of the store

    def code_of(self, email: str) -> CurrentCode | None:
        """Return the code that an address has now."""
        return self.current.get(same_address(email))


class Receiver(Protocol):
    """Takes batches of events."""

    name: str  # where it is, for people
    one_of_each: (
        bool  # whether a batch may hold one event of each person only, since single events may be refused
    )

    most: int  # events that it takes at once
    shows_codes: bool  # whether it is told which code a customer has now

    def take(self, batch: EventBatch, now: datetime) -> ReceiverAnswer:
        """Hand a batch over and return the answer. The same batch may be handed over again. Raises nothing but bugs."""
        ...

    def close(self) -> None:
        """Give back what it holds open."""
        ...
