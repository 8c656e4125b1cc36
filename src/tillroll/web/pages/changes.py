"""Changing codes that are in the store: pause, resume, extend and revoke, and halting and restarting a campaign or run.

Each form calls one function of `approve/` and returns to the page that shows the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time

from flask import Blueprint, abort, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import Connection

from tillroll.approve.change import AUDIT_ACTIONS, ChangePreview, preview_change, request_change
from tillroll.approve.halt import halt_campaign, restart, restart_campaign
from tillroll.approve.mend_words import mend_words, propose_words
from tillroll.campaign.states import ChangeKind, CodeState
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.units import parse_day
from tillroll.campaign.text.zones import zone_of
from tillroll.errors import Conflict, Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.agreements import PendingAgreement
from tillroll.ledger.queries.changes import Scope
from tillroll.ledger.queries.runs import load_run
from tillroll.web.support import inputs, request_context
from tillroll.web.support.forms import act_and_return

pages = Blueprint("changes", __name__)

_KINDS = (ChangeKind.PAUSE, ChangeKind.RESUME, ChangeKind.REVOKE)


_MOST_PREVIEWED = 2_000  # codes

_FOR = {
    ChangeKind.PAUSE: {CodeState.LIVE},
    ChangeKind.RESUME: {CodeState.PAUSED},
    ChangeKind.REVOKE: {CodeState.LIVE, CodeState.PAUSED},
}
"""The states of the codes that each change may be for."""


@dataclass(frozen=True, kw_only=True)
class AvailableChange:
    """A change that a page has a button for, and what it would do."""

    kind: ChangeKind
    preview: ChangePreview | None  # None: there are too many codes to look at each for a page


def available_changes(
    connection: Connection, scope: Scope, now: datetime, codes: Mapping[CodeState, int]
) -> list[AvailableChange]:
    """Return the changes that there are codes for now; none for a person who may not make them.

    `codes`: how many there are in each state. Of many, the page doesn't say how many a change is for; the change itself does.
    """
    if not request_context.may_decide():
        return []
    if sum(codes.values()) > _MOST_PREVIEWED:
        return [
            AvailableChange(kind=kind, preview=None)
            for kind in _KINDS
            if any(codes.get(s) for s in _FOR[kind])
        ]
    changes = [(kind, preview_change(connection, scope, kind, now=now)) for kind in _KINDS]
    return [AvailableChange(kind=kind, preview=preview) for kind, preview in changes if preview.codes]


@pages.post("/runs/<int:run_id>/codes/<kind>")
def of_run(run_id: int, kind: str) -> ResponseReturnValue:
    """Request a change to the codes of a run."""
    with reading(request_context.services().engine) as connection:
        run = load_run(connection, run_id)
    scope = Scope(store_id=run.store_id, campaign=run.campaign, run_id=run_id)
    return act_and_return(url_for("runs.run", run_id=run_id), lambda: _request_change(scope, kind))


@pages.post("/campaigns/<name>/codes/<kind>")
def of_campaign(name: str, kind: str) -> ResponseReturnValue:
    """Request a change to the codes of all runs of a campaign."""
    scope = Scope(store_id=request_context.required_store().id, campaign=name)
    return act_and_return(url_for("campaigns.campaigns"), lambda: _request_change(scope, kind))


def _request_change(scope: Scope, kind: str) -> str:
    if kind not in set(AUDIT_ACTIONS):
        abort(404)
    outcome = request_change(
        request_context.services().engine,
        scope=scope,
        kind=ChangeKind(kind),
        person=request_context.person(),
        note=inputs.note(),
        now=request_context.now(),
        valid_until=_new_last_day() if kind == ChangeKind.EXTEND else None,
    )
    return str(outcome) if isinstance(outcome, PendingAgreement) else f"Change {outcome} is queued."


def _new_last_day() -> datetime:
    """Return the end of the day that the form names, in the store's time zone."""
    zone = zone_of(request_context.required_store().timezone)
    try:
        day = parse_day(inputs.form_text("until"))
        return datetime.combine(day, time(23, 59, 59), zone).astimezone(request_context.now().tzinfo)
    except (ValueError, OverflowError) as fault:
        raise Refused("Choose the new last day.") from fault


@pages.post("/runs/<int:run_id>/restart")
def restart_run(run_id: int) -> ResponseReturnValue:
    """Restart a halted run where it stopped."""

    def restart_it() -> str:
        outcome = restart(
            request_context.services().engine,
            run_id=run_id,
            person=request_context.person(),
            note=inputs.note(),
            now=request_context.now(),
        )
        if isinstance(outcome, PendingAgreement):
            return str(outcome)
        return f"Run {run_id} continues. Its codes are switched on first."

    return act_and_return(url_for("runs.run", run_id=run_id), restart_it)


@pages.get("/runs/<int:run_id>/words")
def words(run_id: int) -> str:
    """Show what would change in the e-mails of a run that haven't left, if they were made from the files as they are now."""
    services = request_context.services()
    with reading(services.engine) as connection:
        run = load_run(connection, run_id)
    try:
        proposal = propose_words(services.engine, run_id=run_id, now=request_context.now())
    except (Conflict, Refused) as reason:
        return render_template("words.html", words=None, run=run, reason=reason)
    return render_template("words.html", words=proposal, run=run)


@pages.post("/runs/<int:run_id>/words")
def mend(run_id: int) -> ResponseReturnValue:
    """Let the e-mails that haven't left be made from the files as they are now."""

    def mend_them() -> str:
        outcome = mend_words(
            request_context.services().engine,
            run_id=run_id,
            digest=inputs.form_text("digest"),
            person=request_context.person(),
            note=inputs.note(),
            now=request_context.now(),
        )
        if isinstance(outcome, PendingAgreement):
            return str(outcome)
        again = f" {count_of(outcome.freed, 'e-mail')} that had failed go again." if outcome.freed else ""
        return f"Run {run_id} has the new words from now on.{again}"

    return act_and_return(url_for("runs.run", run_id=run_id), mend_them)


@pages.post("/campaigns/<name>/<what>")
def campaign(name: str, what: str) -> ResponseReturnValue:
    """Halt or restart a campaign."""
    actions: dict[str, Callable[..., list[int] | PendingAgreement]] = {
        "halt": halt_campaign,
        "restart": restart_campaign,
    }
    if what not in actions:
        abort(404)

    def halt_or_restart() -> str:
        outcome = actions[what](
            request_context.services().engine,
            store_id=request_context.required_store().id,
            campaign=name,
            person=request_context.person(),
            note=inputs.note(),
            now=request_context.now(),
        )
        if isinstance(outcome, PendingAgreement):
            return str(outcome)
        runs = count_of(len(outcome), "run")
        if what == "halt":
            return (
                f"Halted, along with {runs}. Nothing more is created or sent, and its codes are being paused."
            )
        return f"The campaign continues, along with {runs}. Its codes are switched on first."

    return act_and_return(url_for("campaigns.campaigns"), halt_or_restart)
