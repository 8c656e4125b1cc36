"""`/runs` and `/runs/<id>`: every occurrence, and one in full: its plan, its e-mails, how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from tillroll.approve.decide import reasons_against
from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.campaign.states import RUN_BEGUN, RUN_FINAL, MessageState, RunState
from tillroll.ledger.agreements import waiting
from tillroll.ledger.changes import ChangeLine, Scope, list_changes
from tillroll.ledger.engine import reading
from tillroll.ledger.plans import load_plan, sample
from tillroll.ledger.runs import load_run
from tillroll.track.arms import results_by_arm
from tillroll.track.overview import Progress, list_runs, run_progress
from tillroll.web import here
from tillroll.web.changes import offered
from tillroll.web.headers import MAIL_POLICY
from tillroll.web.plan_page import mails_of, recipient_by_email, since_of, timing_of
from tillroll.web.reading import PAGE, decisions, held_reasons, message_counts, message_page

pages = Blueprint("runs", __name__)

FILTERS: dict[str, tuple[str, frozenset[RunState] | None]] = {
    "all": ("All", None),
    "waiting": ("Waiting", frozenset({RunState.WAITING})),
    "open": ("Under way", RUN_BEGUN | {RunState.PLANNING, RunState.APPROVED}),
    "done": ("Done", frozenset({RunState.DONE})),
    "stopped": ("Stopped or let pass", RUN_FINAL - {RunState.DONE}),
}
_SETTLED = RUN_FINAL | {RunState.WAITING}
"""States in which a run's page changes only when somebody does something."""


@pages.get("/runs")
def runs() -> str:
    """The list, newest first."""
    store = here.needed_store()
    wanted = request.args.get("show", "all")
    if wanted not in FILTERS:
        abort(404)
    campaign = request.args.get("campaign") or None
    before = request.args.get("before", type=int)
    with reading(here.services().engine) as connection:
        found = list_runs(
            connection, store.id, states=FILTERS[wanted][1], campaign=campaign, before=before, limit=PAGE + 1
        )
    older = found[PAGE - 1].run_id if len(found) > PAGE else None
    return render_template(
        "runs.html",
        runs=found[:PAGE],
        older=older,
        newest=before is None,
        show=wanted,
        filters=FILTERS,
        campaign=campaign,
    )


@dataclass(frozen=True, kw_only=True)
class _Decision:
    """Whether the person at the page may decide on it, and if not, why."""

    open: bool  # the run waits
    may: bool  # this person has the role
    against: tuple[str, ...]
    agreed: int


@pages.get("/runs/<int:run_id>")
def run(run_id: int) -> str:
    """One run: everything an approver needs, and how far it is."""
    moment = here.now()
    with reading(here.services().engine) as connection:
        row = load_run(connection, run_id)
        plan = load_plan(connection, run_id)
        progress = run_progress(connection, run_id)
        said = decisions(connection, run_id)
        people = sample(connection, plan.plan_id)[:10] if plan else []
        held = held_reasons(connection, run_id)
        arms = results_by_arm(connection, row)
        chosen = request.args.get("customer", type=int)
        mails, mail_fault = mails_of(connection, run_id, customer_id=chosen)
        since = since_of(connection, row, plan)
        timing = timing_of(connection, row, plan, now=moment)
        done_to_codes = list_changes(connection, row.store_id, run_id=run_id, campaign=row.campaign, limit=5)
        offers = offered(connection, _scope(row), moment) if progress.codes else []
        agreed = waiting(connection, row.store_id, moment, campaign=row.campaign, run_id=run_id)
    return render_template(
        "run.html",
        changes=done_to_codes,
        offers=offers,
        agreed=agreed,
        since=since,
        timing=timing,
        chosen=chosen,
        run=row,
        plan=plan,
        progress=progress,
        decisions=said,
        decision=_decision(row, plan, said),
        people=people,
        held=held,
        arms=arms,
        mails=mails,
        mail_fault=mail_fault,
        every=_every(progress, done_to_codes),
        final=progress.state in RUN_FINAL,
        expired=plan is not None and moment >= plan.expires_at,
    )


