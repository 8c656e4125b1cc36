"""Sending the e-mails of runs, and their reminders."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from tillroll.campaign.states import RunState, Stage
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.runs import defer_run, runs_in
from tillroll.ledger.records import Run
from tillroll.loop.stages.ask_store import StoreAsker
from tillroll.loop.stages.boundary import one_run
from tillroll.loop.stages.refresh import refresh_consent, refresh_one_customer
from tillroll.loop.stages.set_aside import RETRY_AFTER
from tillroll.loop.stages.store_worker import STAGE_TIME, StoreWorker
from tillroll.send.context import SendContext
from tillroll.send.hold import load_hold
from tillroll.send.slices.deliver import send_slice
from tillroll.send.slices.remind import remind_slice
from tillroll.send.slices.share import prepare_to_share
from tillroll.wiring import Services

log = structlog.get_logger("tillroll.loop")

_SHARED = timedelta(seconds=2)  # the pause before the next look at a run that other senders share


def send_runs(worker: StoreWorker, until: datetime) -> datetime | None:
    """Send the e-mails that are due, for a slice a run. Return when to continue, or None."""
    services = worker.services
    with reading(services.engine) as connection:
        sending = runs_in(connection, worker.store_id, {RunState.SENDING}, now=services.clock.now())
    waits = []
    consent_known = not sending or refresh_consent(worker, until)
    context = replace(send_context(services, worker.ecwid_id), ask_store=StoreAsker(worker))
    for run in sending:
        with one_run(worker, run, Stage.SEND):
            if not consent_known and not refresh_one_customer(worker, run):
                waits.append(services.clock.now())
                continue
            next_at = _send_run(worker, context, run, until)
            if next_at is None:
                log.info("send.done", run=run.id, campaign=run.campaign)
            else:
                waits.append(next_at)
    return min(waits, default=None)


def _send_run(worker: StoreWorker, context: SendContext, run: Run, until: datetime) -> datetime | None:
    """Send for a slice, or share many e-mails out to other senders. A run that waits for its hour is put off until then."""
    services = worker.services
    if worker.share_out is not None and prepare_to_share(context, run_id=run.id, until=until):
        worker.share_out(run.id)
        return services.clock.now() + _SHARED
    now = services.clock.now()
    next_at = send_slice(context, run_id=run.id, until=min(until, now + STAGE_TIME))
    if next_at is not None and next_at > services.clock.now() + RETRY_AFTER:
        with writing(services.engine) as connection:
            held = load_hold(connection, context.transport.name)
            reason = held.sentence if held is not None else "its messages wait for their hour"
            defer_run(connection, run.id, until=next_at, reason=reason)
    return next_at


def remind_runs(worker: StoreWorker, until: datetime) -> datetime | None:
    """Send reminders of codes that expire soon. A run that has none to send is put off until it may have some."""
    services = worker.services
    with reading(services.engine) as connection:
        tracking = runs_in(connection, worker.store_id, {RunState.TRACKING}, now=services.clock.now())
    if tracking and not refresh_consent(worker, until):
        return services.clock.now()
    waits = []
    for run in tracking:
        with one_run(worker, run, Stage.REMIND):
            next_at = remind_slice(send_context(services, worker.ecwid_id), run_id=run.id, until=until)
            if next_at is not None:
                waits.append(next_at)
    return min(waits, default=None)


def send_context(services: Services, ecwid_id: int) -> SendContext:
    """Return what sending the e-mails of a store needs, as this installation is set up."""
    return SendContext(
        engine=services.engine,
        clock=services.clock,
        transport=services.transport_of(ecwid_id),
        sender=services.settings.mail_of(ecwid_id).sender,
        links=services.links,
        database=services.database,
    )
