"""Making the codes of approved runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from tillroll.campaign.states import RunState, Stage
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.plans import Recount
from tillroll.ledger.queries.runs import runs_in
from tillroll.ledger.records import Run
from tillroll.loop.stages.boundary import one_run
from tillroll.loop.stages.store_worker import STAGE_TIME, StoreWorker, slice_end
from tillroll.mint.context import MintContext
from tillroll.mint.issue.begin import begin
from tillroll.mint.issue.turn import mint_turn
from tillroll.plan.record.revisions import unrecorded_campaigns

log = structlog.get_logger("tillroll.loop")


def approved_runs(worker: StoreWorker) -> list[Run]:
    """Return the runs whose minting may begin now."""
    services = worker.services
    with reading(services.engine) as connection:
        return runs_in(connection, worker.store_id, {RunState.APPROVED}, now=services.clock.now())


def mint_runs(
    worker: StoreWorker, context: MintContext, until: datetime, *, announced: Sequence[Run]
) -> datetime | None:
    """Begin the announced runs, and mint for every run that has begun. Return when to continue, or None.

    `announced`: approved runs that the fence has written to the store. A run that was approved later waits for the next turn,
    because a run that begins unannounced could begin again after a restore.
    """
    clock, finished, recounts = context.clock, slice_end(worker, until), worker.begin_recounts
    worker.begin_recounts = {}
    with reading(context.engine) as connection:
        unrecorded = unrecorded_campaigns(connection, worker.store_id, clock.now())
    for run in announced:
        if run.campaign in unrecorded:
            continue  # its files may have changed since it was approved
        with one_run(worker, run, Stage.BEGIN):
            recount = recounts.get(run.id) or Recount(context.engine, run.id)
            if not recount.step(finished):
                worker.begin_recounts[run.id] = recount
                continue
            state = begin(context.engine, run_id=run.id, now=clock.now(), recount=recount)
            event = "mint.begins" if state is RunState.MINTING else "plan.sent_back"
            log.info(event, run=run.id, campaign=run.campaign)
    turn = mint_turn(context, until=min(until, clock.now() + STAGE_TIME))
    for run_id in turn.done:
        log.info("mint.done", run=run_id)
    for run_id, reason in turn.aside.items():
        log.warning("run.set_aside", run=run_id, reason=reason)
    return clock.now() if worker.begin_recounts else turn.next_at
