"""What an e-mail may say: the figures, days and links that are true of its offer, its code, its event and its store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from tillroll.campaign.language.models import Offer, OfferKind, Uses


@dataclass(frozen=True, kw_only=True)
class CodeTerms:
    """What limits the use of a code."""

    is_limited: bool = False  # it is for some goods alone
    has_minimum: bool = False  # it works from an amount on
    is_once: bool = False  # it works once, or once for each customer

    @classmethod
    def of(cls, offer: Offer) -> CodeTerms:
        """Return the terms of an offer. A percentage with a cap works from a minimum on."""
        return cls(
            is_limited=offer.applies_to is not None,
            has_minimum=offer.minimum_subtotal is not None or offer.at_most is not None,
            is_once=offer.uses is not Uses.UNLIMITED,
        )


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The facts that the words of one e-mail are compared with."""

    today: date  # by the store's clock
    language: str  # of the store, like `en`
    currency: str
    store_url: str
    names: tuple[str, ...] = ()  # of the recipient, which may hold anything
    kind: OfferKind | None = None  # None: the e-mail shows no code
    code: str = ""
    value: Decimal | None = None  # the recipient's own
    percents: frozenset[Decimal] = frozenset()  # that the offer gives to this recipient or to others
    off: frozenset[Decimal] = frozenset()  # amounts that the offer takes off
    amounts: frozenset[Decimal] = frozenset()  # other amounts: the minimum, the event's totals and prices
    leaves: date | None = None  # the day on which the e-mail leaves; None: not known, so "today" isn't read
    is_leaving_sure: bool = True  # otherwise it may leave on another day, like the next one of a schedule
    terms: CodeTerms = CodeTerms()
    ends: date | None = None  # the last day of the code
    days: frozenset[date] = field(
        default_factory=frozenset
    )  # all days that are true: first, last, the event's