def _decision(row: sa.Row[Any], plan: StoredPlan | None, said: list[sa.Row[Any]]) -> _Decision:
    agreed = [
        one.person for one in said if plan and one.plan_id == plan.plan_id and one.decision == "approve"
    ]
    against: tuple[str, ...] = ()
    if plan is not None:
        against = reasons_against(
            person=here.person(),
            digest=plan.digest,
            plan=plan,
            state=RunState(row.state),
            approved_by=agreed,
            now=here.now(),
        )
    return _Decision(
        open=row.state == RunState.WAITING, may=here.may_decide(), against=against, agreed=len(agreed)
    )


@pages.get("/runs/<int:run_id>/preview/<int:number>")
def preview(run_id: int, number: int) -> Response:
    """One e-mail's HTML, for a frame that may do nothing."""
    with reading(here.services().engine) as connection:
        load_run(connection, run_id)
        mails, _fault = mails_of(connection, run_id, customer_id=request.args.get("customer", type=int))
    if not 1 <= number <= len(mails):
        abort(404)
    response = make_response(mails[number - 1][1].html)
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


@pages.post("/runs/<int:run_id>/preview")
def preview_for(run_id: int) -> ResponseReturnValue:
    """Whose e-mail to show: an address goes in by a form, so that it stands in no address line and no log."""
    with reading(here.services().engine) as connection:
        load_run(connection, run_id)
        plan = load_plan(connection, run_id)
        email = request.form.get("email", "")
        customer_id = recipient_by_email(connection, plan.plan_id, email) if plan else None
    if customer_id is None:
        flash("Nobody with this address is among the recipients.", "bad")
    return redirect(url_for("runs.run", run_id=run_id, customer=customer_id, _anchor="mails-title"), 303)


@pages.get("/runs/<int:run_id>/progress")
def progress(run_id: int) -> Response:
    """The live part of a run's page. htmx stops asking at 286; a page whose plan appeared is loaded anew."""
    with reading(here.services().engine) as connection:
        row = load_run(connection, run_id)
        found = run_progress(connection, run_id)
        held = held_reasons(connection, run_id)
        arms = results_by_arm(connection, row)
        done_to_codes = list_changes(connection, row.store_id, run_id=run_id, campaign=row.campaign, limit=5)
    final = found.state in RUN_FINAL
    page = render_template(
        "_progress.html",
        run=row,
        progress=found,
        held=held,
        arms=arms,
        changes=done_to_codes,
        every=_every(found, done_to_codes),
        final=final,
    )
    response = make_response(page)
    if not _every(found, done_to_codes):
        response.status_code = 286
        response.headers["HX-Refresh"] = "true"
    return response


def _scope(row: sa.Row[Any]) -> Scope:
    """Whose codes a run's page is about."""
    return Scope(store_id=row.store_id, campaign=row.campaign, run_id=row.id)


def _every(found: Progress, changes: Sequence[ChangeLine]) -> str:
    """How often the live part asks again; empty when nothing moves by itself."""
    if any(one.open for one in changes):
        return "1s"
    if found.state in _SETTLED:
        return ""
    return "10s" if found.state is RunState.TRACKING else "1s"


@pages.get("/runs/<int:run_id>/messages")
def messages(run_id: int) -> str:
    """What reaches whom, in the order the messages were made."""
    wanted = request.args.get("state", "")
    if wanted and wanted not in set(MessageState):
        abort(404)
    after = request.args.get("after", 0, type=int)
    with reading(here.services().engine) as connection:
        row = load_run(connection, run_id)
        plan = load_plan(connection, run_id)
        counts = message_counts(connection, run_id)
        found = message_page(
            connection, run_id, state=MessageState(wanted) if wanted else None, after=after, limit=PAGE + 1
        )
    prefix = plan.proposal.code_example.rstrip("•-") if plan else ""
    return render_template(
        "messages.html",
        run=row,
        title=plan.proposal.title if plan else row.campaign,
        messages=found[:PAGE],
        more=found[PAGE - 1].id if len(found) > PAGE else None,
        first=after == 0,
        state=wanted,
        counts=counts,
        prefix=prefix,
    )
