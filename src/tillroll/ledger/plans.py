"""Reading revisions and plans back, for every stage after planning and for the pages: the stages meet here."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision, revision_of
from tillroll.campaign.frozen.proposal import RECIPIENT_FIELDS, AudienceDigest, Proposal, StoredPlan
from tillroll.ledger.engine import one, reading
from tillroll.ledger.tables import plans, recipients, revisions, runs

_PIECE = 5_000


def load_revision(connection: Connection, revision_id: int) -> Revision:
    """A recorded revision of a campaign, as its files said then."""
    missing = f"There is no revision {revision_id}."
    row = one(connection, sa.select(revisions).where(revisions.c.id == revision_id), missing=missing)
    return _parsed(row.campaign, tuple(sorted(row.files.items())))


@lru_cache(maxsize=256)
def _parsed(name: str, files: tuple[tuple[str, str], ...]) -> Revision:
    """A recorded revision never changes, and the loop asks for the same few every second."""
    return revision_of(name, dict(files))


def load_plan(connection: Connection, run_id: int) -> StoredPlan | None:
    """The plan in force of a run, or None while there is none."""
    missing = f"There is no run {run_id}."
    run = one(connection, sa.select(runs).where(runs.c.id == run_id), missing=missing)
    if run.plan_id is None:
        return None
    row = connection.execute(sa.select(plans).where(plans.c.id == run.plan_id)).one()
    return StoredPlan(
        plan_id=row.id,
        revision_id=row.revision_id,
        run_id=run_id,
        digest=row.digest,
        proposal=Proposal.from_json(row.body),
        made_at=row.made_at,
        expires_at=row.expires_at,
    )


class Recount:
    """A plan's digest worked out anew, some thousands of recipients at a time; nothing is held between two steps but a sum.

    What was counted stays as it was until the run begins: recipients are only written under a plan that has no digest yet
    (`plan/freeze.py`), they are never changed, and those of a plan that somebody has decided on are never removed.
    """

    def __init__(self, engine: Engine, run_id: int) -> None:
        self._engine = engine
        self._running, self._after, self._count = AudienceDigest(), 0, 0
        self.digest = ""
        with reading(engine) as connection:
            self.plan = load_plan(connection, run_id)

    def step(self, over: Callable[[], bool]) -> bool:
        """Go on until it is over, a piece at least; whether all of them are counted."""
        while self._piece():
            if over():
                return False
        return True

    def agrees(self, connection: Connection, plan: StoredPlan) -> bool:
        """Whether this plan was counted, comes to its digest, and has no more or fewer recipients since."""
        its = sa.select(sa.func.count()).select_from(recipients).where(recipients.c.plan_id == plan.plan_id)
        counted = self.plan is not None and self.plan.plan_id == plan.plan_id and self.digest == plan.digest
        return counted and bool(connection.scalar(its) == self._count)

    def _piece(self) -> bool:
        if self.plan is None:
            return False
        query = _recipients_of(self.plan).where(recipients.c.customer_id > self._after).limit(_PIECE)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        for row in rows:
            self._running.add_recipient(row._asdict())
            self._after = row.customer_id
        self._count += len(rows)
        if len(rows) < _PIECE:
            self.digest = _told(self.plan, self._running)
        return len(rows) == _PIECE


def recounted(engine: Engine, run_id: int) -> Recount:
    """A run's plan, counted to the end in one go."""
    recount = Recount(engine, run_id)
    recount.step(lambda: False)
    return recount


def _recipients_of(plan: StoredPlan) -> sa.Select[Any]:
    columns = [recipients.c[name] for name in (*RECIPIENT_FIELDS, "arm", "value")]
    query = sa.select(*columns).where(recipients.c.plan_id == plan.plan_id)
    return query.order_by(recipients.c.customer_id)


def _told(plan: StoredPlan, running: AudienceDigest) -> str:
    if running.hex() != plan.proposal.audience.digest:
        return f"audience changed: {running.hex()}"
    return plan.proposal.digest


def sample(connection: Connection, plan_id: int, *, most: int = 10) -> list[sa.Row[Any]]:
    """Some recipients, spread evenly over the audience."""
    where = recipients.c.plan_id == plan_id
    first, last, count = connection.execute(
        sa.select(sa.func.min(recipients.c.id), sa.func.max(recipients.c.id), sa.func.count()).where(where)
    ).one()
    if not count:
        return []
    step = max(1, (last - first + 1) // most)
    wanted = [first + index * step for index in range(most)]
    query = sa.select(recipients).where(where, recipients.c.id.in_(wanted)).order_by(recipients.c.id)
    rows = connection.execute(query).all()
    return list(rows) or list(connection.execute(sa.select(recipients).where(where).limit(most)).all())
