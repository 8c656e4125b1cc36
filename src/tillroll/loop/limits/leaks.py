"""Who used the codes: looked at as orders come, a slice at a turn. Campaigns whose codes leak too much are paused, if asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial

import structlog
from sqlalchemy.engine import Connection

from tillroll.approve.limits.decide import LimitStep
from tillroll.approve.limits.pause import watch_limit
from tillroll.campaign.states import LimitKind, NoticeKind
from tillroll.ledger.engine import reading
from tillroll.ledger.limits.kept import KeptLimit, list_limits
from tillroll.ledger.limits.said import limit_sentences
from tillroll.ledger.people.notices import Notice, keep
from tillroll.loop.notices.whom import ShopPeople
from tillroll.track.results.leaks.found import leak_share
from tillroll.track.results.leaks.judge import judge_uses

log = structlog.get_logger("tillroll.loop")

_LEAST = 10  # leaked orders, before a share says anything


def follow_leaks(people: ShopPeople, finished: Callable[[], bool]) -> bool:
    """Look at who used the codes of new orders, and compare shares. Returns whether something is to be done at once."""
    services, store = people.services, people.store
    paused = False
    while (campaigns := judge_uses(services.engine, store_id=store.id, now=services.clock.now())) is not None:
        for campaign in sorted(campaigns):
            paused |= _compare(people, campaign)
        if finished():
            return True
    return paused


def _compare(people: ShopPeople, campaign: str) -> bool:
    """Compare a campaign's share with the guardrail. Returns whether its codes are to be paused."""
    services, store = people.services, people.store
    now = services.clock.now()
    with reading(services.engine) as connection:
        limits = list_limits(connection, store.id, kind=LimitKind.LEAKS, campaign=campaign)
    for limit in limits:
        step = watch_limit(
            services.engine,
            store_id=store.id,
            limit=limit,
            measure=partial(_share, store.id),
            tell=partial(_tell, people, now),
            now=now,
        )
        if step is LimitStep.PAUSE:
            log.warning("leaks", store=store.ecwid_id, campaign=campaign, step=step.value)
            return True
    return False


def _share(store_id: int, connection: Connection, limit: KeptLimit) -> Decimal:
    found = leak_share(connection, store_id, limit.campaign)
    return found.share if found.leaked >= _LEAST else Decimal(0)


def _tell(people: ShopPeople, now: datetime, connection: Connection, limit: KeptLimit, _: LimitStep) -> None:
    notice = Notice(
        kind=NoticeKind.LEAKS,
        topic=f"leaks {limit.campaign} {now.isoformat()}",
        subject=f"{people.name}: the codes of {limit.campaign} are paused, because too many leak",
        paragraphs=(
            *(f"{sentence}." for sentence in limit_sentences(limit, people.store.currency)),
            "Codes that you have work again are not paused again, unless the share falls below the limit and reaches it again.",
            f"Which orders: {page}" if (page := people.page("leaks")) else "",
        ),
    )
    keep(connection, people.store.id, notice, people.addresses(connection, NoticeKind.LEAKS), now)
