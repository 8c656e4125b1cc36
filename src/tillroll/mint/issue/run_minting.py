"""What minting needs to know of one run. It is read once a turn, since the run's plan is frozen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from tillroll.campaign import Campaign
from tillroll.campaign.figures.effort import CHUNK
from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.campaign.states import CodeState
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.plans import load_plan, load_revision
from tillroll.ledger.queries.pools import POOL
from tillroll.ledger.queries.predicates import is_imported
from tillroll.ledger.records import Run
from tillroll.ledger.tables import codes
from tillroll.mint.context import MintContext
from tillroll.mint.coupon import CouponPattern, load_pattern


class CodeSource(StrEnum):
    """Where a run's codes come from."""

    MAKE = "make"  # created in the store
    POOL = "pool"  # made ahead, handed out now
    NONE = "none"  # its e-mails have no codes of their own


@dataclass(kw_only=True)
class RunMinting:
    """A run that is being minted."""

    run: Run
    source: CodeSource
    planned: int  # codes to make
    shared: str | None  # the one code, if all recipients share it
    waiting: bool  # there may be codes to push, or to hand out
    may_finish: bool = True  # whether to check if the run is done; cleared until something was settled
    reserved: bool = False  # every code is drawn
    sends: bool = True  # whether e-mails follow: no, if a pool is filled or another program sends the codes
    imported: bool = False  # it has codes that were made elsewhere, whose coupons are to be found again
    _pattern: CouponPattern | None = None

    def pattern(self, context: MintContext) -> CouponPattern:
        """Return what the run's coupons have in common."""
        if self._pattern is None:
            with reading(context.engine) as connection:
                self._pattern = load_pattern(connection, self.run)
        return self._pattern

    def wants_codes(self, context: MintContext) -> bool:
        """Return whether fewer codes are reserved than the next chunk holds. Codes are drawn a piece at a time, as needed."""
        reserved = (codes.c.run_id == self.run.id, codes.c.state == CodeState.RESERVED)
        some = sa.select(codes.c.id).where(*reserved).limit(CHUNK).subquery()
        with reading(context.engine) as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0) < CHUNK


def open_run_minting(context: MintContext, run: Run) -> RunMinting:
    """Read what minting needs to know of a run in `minting`."""
    with reading(context.engine) as connection:
        plan = load_plan(connection, run.id)
        campaign = (
            load_revision(connection, plan.revision_id).as_run(step=run.step) if plan is not None else None
        )
        some = sa.select(codes.c.id).where(codes.c.run_id == run.id, is_imported()).limit(1)
        imported = run.kind == POOL and connection.execute(some).first() is not None
    source, planned, shared = _source(run, plan, campaign)
    return RunMinting(
        run=run,
        source=source,
        planned=planned,
        shared=shared,
        waiting=source is not CodeSource.NONE,
        sends=run.kind != POOL and (campaign is None or campaign.codes.sent_by is None),
        imported=imported,
    )


def _source(
    run: Run, plan: StoredPlan | None, campaign: Campaign | None
) -> tuple[CodeSource, int, str | None]:
    """Return where the run's codes come from, how many it makes, and the code if all recipients share one."""
    if plan is None or campaign is None:
        return CodeSource.NONE, 0, None
    if plan.proposal.code_count:
        return CodeSource.MAKE, plan.proposal.code_count, campaign.codes.shared
    from_pool = campaign.offer is not None and campaign.codes.pool is not None and run.kind != POOL
    return (CodeSource.POOL if from_pool else CodeSource.NONE), 0, None
