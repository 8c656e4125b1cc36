"""The record of an event kind: everything that campaigns, messages and pages need to know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Generic, Protocol, TypeVar

from tillroll.campaign.text.block import Block
from tillroll.campaign.text.money import say_price
from tillroll.campaign.text.units import spell_duration

Conditions = TypeVar("Conditions", bound=Block)

Facts = Mapping[str, Any]
"""What an entry keeps of its event, by variable: `{"order": {"id": …, "total": …}}`. Values fit into JSON."""

SOMETHING_HAPPENED = "Something happened"
"""The sentence for an event whose facts are missing."""


class SampleSource(Protocol):
    """What a made-up event takes from the store, so that it looks like one of the store's own."""

    def day(self, *, ago: timedelta = timedelta(0)) -> date:
        """Return today's date, or an earlier one, in the campaign's zone."""

    def order_total(self) -> Decimal:
        """Return what an order of the store costs on average."""

    def product(self, *, plentiful: bool = False, of: Sequence[str] = ()) -> Facts:
        """Return the facts of a product that the store sells in these categories: the scarcest one, or the most plentiful."""


@dataclass(frozen=True, kw_only=True)
class EventKind(Generic[Conditions]):
    """Everything that Tillroll knows about one kind of event, such as an abandoned cart."""

    name: str  # its key under `on:` in a campaign file
    conditions: type[Conditions]  # what the file may say about it
    variables: Mapping[str, Mapping[str, str]]
    """What messages know besides the customer: each variable with the meaning of its fields; without fields, any is accepted."""
    say_awaited: Callable[[Conditions, str, timedelta], str]
    """What a campaign waits for: from the conditions, the store's currency (may be empty), and how long after it acts."""
    say_happened: Callable[[Conditions, Facts, str], str]
    """What happened, from the conditions, the facts and the store's currency. Old entries may lack some facts."""
    sample: Callable[[Conditions, SampleSource], Facts]
    """The facts of a made-up event that fulfils the conditions."""
    about_product: bool = False  # it happens to a product, and the audience is `who:`; else to one customer
    default_delay: timedelta = timedelta(0)  # how long after the event a campaign acts without `after:`
    is_yearly: bool = False  # it comes each year, on a day known in advance
    default_again: timedelta | None = None
    """How long after an entry the same customer may enter anew without `again:`; 0: each time; None: never."""
    needs_all_customers: bool = (
        True  # finding its customer needs the whole list; else their own row is enough
    )


def say_when(clause: str, after: timedelta) -> str:
    """Return `when a cart is abandoned`, or `2 hours after a cart is abandoned`."""
    return f"{spell_duration(after)} after {clause}" if after else f"when {clause}"


def say_or_more(amount: Decimal | None, currency: str) -> str:
    """Return ` of €30 or more`; empty without an amount."""
    return "" if amount is None else f" of {say_price(amount, currency)} or more"
