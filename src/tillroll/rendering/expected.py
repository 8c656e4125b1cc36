"""What an e-mail may say, from the facts that it is filled in with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tillroll.campaign.language.models import AMOUNT_KINDS, PERCENT_KINDS, Offer, PerCustomer
from tillroll.campaign.reading.expected import CodeTerms, Expected
from tillroll.campaign.text.zones import zone_of
from tillroll.rendering.facts import CodeFacts, RecipientFacts, StoreFacts
from tillroll.rendering.last_moment import last_day


@dataclass(frozen=True, kw_only=True)
class LeavingTime:
    """When an e-mail leaves, if everything goes as planned."""

    at: datetime
    is_sure: (
        bool  # otherwise its run may begin on another day: a plan that is only shown begins at any moment
    )


def expected_of(
    *,
    shop: StoreFacts,
    reader: RecipientFacts,
    code: CodeFacts | None,
    offer: Offer | None,
    event: Mapping[str, Any] | None,
    now: datetime,
    leaves: LeavingTime | None = None,
    goods: str = "",
) -> Expected:
    """Return what a recipient's e-mail may say. `offer` is the campaign's, with the values of others; `goods` names its goods.

    `leaves` is when the e-mail leaves; None: not known.
    """
    zone = zone_of(shop.timezone)
    values = list(_values_of(event or {}))
    texts = [value for value in values if isinstance(value, str)]
    days = {value for value in map(_day_in, values) if value is not None}
    amounts = {Decimal(value) for value in values if isinstance(value, int | Decimal)}
    facts: dict[str, Any] = {
        "today": now.astimezone(zone).date(),
        "language": shop.language,
        "currency": shop.currency,
        "store_url": shop.url,
        "names": tuple(
            filter(None, (reader.name, reader.first_name, reader.email, shop.name, goods, *texts))
        ),
    }
    if code is None:
        return Expected(**facts, amounts=frozenset(amounts))
    kind, gives = code.offer.kind, frozenset(_gives(code, offer))
    first = {code.valid_from.astimezone(zone).date()} if code.valid_from else set()
    ends = last_day(code.valid_until, zone) if code.valid_until else None
    least = {code.offer.minimum_subtotal} if code.offer.minimum_subtotal is not None else set()
    return Expected(
        **facts,
        kind=kind,
        code=code.text,
        value=code.value,
        percents=gives if kind in PERCENT_KINDS else frozenset(),
        off=gives if kind in AMOUNT_KINDS else frozenset(),
        amounts=frozenset(amounts | least),
        leaves=leaves.at.astimezone(zone).date() if leaves is not None else None,
        is_leaving_sure=leaves is None or leaves.is_sure,
        terms=CodeTerms.of(code.offer),
        ends=ends,
        days=frozenset(days | first | ({ends} if ends else set())),
    )


def _gives(code: CodeFacts, offer: Offer | None) -> Iterator[Decimal]:
    """Yield the values that the code gives, and those that others get of the same offer: “up to 20 %”."""
    if code.value is not None:
        yield code.value
    value = offer.value if offer is not None and offer.kind is code.offer.kind else None
    if isinstance(value, PerCustomer):
        yield value.largest
        yield from (row.value for row in (value.table.rows if value.table is not None else ()))


def _values_of(facts: Mapping[str, Any]) -> Iterator[Any]:
    """Yield every value of an event's facts, and what a line of goods costs together."""
    for value in facts.values():
        if isinstance(value, Mapping):
            yield from _values_of(value)
        elif isinstance(value, list):
            for line in value:
                yield from _values_of(line)
                yield line["price"] * line["quantity"]
        elif not isinstance(value, bool):
            yield value


def _day_in(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
