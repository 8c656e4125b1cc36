"""The notice that the CRM takes no changes, once for each such time, and that it refused some for good."""

from __future__ import annotations

from datetime import timedelta

from tillroll.campaign.states import NoticeKind
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.moments import say_moment
from tillroll.crm.sentences import load_report
from tillroll.ledger.crm.events import set_aside_events
from tillroll.ledger.crm.feeds import list_feeds, load_push
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.people.notices import Notice, is_kept, keep
from tillroll.loop.notices.whom import ShopPeople

_LONG = timedelta(minutes=10)
"""A trouble that is over sooner is not told: most are."""


def keep_crm_notice(people: ShopPeople) -> None:
    """Note whom to tell that the push doesn't go on, or that changes were set aside."""
    services, store = people.services, people.store
    now = services.clock.now()
    with reading(services.engine) as connection:
        if not list_feeds(connection, store.id):
            return
        since = load_push(connection, store.id).trouble_since
        aside = set_aside_events(connection, store.id, most=1)
        topics = [f"held {since.isoformat()}"] if since is not None and now - since >= _LONG else []
        topics += [f"set aside {event.id}" for event in aside]
        new = [topic for topic in topics if not is_kept(connection, store.id, NoticeKind.CRM, topic)]
        addresses = people.addresses(connection, NoticeKind.CRM) if new else []
        report = load_report(connection, store.id) if addresses else None
    if report is None:
        return
    zone = zone_of(store.timezone)
    paragraphs = [
        *report.sentences(lambda at: say_moment(at, zone)),
        *(f"Refused: {each.reason}" for each in aside),
    ]
    with writing(services.engine) as connection:
        for topic in new:
            notice = Notice(
                kind=NoticeKind.CRM,
                topic=topic,
                subject=f"{people.name}: the CRM takes no changes"
                if topic.startswith("held ")
                else f"{people.name}: the CRM refused changes",
                paragraphs=paragraphs,
            )
            keep(connection, store.id, notice, addresses, now)
