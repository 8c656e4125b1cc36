"""Campaigns that too many readers call spam are held, and people are told."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy.engine import Connection

from tillroll.approve.halt import hold_campaign
from tillroll.campaign.figures.complaints import ComplaintLevel, ComplaintRate
from tillroll.campaign.states import NoticeKind
from tillroll.errors import NotFound
from tillroll.ledger.consent.complaints import mark_judged, new_complaints, rate_of
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.people.notices import Notice, keep
from tillroll.loop.notices.whom import ShopPeople

log = structlog.get_logger("tillroll.loop")


def judge_complaints(people: ShopPeople) -> None:
    """Look at the campaigns with new complaints. A process that dies after the hold looks again, and finds it done."""
    services, store = people.services, people.store
    engine, now = services.engine, services.clock.now()
    with reading(engine) as connection:
        rates = [rate_of(connection, store.id, name, now) for name in new_complaints(connection, store.id)]
    for rate in rates:
        if rate.level is not ComplaintLevel.FINE:
            log.warning("complaints", store=store.ecwid_id, campaign=rate.campaign, rate=rate.sentence)
        if rate.level is ComplaintLevel.HOLD:
            _hold(people, rate, now)
        with writing(engine) as connection:
            mark_judged(connection, store.id, rate.campaign, now)


def _hold(people: ShopPeople, rate: ComplaintRate, now: datetime) -> None:
    def tell(connection: Connection) -> None:
        addresses = people.addresses(connection, NoticeKind.COMPLAINTS)
        keep(connection, people.store.id, _notice(people, rate, now), addresses, now)

    try:
        hold_campaign(
            people.services.engine,
            store_id=people.store.id,
            campaign=rate.campaign,
            note=rate.sentence,
            now=now,
            also=tell,
        )
    except NotFound:  # its file is gone, so it sends nothing
        return


def _notice(people: ShopPeople, rate: ComplaintRate, now: datetime) -> Notice:
    return Notice(
        kind=NoticeKind.COMPLAINTS,
        topic=f"campaign {rate.campaign} {now.isoformat()}",
        subject=f"{people.name}: campaign {rate.campaign} is held",
        paragraphs=(
            f"The campaign {rate.campaign} is held: {rate.sentence}. From 0.3% on, mail providers turn a sender's e-mails away.",
            "No more of its e-mails leave; its codes go on working. Look at whom it writes to, and how often.",
            f"To go on all the same: tillroll restart {rate.campaign}",
        ),
    )
