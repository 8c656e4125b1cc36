"""`/drift`: coupons of the store that differ from the ledger, to be fixed or accepted."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, abort, render_template, url_for
from flask.typing import ResponseReturnValue

from tillroll.approve.drift import accept_drifts, fix_drifts
from tillroll.campaign.states import DRIFT_OPEN, DriftKind
from tillroll.campaign.text.counts import count_of
from tillroll.errors import Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.agreements import PendingAgreement
from tillroll.ledger.queries.drifts import list_drifts, say_drift, say_first_comparison
from tillroll.web.support import inputs, request_context
from tillroll.web.support.forms import act_and_return

pages = Blueprint("drift", __name__)

_MOST_DRIFTS = 200
_NOT_OURS = {DriftKind.STRAY, DriftKind.CLASH}
_DECISIONS: dict[str, Callable[..., object]] = {"fix": fix_drifts, "accept": accept_drifts}


@pages.get("/drift")
def drift() -> str:
    """Show the coupons that differ and have not been decided on or fixed yet."""
    store = request_context.required_store()
    with reading(request_context.services().engine) as connection:
        rows = list_drifts(connection, store.id, states=DRIFT_OPEN, limit=_MOST_DRIFTS)
        first_comparison = say_first_comparison(connection, store.id)
    return render_template(
        "drift.html",
        drifts=[(row, say_drift(row)) for row in rows],
        ours=[row.id for row in rows if row.kind not in _NOT_OURS],
        store=store,
        first_comparison=first_comparison,
    )


@pages.post("/drift/<what>")
def decide(what: str) -> ResponseReturnValue:
    """Fix the chosen coupons in the store, or accept how they are."""
    if what not in _DECISIONS:
        abort(404)

    def fix_or_accept() -> str:
        chosen = inputs.form_numbers("drift")
        if not chosen:
            raise Refused("Choose at least one coupon.")
        outcome = _DECISIONS[what](
            request_context.services().engine,
            store_id=request_context.required_store().id,
            ids=chosen,
            person=request_context.person(),
            note=inputs.note(),
            now=request_context.now(),
        )
        if isinstance(outcome, PendingAgreement):
            return str(outcome)
        coupons = count_of(len(chosen), "coupon")
        return f"The worker fixes {coupons}." if what == "fix" else f"{coupons} accepted as in the store."

    return act_and_return(url_for("drift.drift"), fix_or_accept)
