"""Forgetting the recipients of runs that ended long ago, as `rules/privacy.yaml` says."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign.language.privacy import PrivacyRules
from tillroll.campaign.states import RUN_FINAL
from tillroll.clock import Clock
from tillroll.ledger import audit
from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.tables import forgotten_runs, messages, plans, recipients, runs
from tillroll.privacy.places import PLACES

_PIECE = 2_000
_BLANKED = {place.table.name: dict(place.blanked) for place in PLACES}


def forget_old(engine: Engine, *, store_id: int, rules: PrivacyRules, clock: Clock, until: datetime) -> bool:
    """Blank the names and addresses of runs that ended longer ago than the rules allow, for a slice. Returns if more is left.

    Each run is an audit row once it is done. Safe to repeat: what is blank is passed over.
    """
    if rules.recipients is None:
        return False
    while (run_id := _next_run(engine, store_id, clock.now() - rules.recipients)) is not None:
        while _forget_piece(engine, run_id):
            if clock.now() > until:
                return True
        now = clock.now()
        with writing(engine) as connection:
            if insert_if_new(connection, forgotten_runs, {"run_id": run_id, "at": now}):
                subject = f"run {run_id}"
                audit.record(
                    connection, at=now, actor="loop", action="privacy.retired", subject=subject, body={}
                )
    return False


def _next_run(engine: Engine, store_id: int, ended_before: datetime) -> int | None:
    query = (
        sa.select(runs.c.id)
        .where(
            runs.c.store_id == store_id,
            runs.c.state.in_(tuple(RUN_FINAL)),
            runs.c.finished_at <= ended_before,
            ~sa.exists().where(forgotten_runs.c.run_id == runs.c.id),
        )
        .order_by(runs.c.id)
        .limit(1)
    )
    with reading(engine) as connection:
        found: int | None = connection.scalar(query)
    return found


def _forget_piece(engine: Engine, run_id: int) -> int:
    """Blank some of a run's recipients, in all its plans. Returns how many."""
    of_run = sa.select(plans.c.id).where(plans.c.run_id == run_id)
    known = sa.or_(recipients.c.email != "", recipients.c.name != "")
    query = sa.select(recipients.c.id).where(recipients.c.plan_id.in_(of_run), known).limit(_PIECE)
    with writing(engine) as connection:
        ids = list(connection.scalars(query))
        if ids:
            for table, key in ((recipients, recipients.c.id), (messages, messages.c.recipient_id)):
                connection.execute(sa.update(table).where(key.in_(ids)).values(_BLANKED[table.name]))
    return len(ids)
