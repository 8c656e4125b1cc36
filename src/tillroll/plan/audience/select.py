"""Select the recipients of a run from its segment, and count why the others are excluded.

Customers are plain rows and recipients plain dicts here, since there may be hundreds of thousands.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.holdout import EVERYWHERE, arm_of, is_held_back
from tillroll.campaign.figures.spread import Spread
from tillroll.campaign.frozen.names import usable_name
from tillroll.campaign.frozen.proposal import RECIPIENT_FIELDS
from tillroll.campaign.language.capped import CART_SUBTOTAL, expected_basket
from tillroll.campaign.language.translations import choose_translation
from tillroll.campaign.language.value import Figure
from tillroll.ledger.engine import streaming
from tillroll.ledger.tables import customers
from tillroll.plan.audience.people import SharedAddress, people_of
from tillroll.plan.audience.query import FLAGS, HAD_ENOUGH, STOPPED, AudienceQuery, AudienceRequest
from tillroll.rendering.reading.people import AwkwardPeople

FIGURES = (customers.c.orders, customers.c.spent, customers.c.last_order_at)
"""The columns that a customer's own value is computed from."""

COLUMNS = (*(customers.c[name] for name in RECIPIENT_FIELDS), customers.c.accepts_marketing, *FIGURES)
"""The columns that are read of a customer."""


CustomerRow = sa.Row[Any]
"""A row with `COLUMNS`, plain since there may be hundreds of thousands."""


@dataclass(kw_only=True)
class CapCount:
    """What the recipients of an arm get of a percentage with a cap."""

    full: int = 0  # how many get the whole cap
    unknown: int = 0  # of all, how many have no expected basket
    least: Decimal | None = None  # of those who get less than the cap
    most: Decimal | None = None

    def take(self, value: Decimal, cap: Decimal, *, is_known: bool) -> None:
        """Count one recipient."""
        self.unknown += not is_known
        if value == cap:
            self.full += 1
            return
        self.least = value if self.least is None else min(self.least, value)
        self.most = value if self.most is None else max(self.most, value)


_MOST_DOMAINS = 20_000


