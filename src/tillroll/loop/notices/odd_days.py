"""The notice of an odd day: yesterday the store sold far more or far less than on such a day. At most one a day."""

from __future__ import annotations

from datetime import date

from tillroll.campaign.states import NoticeKind
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.people.notices import Notice, keep
from tillroll.loop.notices.whom import ShopPeople
from tillroll.track.store_days.judge import OddDay
from tillroll.track.store_days.kept import count_days, day_to_count, odd_day, write_days


def keep_odd_day(people: ShopPeople) -> None:
    """Count the day that is over, and note whom to tell if it was odd: in one transaction, so that a kill loses neither."""
    engine, store, now = people.services.engine, people.store, people.services.clock.now()
    with reading(engine) as connection:
        day = day_to_count(connection, store, now)
        if day is None:
            return
        days = count_days(connection, store, day)
    with writing(engine) as connection:
        write_days(connection, store.id, days)
        odd = odd_day(connection, store.id, day)
        if odd is not None:
            addresses = people.addresses(connection, NoticeKind.ODD_DAY)
            keep(connection, store.id, _notice(people, odd), addresses, now)


def _notice(people: ShopPeople, odd: OddDay) -> Notice:
    day, currency = odd.day, people.store.currency
    weekday = f"{date.fromisoformat(day.day):%A}"
    much = "far more" if odd.is_more else "far fewer"
    page = people.page("results")
    coupons = f", {count_of(day.coupon_orders, 'order')} with a coupon" if day.orders else ""
    return Notice(
        kind=NoticeKind.ODD_DAY,
        topic=f"day {day.day}",
        subject=f"{people.name}: {much} orders than on other {weekday}s",
        paragraphs=(
            f"On {weekday}, {day.day}, {people.name} had {count_of(day.orders, 'order')} for "
            f"{say_money(day.revenue, currency)}{coupons}. On {weekday}s of the last weeks there were about "
            f"{odd.usual_orders:,.0f} for {say_money(odd.usual_revenue, currency)}.",
            "If you don't know why: is a code passed around?"
            if odd.is_more
            else "If you don't know why: place an order in the store yourself, up to the payment.",
            f"The results are at {page}" if page else "",
        ),
    )
