"""Campaigns that too many readers call spam are held, and people are told."""

from __future__ import annotations

from datetime import datetime

import structlog

from tillroll.approve.halt import hold_campaign
from tillroll.approve.people import approver_addresses
from tillroll.campaign.figures.complaints import ComplaintLevel, ComplaintRate
from tillroll.errors import NotFound
from tillroll.ledger.consent.complaints import mark_judged, new_complaints, rate_of
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.records import Store
from tillroll.loop.notices import Notice, send_notice
from tillroll.wiring import Services

log = structlog.get_logger("tillroll.loop")


def judge_complaints(services: Services, store: Store) -> None:
    """Look at the campaigns with new complaints. A process that dies after the hold looks again, and finds it done."""
    engine, now = services.engine, services.clock.now()
    with reading(engine) as connection:
        rates = [rate_of(connection, store.id, name, now) for name in new_complaints(connection, store.id)]
    for rate in rates:
        if rate.level is not ComplaintLevel.FINE:
            log.warning("complaints", store=store.ecwid_id, campaign=rate.campaign, rate=rate.sentence)
        if rate.level is ComplaintLevel.HOLD:
            _hold(services, store, rate, now)
        with writing(engine) as connection:
            mark_judged(connection, store.id, rate.campaign, now)


def _hold(services: Services, store: Store, rate: ComplaintRate, now: datetime) -> None:
    try:
        is_new = hold_campaign(
            services.engine, store_id=store.id, campaign=rate.campaign, note=rate.sentence, now=now
        )
    except NotFound:  # its file is gone, so it sends nothing
        return
    if not is_new:
        return
    with reading(services.engine) as connection:
        people = approver_addresses(connection, store.id)
    notice = Notice(
        kind="complaints",
        subject=f"{store.name or store.ecwid_id}: campaign {rate.campaign} is held",
        paragraphs=(
            f"The campaign {rate.campaign} is held: {rate.sentence}. From 0.3% on, mail providers turn a sender's e-mails away.",
            "No more of its e-mails leave; its codes go on working. Look at whom it writes to, and how often.",
            f"To go on all the same: tillroll restart {rate.campaign}",
        ),
    )
    send_notice(services, store, notice, people)
