"""Loading revisions and plans, for the stages after planning and for the pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision, revision_of
from tillroll.campaign.frozen.proposal import RECIPIENT_FIELDS, AudienceDigest, Proposal, StoredPlan
from tillroll.ledger.engine import fetch_one, reading
from tillroll.ledger.tables import plans, recipients, revisions, runs

_PIECE = 5_000

_REVISIONS_LOOKED_AT = 200


def load_revision(connection: Connection, revision_id: int) -> Revision:
    """Return a recorded revision of a campaign. Raises `NotFound`."""
    missing = f"There is no revision {revision_id}."
    row = fetch_one(connection, sa.select(revisions).where(revisions.c.id == revision_id), missing=missing)
    return _parsed(row.campaign, tuple(sorted(row.files.items())))


def shared_codes_of(connection: Connection, store_id: int) -> frozenset[str]:
    """Return the codes for everybody that a store's campaigns name, or named in one of the latest revisions."""
    named = sa.cast(revisions.c.files, sa.Text).contains("shared")
    query = sa.select(revisions.c.id).where(revisions.c.store_id == store_id, named)
    ids = list(connection.scalars(query.order_by(revisions.c.id.desc()).limit(_REVISIONS_LOOKED_AT)))
    return frozenset(
        code for revision_id in ids for code in load_revision(connection, revision_id).shared_codes
    )


@lru_cache(maxsize=256)
def _parsed(name: str, files: tuple[tuple[str, str], ...]) -> Revision:
    """Parse a revision. Kept in memory: revisions never change, and the loop needs the same few every second."""
    return revision_of(name, dict(files))


def load_plan(connection: Connection, run_id: int) -> StoredPlan | None:
    """Return the plan in force of a run, or None. Raises `NotFound` for an unknown run."""
    missing = f"There is no run {run_id}."
    run = fetch_one(connection, sa.select(runs).where(runs.c.id == run_id), missing=missing)
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
    """The digest of a plan computed anew from its recipients, some thousands at a time. Between two steps it keeps only a sum.

    The result stays valid until the run begins: recipients are only inserted for a plan that has no digest yet
    (`plan/freeze.py`), they are never changed, and those of a plan that was decided on are never removed.
    """

    def __init__(self, engine: Engine, run_id: int) -> None:
        self._engine = engine
        self._running, self._after, self._count = AudienceDigest(), 0, 0
        self._audience_digest: str | None = None  # of the recipients; None until all are counted
        with reading(engine) as connection:
            self.plan = load_plan(connection, run_id)

    def step(self, finished: Callable[[], bool]) -> bool:
        """Count one piece or more, until `finished`. Return whether all recipients are counted."""
        while self._piece():
            if finished():
                return False
        return True

    def agrees(self, connection: Connection, plan: StoredPlan) -> bool:
        """Return whether this plan was counted, has the digest it says, and has the same number of recipients still."""
        count = sa.select(sa.func.count()).select_from(recipients).where(recipients.c.plan_id == plan.plan_id)
        if self.plan is None or self.plan.plan_id != plan.plan_id or not self.is_unchanged:
            return False
        return bool(connection.scalar(count) == self._count)

    @property
    def is_unchanged(self) -> bool:
        """Whether all recipients are counted, and plan and recipients have the digests that the plan states."""
        plan = self.plan
        return (
            plan is not None
            and self._audience_digest == plan.proposal.audience.digest
            and plan.proposal.digest == plan.digest
        )

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
            self._audience_digest = self._running.hex()
        return len(rows) == _PIECE


def recount_plan(engine: Engine, run_id: int) -> Recount:
    """Return the finished recount of a run's plan."""
    recount = Recount(engine, run_id)
    recount.step(lambda: False)
    return recount


def _recipients_of(plan: StoredPlan) -> sa.Select[Any]:
    columns = [recipients.c[name] for name in (*RECIPIENT_FIELDS, "arm", "value")]
    query = sa.select(*columns).where(recipients.c.plan_id == plan.plan_id)
    return query.order_by(recipients.c.customer_id)


def sample_recipients(connection: Connection, plan_id: int, *, most: int = 10) -> list[sa.Row[Any]]:
    """Return some recipients, spread over the audience by the customers' numbers. As fast for a million as for ten."""
    of_plan = sa.select(recipients.c.customer_id).where(recipients.c.plan_id == plan_id).limit(1)
    first = connection.scalar(of_plan.order_by(recipients.c.customer_id))
    last = connection.scalar(of_plan.order_by(recipients.c.customer_id.desc()))
    if first is None or last is None:
        return []
    places = [first + (last - first + 1) * index // most for index in range(most)]
    nearest = [
        of_plan.where(recipients.c.customer_id >= n).order_by(recipients.c.customer_id) for n in places
    ]
    numbers = sa.union_all(*(sa.select(query.subquery().c.customer_id) for query in nearest))
    chosen = (recipients.c.plan_id == plan_id, recipients.c.customer_id.in_(numbers))
    return list(connection.execute(sa.select(recipients).where(*chosen).order_by(recipients.c.customer_id)))


def find_recipient(connection: Connection, plan_id: int, email: str) -> int | None:
    """Return the number of the customer with an address among a plan's recipients, or None. Case does not matter."""
    same_address = sa.func.lower(recipients.c.email) == email.strip().lower()
    query = sa.select(recipients.c.customer_id).where(recipients.c.plan_id == plan_id, same_address)
    customer_id: int | None = connection.scalar(query.order_by(recipients.c.customer_id))
    return customer_id
