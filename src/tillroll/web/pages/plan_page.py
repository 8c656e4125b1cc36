"""What a run's page shows beside its frozen plan: its timing, what changed since an approval, and its e-mails."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Connection

from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.campaign.states import RUN_BEGUN, RunState
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.moments import Timing, timing
from tillroll.errors import Refused
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.records import Run
from tillroll.plan.diff import PlanDiff, compare_stored_plan
from tillroll.rendering.compile import Rendered
from tillroll.rendering.facts import RecipientFacts
from tillroll.rendering.preview import previews
from tillroll.web.support import request_context
from tillroll.web.support.parts import part

_NOT_BEGUN = (RunState.WAITING, RunState.APPROVED)


def since_of(connection: Connection, run: Run, plan: StoredPlan | None) -> PlanDiff | None:
    """Return the differences from the plan approved last, for a run that waits for approval; None for other runs."""
    if plan is None or run.state != RunState.WAITING:
        return None
    return compare_stored_plan(connection, plan)


def timing_of(connection: Connection, run: Run, plan: StoredPlan | None, *, now: datetime) -> Timing | None:
    """Return the timing of a run that has begun or would begin now; None for one that never will."""
    if plan is None or run.state not in {*_NOT_BEGUN, *RUN_BEGUN}:
        return None
    has_begun = run.state in RUN_BEGUN
    revision = load_revision(connection, plan.revision_id)
    return timing(
        revision,
        zone=zone_of(plan.proposal.timezone),
        begins=(run.valid_from or run.slot_at) if has_begun else now,
        messages=plan.proposal.audience.count,
        step=run.step,
        currency=plan.proposal.currency,
    )


def mails_of(
    connection: Connection, run_id: int, *, customer_id: int | None = None, language: str = ""
) -> tuple[list[tuple[RecipientFacts, Rendered]], str]:
    """Return some of a run's e-mails, or that of one customer, and why there are none if they can't be rendered.

    `language`: as readers of that language get them; empty: each recipient in their own.
    """

    def rendered() -> tuple[list[tuple[RecipientFacts, Rendered]], str]:
        try:
            now = request_context.now()
            return previews(connection, run_id, now=now, customer_id=customer_id, language=language), ""
        except Refused as fault:
            return [], fault.message

    nothing: list[tuple[RecipientFacts, Rendered]] = []
    broken = (nothing, "They can't be rendered, which needs a developer; see above.")
    return part("its e-mails", rendered, broken=broken, connection=connection)
