"""Codes in the store, from the pages: pause, resume, extend, revoke, halt and restart; and drift, to be put right or accepted.

Each form calls one function of `approve/` and ends in a redirect to where its outcome shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import Connection

from tillroll.approve.change import ASKED, Preview, ask, preview
from tillroll.approve.drift import accept, fix
from tillroll.approve.halt import halt_campaign, restart, restart_campaign
from tillroll.campaign.states import DRIFT_OPEN, ChangeKind, DriftKind
from tillroll.campaign.text.units import parse_day
from tillroll.errors import NotAllowed, NotFound, Refused
from tillroll.ledger.agreements import Agreed
from tillroll.ledger.changes import Scope
from tillroll.ledger.drifts import list_drifts, say_drift, say_first_look
from tillroll.ledger.engine import reading
from tillroll.ledger.runs import load_run
from tillroll.web import here
from tillroll.web.decisions import note

pages = Blueprint("changes", __name__)

_MOST_DRIFTS = 200
_DECISIONS: dict[str, tuple[Callable[..., object], str]] = {
    "fix": (fix, "are put right by the worker."),
    "accept": (accept, "accepted: the store's way stands."),
}


@dataclass(frozen=True, kw_only=True)
class Offered:
    """What a page offers to have done to the codes of a run or a campaign."""

    kind: ChangeKind
    found: Preview


def offered(connection: Connection, scope: Scope, now: datetime) -> list[Offered]:
    """What could be done to the codes now, for those who may have it done; nothing for the others."""
    if not here.may_decide():
        return []
    kinds = (ChangeKind.PAUSE, ChangeKind.RESUME, ChangeKind.REVOKE)
    found = [Offered(kind=kind, found=preview(connection, scope, kind, now=now)) for kind in kinds]
    return [one for one in found if one.found.codes]


@pages.post("/runs/<int:run_id>/codes/<kind>")
def of_run(run_id: int, kind: str) -> ResponseReturnValue:
    """Have the codes of a run changed."""
    with reading(here.services().engine) as connection:
        run = load_run(connection, run_id)
    scope = Scope(store_id=run.store_id, campaign=run.campaign, run_id=run_id)
    return _say(url_for("runs.run", run_id=run_id), lambda: _ask(scope, kind))


@pages.post("/campaigns/<name>/codes/<kind>")
def of_campaign(name: str, kind: str) -> ResponseReturnValue:
    """Have the codes of all runs of a campaign changed."""
    scope = Scope(store_id=here.needed_store().id, campaign=name)
    return _say(url_for("campaigns.campaigns"), lambda: _ask(scope, kind))


def _ask(scope: Scope, kind: str) -> str:
    if kind not in set(ASKED):
        abort(404)
    asked = ask(
        here.services().engine,
        scope=scope,
        kind=ChangeKind(kind),
        person=here.person(),
        note=note(),
        now=here.now(),
        valid_until=_until() if kind == ChangeKind.EXTEND else None,
    )
    return (
        str(asked)
        if isinstance(asked, Agreed)
        else f"Change {asked} is written down. The worker tells the store."
    )


def _until() -> datetime:
    """The end of the day that the form names, by the store's clock."""
    try:
        day = parse_day(request.form.get("until", ""))
    except ValueError as fault:
        raise Refused("Say until which day.") from fault
    zone = ZoneInfo(here.needed_store().timezone)
    return datetime.combine(day, time(23, 59, 59), zone).astimezone(here.now().tzinfo)


@pages.post("/runs/<int:run_id>/restart")
def restart_run(run_id: int) -> ResponseReturnValue:
    """Take a halted run up where it was."""

    def go_on() -> str:
        gone_on = restart(
            here.services().engine, run_id=run_id, person=here.person(), note=note(), now=here.now()
        )
        if isinstance(gone_on, Agreed):
            return str(gone_on)
        return f"Run {run_id} goes on. Its codes are switched on first."

    return _say(url_for("runs.run", run_id=run_id), go_on)


@pages.post("/campaigns/<name>/<what>")
def campaign(name: str, what: str) -> ResponseReturnValue:
    """Halt a campaign, or let it go on."""
    acts: dict[str, Callable[..., list[int] | Agreed]] = {
        "halt": halt_campaign,
        "restart": restart_campaign,
    }
    if what not in acts:
        abort(404)

    def carry_out() -> str:
        store_id = here.needed_store().id
        runs = acts[what](
            here.services().engine,
            store_id=store_id,
            campaign=name,
            person=here.person(),
            note=note(),
            now=here.now(),
        )
        if isinstance(runs, Agreed):
            return str(runs)
        count = f"{len(runs)} run{'' if len(runs) == 1 else 's'}"
        if what == "halt":
            return f"Halted, and with it {count}. Nothing more is made or sent; the codes are paused."
        return f"It goes on, and with it {count}. The codes are switched on first."

    return _say(url_for("campaigns.campaigns"), carry_out)


@pages.get("/drift")
def drift() -> str:
    """Coupons of the store that are not what the ledger says."""
    store = here.needed_store()
    with reading(here.services().engine) as connection:
        rows = list_drifts(connection, store.id, states=DRIFT_OPEN, limit=_MOST_DRIFTS)
        first_look = say_first_look(connection, store.id)
    ours = [row.id for row in rows if row.kind not in {DriftKind.STRAY, DriftKind.CLASH}]
    return render_template(
        "drift.html",
        drifts=[(row, say_drift(row)) for row in rows],
        ours=ours,
        store=store,
        first_look=first_look,
    )


@pages.post("/drift/<what>")
def decide(what: str) -> ResponseReturnValue:
    """Put the chosen ones right, or let them stand."""
    if what not in _DECISIONS:
        abort(404)
    chosen = [int(one) for one in request.form.getlist("drift") if one.isdigit()]

    def carry_out() -> str:
        if not chosen:
            raise Refused("Choose at least one.")
        act_on_it, said = _DECISIONS[what]
        outcome = act_on_it(
            here.services().engine,
            store_id=here.needed_store().id,
            ids=chosen,
            person=here.person(),
            note=note(),
            now=here.now(),
        )
        return str(outcome) if isinstance(outcome, Agreed) else f"{len(chosen)} {said}"

    return _say(url_for("changes.drift"), carry_out)


def _say(page: str, act_on_it: Callable[[], str]) -> ResponseReturnValue:
    """Do it and say so. A refusal is told on the page it came from."""
    try:
        flash(act_on_it(), "good")
    except (NotAllowed, NotFound):
        raise
    except Refused as refusal:
        flash(f"{refusal.message} {refusal.hint}".strip(), "bad")
    return redirect(page, 303)
