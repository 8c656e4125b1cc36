"""`/campaigns`: every campaign with its faults, its next run and its last one."""

from __future__ import annotations

from flask import Blueprint, render_template

from tillroll.campaign.states import ItemKind
from tillroll.ledger.consent.complaints import high_rates
from tillroll.ledger.engine import reading
from tillroll.ledger.faults.rows import list_faults
from tillroll.ledger.queries.agreements import pending_agreements
from tillroll.ledger.queries.changes import list_changes
from tillroll.track.results.overview import halted_campaigns, last_runs, list_campaigns
from tillroll.web.support import request_context

pages = Blueprint("campaigns", __name__)


@pages.get("/campaigns")
def campaigns() -> str:
    """Show the campaigns that the worker has read."""
    store = request_context.required_store()
    now = request_context.now()
    with reading(request_context.services().engine) as connection:
        lines = list_campaigns(connection, store, now)
        last = last_runs(connection, store.id)
        complaints = {rate.campaign: rate for rate in high_rates(connection, store.id, now)}
        halts = halted_campaigns(connection, store.id)
        changes = list_changes(connection, store.id, only_open=True)
        agreed = [
            agreement
            for agreement in pending_agreements(connection, store.id, now)
            if agreement.run_id is None
        ]
        faults = [
            fault for fault in list_faults(connection, store.id, now=now) if fault.kind is ItemKind.CAMPAIGN
        ]
    return render_template(
        "campaigns.html",
        faults=faults,
        campaigns=lines,
        last=last,
        halts=halts,
        complaints=complaints,
        changes=changes,
        agreed=agreed,
    )
