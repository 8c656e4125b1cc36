"""A store's home page: plans that wait for approval, runs under way or halted, and what comes next."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from flask import Blueprint, render_template
from sqlalchemy.engine import Connection

from tillroll.campaign.states import RUN_OPEN, RunState
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.moments import say_local
from tillroll.crm.sentences import load_report
from tillroll.ledger.consent.complaints import high_rates
from tillroll.ledger.engine import reading
from tillroll.ledger.faults.rows import count_set_aside
from tillroll.ledger.mirror.unread import list_unread
from tillroll.ledger.people.requests import open_requests
from tillroll.ledger.queries.drifts import count_open_drifts
from tillroll.track.results.decisions import awaiting_plans
from tillroll.track.results.months import Month, month_results
from tillroll.track.results.overview import list_campaigns, list_runs
from tillroll.track.results.progress import Progress, progress_of_runs, run_progress
from tillroll.web.support import request_context
from tillroll.web.support.parts import part

pages = Blueprint("home", __name__)

_UNDER_WAY = RUN_OPEN - {RunState.WAITING}
_MOST_RUNS = 50
_MOST_UPCOMING = 3
_MOST_HALTED, _HALTED_SHOWN = 10, timedelta(days=30)
"""A halted run goes on only when somebody restarts it, so it stays in sight for a while."""
_MOST_UNREAD = 20


@pages.get("/")
def home() -> str:
    """Show the home page."""
    store = request_context.required_store()
    with reading(request_context.services().engine) as connection:
        earned = month_results(connection, store, Month.of(request_context.now(), store))
        waiting = list_runs(connection, store.id, states={RunState.WAITING}, limit=_MOST_RUNS)
        awaiting = awaiting_plans(connection, [run.run_id for run in waiting])
        under_way = list_runs(connection, store.id, states=_UNDER_WAY, limit=_MOST_RUNS)
        progress = _progress_of(connection, [run.run_id for run in under_way])
        halted = list_runs(connection, store.id, states={RunState.HALTED}, limit=_MOST_HALTED)
        campaigns = list_campaigns(connection, store, request_context.now())
        drifts = count_open_drifts(connection, store.id)
        unread = list_unread(connection, store.id, limit=_MOST_UNREAD + 1)
        asked = open_requests(connection, store.id)
        complaints = high_rates(connection, store.id, request_context.now())
        set_aside = count_set_aside(connection, store.id)
        crm = load_report(connection, store.id)
    readable = {plan.run_id for plan in awaiting}
    upcoming = sorted((campaign.next_at, campaign.name) for campaign in campaigns if campaign.next_at)
    by_name = {campaign.name: campaign for campaign in campaigns}
    return render_template(
        "home.html",
        earned=earned,
        awaiting=awaiting,
        running=[(run, progress[run.run_id]) for run in under_way if run.run_id in progress],
        halted=[run for run in halted if run.changed_at > request_context.now() - _HALTED_SHOWN],
        upcoming=[by_name[name] for _, name in upcoming[:_MOST_UPCOMING]],
        drifts=drifts,
        unread=unread[:_MOST_UNREAD],
        more_unread=len(unread) > _MOST_UNREAD,
        set_aside=set_aside,
        crm=crm.sentences(partial(say_local, zone=zone_of(store.timezone))) if crm is not None else [],
        asked=asked,
        complaints=complaints,
        unreadable=[run for run in waiting if run.run_id not in readable],
        faulty=sum(1 for campaign in campaigns if campaign.findings),
    )


def _progress_of(connection: Connection, run_ids: list[int]) -> dict[int, Progress]:
    """Return how far the runs are. If they can't be read together, each is read by itself, and the page says which can't be."""
    try:
        return progress_of_runs(connection, run_ids)
    except (ValueError, TypeError, ArithmeticError):
        found = {}  # a row of one of them holds what this version doesn't know
        for run_id in run_ids:
            read = partial(run_progress, connection, run_id)
            progress = part(f"the progress of run {run_id}", read, broken=None, connection=connection)
            if progress is not None:
                found[run_id] = progress
        return found
