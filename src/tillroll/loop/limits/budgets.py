"""The discount that each campaign gives, compared with its budget at every turn: people are told, and its codes are paused."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import partial

import structlog
from sqlalchemy.engine import Connection

from tillroll.approve.limits.decide import LimitStep
from tillroll.approve.limits.pause import watch_limit
from tillroll.campaign.states import LimitKind, NoticeKind
from tillroll.ledger.engine import reading
from tillroll.ledger.limits.kept import KeptLimit, discount_given, list_limits
from tillroll.ledger.limits.said import say_budget
from tillroll.ledger.people.notices import Notice, keep
from tillroll.loop.notices.whom import ShopPeople

log = structlog.get_logger("tillroll.loop")


def watch_budgets(people: ShopPeople) -> bool:
    """Compare what each campaign has given with its budget. Returns whether codes are to be paused."""
    services, store = people.services, people.store
    now = services.clock.now()
    with reading(services.engine) as connection:
        budgets = list_limits(connection, store.id, kind=LimitKind.BUDGET)
    paused = False
    for budget in budgets:
        step = watch_limit(
            services.engine,
            store_id=store.id,
            limit=budget,
            measure=partial(_given, store.id),
            tell=partial(_tell, people, now),
            now=now,
        )
        if step in {LimitStep.WARN, LimitStep.PAUSE}:
            log.warning("budget", store=store.ecwid_id, campaign=budget.campaign, step=step.value)
        paused |= step is LimitStep.PAUSE
    return paused


def _given(store_id: int, connection: Connection, limit: KeptLimit) -> Decimal:
    return discount_given(connection, store_id, limit.campaign)


def _tell(
    people: ShopPeople, now: datetime, connection: Connection, limit: KeptLimit, step: LimitStep
) -> None:
    """Keep the notice in the transaction of what is done: once for each bar that is near, and for each pause."""
    is_near = step is LimitStep.WARN
    occasion = f"near {limit.bar}" if is_near else f"reached {now.isoformat()}"
    said = say_budget(
        given=limit.figure, budget=limit.bar, currency=people.store.currency, campaign=limit.campaign
    )
    notice = Notice(
        kind=NoticeKind.BUDGET,
        topic=f"budget {limit.campaign} {occasion}",
        subject=f"{people.name}: {limit.campaign} "
        + ("has given most of its budget" if is_near else "has reached its budget, its codes are paused"),
        paragraphs=(
            f"{said}.",
            *(_near(limit) if is_near else _reached(limit)),
            f"What it has brought: {page}" if (page := people.page("results")) else "",
        ),
    )
    addresses = people.addresses(connection, NoticeKind.BUDGET)
    keep(connection, people.store.id, notice, addresses, now)


def _near(limit: KeptLimit) -> tuple[str, ...]:
    return (
        "Its codes go on working. Once the budget is reached, they are paused in the store and customers can't use them.",
        f"To give it more, raise budget.discount in campaigns/{limit.campaign}.yaml.",
    )


def _reached(limit: KeptLimit) -> tuple[str, ...]:
    return (
        "Its codes are being paused in the store, and no further run of it is approved.",
        f"To go on, raise budget.discount in campaigns/{limit.campaign}.yaml and have the codes work again: "
        f"tillroll codes resume {limit.campaign}",
        "Codes that you resume without raising it are not paused again for this budget.",
    )