@dataclass(kw_only=True)
class Selection:
    """What was counted while an audience was read."""

    matched: int = 0  # customers in the segment
    excluded: Counter[str] = field(default_factory=Counter)  # of those, by the reason why they get nothing
    count: int = 0  # recipients
    nameless: int = 0  # of those, how many have no first name that can be used
    orders: int = 0  # orders of all recipients together
    spent: Decimal = Decimal(0)  # the amount spent by all recipients together
    largest_average: Decimal = Decimal(0)  # the largest average order of a recipient
    averages: Spread = field(default_factory=Spread)  # the average order of each recipient
    arms: Counter[str] = field(default_factory=Counter)  # recipients by arm
    buyers: Counter[str] = field(default_factory=Counter)  # of those, who have ordered, by arm
    newcomers: Counter[str] = field(
        default_factory=Counter
    )  # and who have not; codes of a pool count in arms alone, since nobody has them yet
    languages: Counter[str] = field(
        default_factory=Counter
    )  # by the translation they get; empty: the campaign's own
    values: dict[str, Decimal] = field(default_factory=dict)  # the sum of their own values, by arm
    least_value: Decimal | None = None
    most_value: Decimal | None = None
    caps: dict[str, CapCount] = field(default_factory=dict)  # by arm, of offers that have a cap
    countries: Counter[str] = field(default_factory=Counter)  # recipients by where they live
    domains: Counter[str] = field(
        default_factory=Counter
    )  # by the domain of their address; of many only the largest
    awkward: AwkwardPeople = field(default_factory=AwkwardPeople)  # recipients to try the e-mails with
    held_back: array[int] = field(
        default_factory=lambda: array("q")
    )  # the control group: numbers of customers, until they are written
    in_control: int = 0  # how many those are in all
    held_everywhere: array[int] = field(
        default_factory=lambda: array("q")
    )  # the control group of all campaigns, until they are written

    def take(self, row: CustomerRow, arm: str, value: Decimal | None) -> None:
        """Count one recipient; `value` is their own value of the offer, if they have one."""
        self.count += 1
        orders, spent = row.orders, row.spent
        self.orders += orders
        self.spent += spent
        if orders:
            average = spent / orders
            self.largest_average = max(self.largest_average, average)
            self.averages.add(average, orders)
        (self.buyers if orders else self.newcomers)[arm] += 1
        self.arms[arm] += 1
        self.countries[row.country] += 1
        self.domains[row.email.rpartition("@")[2].lower()] += 1
        if len(self.domains) > _MOST_DOMAINS:
            self.domains = Counter(dict(self.domains.most_common(_MOST_DOMAINS // 2)))
        if value is not None:
            self.values[arm] = self.values.get(arm, Decimal(0)) + value
            self.least_value = value if self.least_value is None else min(self.least_value, value)
            self.most_value = value if self.most_value is None else max(self.most_value, value)


class RecipientFilter:
    """Decides which customers of a segment are recipients, and counts the others by reason in the selection.

    Customers without consent or address are never recipients, whatever the segment says.
    """

    def __init__(
        self,
        request: AudienceRequest,
        selection: Selection,
        people: Mapping[int, SharedAddress] | None = None,
    ) -> None:
        self.request, self.selection = request, selection
        self._name, self._who = request.revision.name, request.revision.campaign.who
        self._store_holdout = request.revision.store_holdout
        self._people = people or {}
        revision = request.revision
        self._cleans_names = revision.guardrails.clean_names
        self._translations = _translations(request)
        self._weights = [(variant.name, variant.weight) for variant in revision.campaign.variants]
        campaigns = {arm: revision.as_run(step=request.step, arm=arm) for arm in revision.arms}
        self._offers = {arm: each.offer for arm, each in campaigns.items() if each.has_own_values}
        self.own_values = bool(self._offers)

    def recipient(self, row: CustomerRow, flags: int) -> dict[str, Any] | None:
        """Return a customer of the segment as a recipient, or None; `flags` is what `AudienceQuery.every` answers."""
        self.selection.matched += 1
        person = self._people.get(row.customer_id)
        arm = self._arm(row.customer_id if person is None else person.first) if self._weights else ""
        reason = _why_excluded(row, self.request, flags, person) or self._why_left_out(row, arm, person)
        value = None
        if not reason and self.own_values:
            value, reason = self._value(row, arm, count=True)
        if reason:
            self.selection.excluded[reason] += 1
            return None
        self.selection.take(row, arm, value)
        if self._translations:
            self.selection.languages[choose_translation(row.language, self._translations[arm])] += 1
        recipient: dict[str, Any] = dict(zip(RECIPIENT_FIELDS, row, strict=False))  # the first of `COLUMNS`
        if self._cleans_names:
            recipient["name"] = usable_name(recipient["name"])
            recipient["first_name"] = usable_name(recipient["first_name"])
        recipient["arm"], recipient["value"] = arm, value
        self.selection.nameless += not recipient["first_name"]
        self.selection.awkward.take(recipient)
        return recipient

    def is_recipient(self, row: CustomerRow) -> bool:
        """Return whether a customer whom `AudienceQuery.included` finds is a recipient, apart from the limit."""
        if self._is_held_everywhere(row.customer_id) or self.is_held_back(row.customer_id):
            return False
        return not self.own_values or not self._value(row, self._arm(row.customer_id))[1]

    def _why_left_out(self, row: CustomerRow, arm: str, person: SharedAddress | None) -> str:
        """Return why somebody who may be written to is no recipient; empty if they are one.

        The control group is who would have been a recipient: within the limit, and with a value of their own if there are any.
        """
        limit = self._who.limit
        is_full = limit is not None and self.selection.count >= limit
        first = row.customer_id if person is None else person.first
        if self._store_holdout is not None and self._is_held_everywhere(first):
            if not is_full and not (self.own_values and self._value(row, arm)[1]):
                self.selection.held_everywhere.append(row.customer_id)
            return EVERYWHERE
        if self.is_held_back(first):
            if not is_full and not (self.own_values and self._value(row, arm)[1]):
                self.selection.held_back.append(row.customer_id)
                self.selection.in_control += 1
            return "control group"
        return f"over the limit of {limit}" if is_full else ""

    def is_held_back(self, customer_id: int) -> bool:
        """Return whether a customer is in the campaign's own control group."""
        return is_held_back(
            campaign=self._name, customer_id=customer_id, share=self._who.holdout, key=self.request.key
        )

    def _is_held_everywhere(self, customer_id: int) -> bool:
        request, rules = self.request, self._store_holdout
        return rules is not None and rules.holds_back(
            campaign=request.revision.name, customer_id=customer_id, key=request.key, now=request.now
        )

    def _arm(self, customer_id: int) -> str:
        return arm_of(campaign=self._name, customer_id=customer_id, arms=self._weights, key=self.request.key)

    def _value(self, row: CustomerRow, arm: str, *, count: bool = False) -> tuple[Decimal | None, str]:
        """Return a customer's own value of the offer, and why they get nothing, if so. `count`: count what a cap does to it."""
        offer = self._offers.get(arm)
        if offer is None:
            return None, ""
        figures = figures_of(row, self.request.facts, self.request.now)
        value = offer.value_for(figures, self.request.unit)
        if count and value is not None and offer.at_most is not None:
            caps = self.selection.caps.setdefault(arm, CapCount())
            caps.take(value, offer.at_most, is_known=expected_basket(figures) is not None)
        return value, "too little for a code" if value is None else ""


def _translations(request: AudienceRequest) -> Mapping[str, frozenset[str]]:
    """Return the languages that each arm's e-mail is translated to; empty if none is."""
    revision = request.revision
    messages = {arm: revision.as_run(step=request.step, arm=arm).message for arm in revision.arms}
    translations = {
        arm: revision.translations(message.template) if message is not None else frozenset[str]()
        for arm, message in messages.items()
    }
    return translations if any(translations.values()) else {}


def select_recipients(
    connection: Connection, request: AudienceRequest, selection: Selection
) -> Iterator[dict[str, Any]]:
    """Yield the recipients in the order of their customer ids; `selection` counts them, and the others by reason."""
    recipient_filter = RecipientFilter(request, selection, people_of(connection, request))
    with streaming(connection, AudienceQuery(connection, request).every(*COLUMNS)) as rows:
        for row in rows:
            recipient = recipient_filter.recipient(row, row.flags)
            if recipient is not None:
                yield recipient


def figures_of(row: CustomerRow, facts: Mapping[str, Any], now: datetime) -> dict[str, Decimal]:
    """Return the figures of a customer that a formula or a table may use; `facts` are those of the run's event, if any."""
    figures = {Figure.ORDERS: Decimal(row.orders), Figure.SPENT: Decimal(row.spent)}
    if row.orders:
        figures[Figure.AVERAGE_ORDER] = Decimal(row.spent) / row.orders
    if row.last_order_at is not None:
        figures[Figure.DAYS_SINCE_LAST_ORDER] = Decimal((now - row.last_order_at).days)
    for figure, name in ((Figure.ORDER_TOTAL, "order"), (Figure.CART_TOTAL, "cart")):
        if name in facts:
            figures[figure] = Decimal(str(facts[name]["total"]))
    known = {figure.value: number for figure, number in figures.items()}
    if subtotal := facts.get("cart", {}).get("subtotal"):
        known[CART_SUBTOTAL] = Decimal(str(subtotal))
    return known


def _why_excluded(
    row: CustomerRow, request: AudienceRequest, flags: int, person: SharedAddress | None
) -> str:
    """Return why a customer of the segment may not be written to; empty if they may.

    What excludes one customer of a person excludes them all.
    """
    who = request.revision.campaign.who
    if exclusion := (flags & ~FLAGS) or (person.exclusion if person is not None else 0):
        return f"in {who.exclude[exclusion - 1]}"
    if flags & STOPPED:
        return "unsubscribed, or can't be reached"
    if row.accepts_marketing is not True:
        return "no consent to e-mails"
    if person is not None and person.refused:
        return "refused e-mails as another customer with the same address"
    if "@" not in row.email:
        return "no e-mail address"
    if flags & HAD_ENOUGH or (person is not None and person.had_enough):
        most = request.revision.guardrails.messages_per_person_per_week or 0
        return f"had {most} e-mail{'s' if most > 1 else ''} in the last 7 days"
    if person is not None and person.chosen != row.customer_id:
        return "same person"
    return ""
