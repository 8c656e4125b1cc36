"""Planning a run and approving it."""

from __future__ import annotations

from sqlalchemy.engine import Engine

from tests.shop import ANA, NOW, run_row
from tillroll.approve.act import approve
from tillroll.campaign.states import RunState
from tillroll.ledger.queries.plans import load_plan
from tillroll.plan.make import make_plan


def approve_run(ledger: Engine, run_id: int) -> int:
    """Plan a run, approve the plan, and return the run."""
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    with ledger.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    approve(ledger, run_id=run_id, digest=plan.digest, person=ANA, note="", now=NOW)
    assert run_row(ledger, run_id).state == RunState.APPROVED
    return run_id
