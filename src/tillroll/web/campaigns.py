"""`/campaigns`: what the files say, what is wrong with them, and when each comes next."""

from __future__ import annotations

from flask import Blueprint, render_template

from tillroll.ledger.agreements import waiting
from tillroll.ledger.changes import list_changes
from tillroll.ledger.engine import reading
from tillroll.track.overview import list_campaigns
from tillroll.web import here
from tillroll.web.reading import halted_campaigns, last_runs

pages = Blueprint("campaigns", __name__)


@pages.get("/campaigns")
def campaigns() -> str:
    """Every campaign the loop knows."""
    store = here.store()
    if store is None:
        return render_template("campaigns.html", campaigns=[], last={}, halted={}, changes=[], agreed=[])
    with reading(here.services().engine) as connection:
        found = list_campaigns(connection, store, here.now())
        last = last_runs(connection, store.id)
        halted = halted_campaigns(connection, store.id)
        changes = list_changes(connection, store.id, only_open=True)
        agreed = [one for one in waiting(connection, store.id, here.now()) if one.run_id is None]
    return render_template(
        "campaigns.html", campaigns=found, last=last, halted=halted, changes=changes, agreed=agreed
    )
