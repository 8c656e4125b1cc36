"""The weekly report to people of the shop (`rules/reports.yaml`): when one is due, and what it shows.

It is a notice: kept once for each address, week and choice of campaigns, and sent as notices are, whatever process dies. One that
could not be kept within two days of its hour is left out, since nobody waits for it any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from tillroll.campaign.brand.brand import Brand
from tillroll.campaign.brand.words import brand_facts
from tillroll.campaign.language.notices import WeeklyReport
from tillroll.campaign.states import NoticeKind
from tillroll.campaign.text.addresses import same_address
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money
from tillroll.campaign.text.zones import zone_of
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.people.notices import Notice, keep, told_addresses
from tillroll.ledger.records import Store
from tillroll.loop.notices.weekly_letter import CampaignSaid, EffectSaid, WeeklyLetter, WeekSaid
from tillroll.loop.notices.whom import ShopPeople
from tillroll.track.results.breakdown.weeks import WeekResults, week_results
from tillroll.track.results.effect.sentences import say_effect
from tillroll.track.results.sums import Earnings

_LATELY = timedelta(days=2)
_WEEK = timedelta(days=7)


def keep_weekly_reports(people: ShopPeople) -> None:
    """Note whom to send which weekly report now."""
    store, services = people.store, people.services
    now = services.clock.now()
    for rule in people.reports.weekly:
        due_at = last_due(rule, zone_of(store.timezone), now)
        if now - due_at > _LATELY or store.sums_zone != store.timezone:
            continue  # too late, or the sums aren't built yet
        monday = week_before(due_at, zone_of(store.timezone))
        topic = f"week of {monday.isoformat()}: {', '.join(sorted(rule.campaigns)) or 'all'}"
        with reading(services.engine) as connection:
            addresses = _new_readers(connection, people, rule, topic)
            if not addresses:
                continue
            notice = weekly_notice(connection, people, monday, rule.campaigns, topic)
        with writing(services.engine) as connection:
            keep(connection, store.id, notice, addresses, now)


def _new_readers(connection: Connection, people: ShopPeople, rule: WeeklyReport, topic: str) -> list[str]:
    """Return whom a rule names that weren't told of the topic yet, by this rule or another, however their address is written."""
    told = {
        same_address(address)
        for address in told_addresses(connection, people.store.id, NoticeKind.REPORT, topic)
    }
    named = people.report_readers(connection, rule.to)
    return [address for address in named if same_address(address) not in told]


def last_due(rule: WeeklyReport, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the latest moment at which a weekly report was due."""
    today = now.astimezone(zone).date()
    day = today - timedelta(days=(today.weekday() - rule.weekday.number) % 7)
    due_at = datetime.combine(day, time(rule.hour), zone)
    return due_at if due_at <= now else datetime.combine(day - _WEEK, time(rule.hour), zone)


def week_before(moment: datetime, zone: ZoneInfo) -> date:
    """Return the Monday of the last whole week before a moment."""
    day = moment.astimezone(zone).date()
    return day - timedelta(days=day.weekday()) - _WEEK


def weekly_notice(
    connection: Connection, people: ShopPeople, monday: date, campaigns: Sequence[str], topic: str
) -> Notice:
    """Return the report of one week. Reads kept sums and effects only."""
    found = week_results(connection, people.store, monday, campaigns)
    letter = _letter(found, people.store, people.brand, people.name, people.page("results"))
    return Notice(
        kind=NoticeKind.REPORT,
        topic=topic,
        subject=f"{people.name}: {letter.heading}",
        paragraphs=letter.as_text(),
        shown=letter.to_json(),
    )


def _letter(found: WeekResults, store: Store, brand: Brand, name: str, page: str) -> WeeklyLetter:
    def money(amount: Decimal) -> str:
        return say_money(amount, store.currency)

    def week(monday: date, earned: Earnings) -> WeekSaid:
        return WeekSaid(
            day=f"{monday:%-d %B}",
            orders=f"{earned.orders:,}",
            ordered=money(earned.revenue),
            share=_share(earned, found),
        )

    total, before = found.total, found.before
    return WeeklyLetter(
        brand=dict(brand_facts(brand, language="en", store_name=name)),
        heading=_say_week(found.monday),
        total=money(total.revenue),
        lead=(
            f"from {count_of(total.orders, 'order')} with a code, for {money(total.discount)} of discount. "
            f"The week before it was {money(before.revenue)} from {count_of(before.orders, 'order')}."
        ),
        weeks=tuple(week(monday, earned) for monday, earned in found.weeks),
        campaigns=tuple(
            CampaignSaid(
                title=each.title,
                orders=f"{each.earned.orders:,}",
                ordered=money(each.earned.revenue),
                discount=money(each.earned.discount),
            )
            for each in found.campaigns
        ),
        effects=tuple(
            EffectSaid(
                title=title,
                sentence=say_effect(kept.found, currency=store.currency, zone=zone_of(store.timezone)),
            )
            for title, kept in found.effects
        ),
        page=page,
    )


def _share(earned: Earnings, found: WeekResults) -> float:
    """Return how high the bar of a week is."""
    most = max(each.revenue for _, each in found.weeks)
    return round(max(0.0, float(earned.revenue / most)), 4) if most > 0 else 0.0


def _say_week(monday: date) -> str:
    """Return like `the week of 16 to 22 November 2026`."""
    sunday = monday + timedelta(days=6)
    first = f"{monday:%-d}" if monday.month == sunday.month else f"{monday:%-d %B}"
    return f"the week of {first} to {sunday:%-d %B %Y}"
