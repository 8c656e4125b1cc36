"""What the standing of codes follows from, read for a few of them or for all of a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.codes.standing import MOST_USES_COUNTED, StandingFacts
from tillroll.campaign.figures.batched import batched
from tillroll.campaign.language.models import Uses
from tillroll.campaign.states import CodeState, StoreUse
from tillroll.ledger.queries.given import works_from, works_until
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.tables import codes, plans, redemptions, runs

_PIECE = 500


class StandingReader:
    """Reads the facts of codes. It keeps which offers work once, so that codes of one run ask for its offer once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._once: dict[tuple[int, int, str], bool] = {}

    def of(self, code_ids: Iterable[int]) -> dict[int, StandingFacts]:
        """Return the facts of some codes by their numbers. The cost grows with these alone."""
        found = {}
        for some in batched(dict.fromkeys(code_ids), _PIECE):
            rows = self._connection.execute(with_facts(sa.select(codes.c.id)).where(codes.c.id.in_(some)))
            found.update({row.id: self.from_row(row) for row in rows.all()})
        return found

    def from_row(self, row: sa.Row[Any]) -> StandingFacts:
        """Return the facts in a row of a query made by `with_facts`."""
        return StandingFacts(
            state=CodeState(row.facts_state),
            store_use=StoreUse(row.facts_store_use),
            works_once=self._works_once(row),
            works_from=row.works_from,
            works_until=row.works_until,
            launch_at=row.launch_at,
            uses=row.uses,
            last_order=row.last_order or "",
            last_used_at=row.last_used_at,
        )

    def _works_once(self, row: sa.Row[Any]) -> bool:
        """Whether a code is for one order: an adopted coupon says so itself, others by the offer of their plan."""
        if row.facts_terms is not None:
            return bool(row.facts_terms.get("uses_limit") == "SINGLE")
        if row.revision_id is None:
            return True  # as codes are that an older ledger made; nothing says otherwise
        key = (row.revision_id, row.step, row.facts_arm)
        if key not in self._once:
            revision = load_revision(self._connection, row.revision_id)
            arm = row.facts_arm if row.facts_arm in revision.arms else ""
            offer = revision.as_run(step=row.step, arm=arm).offer
            self._once[key] = offer is None or offer.uses is Uses.SINGLE
        return self._once[key]


def with_facts(query: sa.Select[Any]) -> sa.Select[Any]:
    """Return a query over `codes` with what their facts are read from, joined with the run that made each and its plan."""
    use = redemptions.alias("use")
    newest = sa.select(use.c.order_id).where(use.c.code_id == codes.c.id).correlate(codes)
    newest = newest.order_by(use.c.at.desc(), use.c.id.desc()).limit(1)
    some = sa.select(use.c.id).where(use.c.code_id == codes.c.id).limit(MOST_USES_COUNTED).correlate(codes)
    return (
        query.add_columns(
            codes.c.state.label("facts_state"),
            codes.c.store_use.label("facts_store_use"),
            codes.c.terms.label("facts_terms"),
            codes.c.arm.label("facts_arm"),
            works_from().label("works_from"),
            works_until().label("works_until"),
            runs.c.launch_at,
            runs.c.step,
            plans.c.revision_id,
            sa.select(sa.func.count()).select_from(some.subquery()).scalar_subquery().label("uses"),
            newest.scalar_subquery().label("last_order"),
            newest.with_only_columns(use.c.at).scalar_subquery().label("last_used_at"),
        )
        .join(runs, runs.c.id == codes.c.run_id)
        .outerjoin(plans, plans.c.id == runs.c.plan_id)
    )
