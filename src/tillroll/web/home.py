"""`/`: what waits for a person, what is under way, and whether the store lets us work."""

from __future__ import annotations

from flask import Blueprint, render_template

from tillroll.campaign.frozen.proposal import Proposal
from tillroll.campaign.states import RUN_OPEN, RunState
from tillroll.ledger.drifts import open_drifts
from tillroll.ledger.engine import reading
from tillroll.track.overview import list_campaigns, list_runs, run_progress
from tillroll.web import here
from tillroll.web.reading import waiting_plans

pages = Blueprint("home", __name__)

_UNDER_WAY = RUN_OPEN - {RunState.WAITING}
_MOST = 50


@pages.get("/")
def home() -> str:
    """The desk."""
    store = here.store()
    if store is None:
        return render_template("home.html", waiting=[], running=[], coming=[], faulty=0, drifts=0)
    with reading(here.services().engine) as connection:
        lines = list_runs(connection, store.id, states={RunState.WAITING}, limit=_MOST)
        waiting = waiting_plans(connection, [line.run_id for line in lines])
        running = [
            (line, run_progress(connection, line.run_id))
            for line in list_runs(connection, store.id, states=_UNDER_WAY, limit=_MOST)
        ]
        campaigns = list_campaigns(connection, store, here.now())
        drifts = open_drifts(connection, store.id)
    coming = sorted((line for line in campaigns if line.next_at), key=lambda line: line.next_at or here.now())
    return render_template(
        "home.html",
        waiting=[(one, Proposal.from_json(one.body)) for one in waiting],
        running=running,
        coming=coming[:3],
        drifts=drifts,
        faulty=sum(1 for line in campaigns if line.findings),
    )
