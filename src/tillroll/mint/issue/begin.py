"""The last check before codes are made, and the start of minting: from then on a run follows its frozen plan."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import POLICY, StoredPlan
from tillroll.campaign.states import RunState
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.validity import validity
from tillroll.ledger import audit
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.given import earlier_code
from tillroll.ledger.queries.plans import Recount, load_plan, load_revision, recount_plan
from tillroll.ledger.queries.runs import load_run, move_run
from tillroll.ledger.records import Run
from tillroll.ledger.tables import approvals, campaigns, stores
from tillroll.mint.decide import reasons_not_to_begin
from tillroll.mint.issue.goods_changes import changes_of_goods


def begin(engine: Engine, *, run_id: int, now: datetime, recount: Recount | None = None) -> RunState:
    """Move an approved run to minting if its plan is still what was approved, else back to planning.

    Returns the run's state. Safe to repeat. `recount` is the plan's digest computed anew beforehand (without it, it is computed
    now): counted recipients can't change (`ledger/queries/plans.py`), and the transaction checks that it is the run's plan.
    """
    recount = recount or recount_plan(engine, run_id)
    with writing(engine) as connection:
        run, plan = load_run(connection, run_id), load_plan(connection, run_id)
        counted = recount.plan.plan_id if recount.plan is not None else None
        if run.state != RunState.APPROVED or plan is None or plan.plan_id != counted:
            return run.state
        if reasons := _reasons_against(connection, run, plan, recount):
            _send_back(connection, run, plan, reasons, now)
            return RunState.PLANNING
        _start(connection, run, plan, now)
    return RunState.MINTING


def _reasons_against(connection: Connection, run: Run, plan: StoredPlan, recount: Recount) -> tuple[str, ...]:
    """Return why the run's plan is no longer what was approved."""
    campaign = (campaigns.c.store_id == run.store_id, campaigns.c.name == run.campaign)
    of_plan = (approvals.c.plan_id == plan.plan_id, approvals.c.decision == "approve")
    approved = sa.select(approvals.c.person, approvals.c.digest).where(*of_plan)
    return reasons_not_to_begin(
        plan=plan,
        digest_now=plan.digest if recount.agrees(connection, plan) else "another",
        revision_now=connection.scalar(sa.select(campaigns.c.revision_id).where(*campaign)),
        approvals=[(row.person, row.digest) for row in connection.execute(approved)],
        policy=POLICY,
        goods=changes_of_goods(connection, run.store_id, plan.proposal.all_goods),
    )


def _send_back(
    connection: Connection, run: Run, plan: StoredPlan, reasons: tuple[str, ...], now: datetime
) -> None:
    """Move the run back to planning and record why."""
    move_run(
        connection,
        run.id,
        was={RunState.APPROVED},
        to=RunState.PLANNING,
        now=now,
        reason="; ".join(reasons),
        plan_id=None,
    )
    body = {"reasons": list(reasons), "digest": plan.digest}
    audit.record(
        connection, at=now, actor="loop", action="plan.sent_back", subject=f"run {run.id}", body=body
    )


def _start(connection: Connection, run: Run, plan: StoredPlan, now: datetime) -> None:
    """Move the run to minting and fix when its codes work."""
    revision = load_revision(connection, plan.revision_id)
    zone = connection.scalars(sa.select(stores.c.timezone).where(stores.c.id == run.store_id)).one()
    ahead = revision.campaign.codes.ahead is not None and run.slot_at > now
    launch_at = run.slot_at if ahead else None
    start, end = _work_out_validity(connection, run, revision, zone_of(zone), launch_at or now)
    move_run(
        connection,
        run.id,
        was={RunState.APPROVED},
        to=RunState.MINTING,
        now=now,
        valid_from=start,
        valid_until=end,
        launch_at=launch_at,
    )
    body = {"digest": plan.digest, "valid_from": start, "valid_until": end}
    audit.record(connection, at=now, actor="loop", action="mint.begun", subject=f"run {run.id}", body=body)


def _work_out_validity(
    connection: Connection, run: Run, revision: Revision, zone: ZoneInfo, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """Return the period in which the codes in the run's e-mails work, over all arms; (None, None) for e-mails without a code.

    If an arm's codes work from now on, the period starts now: `reserve.py` works out the periods of the arms from it.
    """
    steps = revision.campaign.steps
    offers = (revision.as_run(step=run.step, arm=arm).offer for arm in revision.arms)
    if spans := [validity(offer.valid, zone, now) for offer in offers if offer is not None]:
        start = min(from_ if len(spans) == 1 else max(from_, now) for from_, _ in spans)
        return start.replace(microsecond=0), max(until for _, until in spans)
    code = earlier_code(connection, run) if steps and steps[run.step - 1].same_code else None
    return (code.valid_from, code.valid_until) if code is not None else (None, None)
