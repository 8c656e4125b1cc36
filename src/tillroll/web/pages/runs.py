"""`/runs` and `/runs/<id>`: the list of runs, and one run with its plan, its e-mails and its progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TypeVar

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    url_for,
)
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import Connection

from tillroll.approve.decide import reasons_against
from tillroll.approve.mend_words import has_other_words
from tillroll.approve.people import people_behind
from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.campaign.states import RUN_BEGUN, RUN_FINAL, MessageState, RunState
from tillroll.campaign.text.clean import LONGEST_ADDRESS
from tillroll.ledger.counting.read import message_states_of_run
from tillroll.ledger.engine import reading
from tillroll.ledger.faults.rows import list_faults
from tillroll.ledger.limits.kept import list_limits
from tillroll.ledger.limits.said import limit_sentences
from tillroll.ledger.queries.agreements import pending_agreements
from tillroll.ledger.queries.changes import ChangeLine, Scope, list_changes
from tillroll.ledger.queries.plans import find_recipient, load_plan, sample_recipients
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.records import ItemFault, PlanDecision, Run
from tillroll.track.results.arms import results_by_arm
from tillroll.track.results.decisions import list_decisions
from tillroll.track.results.messages import count_unsent, list_messages
from tillroll.track.results.overview import list_runs
from tillroll.track.results.progress import Progress, run_progress
from tillroll.web.pages.changes import available_changes
from tillroll.web.pages.plan_page import PreviewChoice, mails_of, since_of, timing_of
from tillroll.web.support import inputs, request_context
from tillroll.web.support.headers import MAIL_POLICY
from tillroll.web.support.parts import part

pages = Blueprint("runs", __name__)

T = TypeVar("T")

FILTERS: dict[str, tuple[str, frozenset[RunState] | None]] = {
    "all": ("All", None),
    "waiting": ("Waiting", frozenset({RunState.WAITING})),
    "open": ("Under way", RUN_BEGUN | {RunState.PLANNING, RunState.APPROVED}),
    "done": ("Done", frozenset({RunState.DONE})),
    "stopped": ("Stopped or skipped", RUN_FINAL - {RunState.DONE}),
}
_SETTLED = RUN_FINAL | {RunState.WAITING}
"""States in which a run's page changes only after somebody acts."""

_PAGE = 50  # rows of a list
_NO_LIMITS: tuple[tuple[str, ...], ...] = ()
_MOST_PEOPLE = 10
_MOST_CHANGES = 5


@pages.get("/runs")
def runs() -> str:
    """Show the runs of the store, newest first."""
    store = request_context.required_store()
    show = inputs.query_choice("show", FILTERS, "all")
    campaign = inputs.query_text("campaign") or None
    before = inputs.query_number("before")
    with reading(request_context.services().engine) as connection:
        lines = list_runs(
            connection, store.id, states=FILTERS[show][1], campaign=campaign, before=before, limit=_PAGE + 1
        )
    return render_template(
        "runs.html",
        runs=lines[:_PAGE],
        older=lines[_PAGE - 1].run_id if len(lines) > _PAGE else None,
        newest=before is None,
        show=show,
        filters=FILTERS,
        campaign=campaign,
    )


class Look(StrEnum):
    """On what the e-mails of the preview are seen."""

    CARD = "side by side"
    PHONE = "phone"
    DESKTOP = "desktop"
    DARK = "dark"


def _look() -> Look:
    return Look(inputs.query_choice("look", [look.value for look in Look], Look.CARD.value))


@dataclass(frozen=True, kw_only=True)
class _DecisionForm:
    """Whether the signed-in person can decide on the run's plan now, and if not, why."""

    open: bool  # the run waits for approval
    may: bool  # this person has the role
    against: tuple[str, ...]
    approvals: int  # of the plan in force


@pages.get("/runs/<int:run_id>")
def run(run_id: int) -> str:
    """Show one run: everything an approver needs, and its progress.

    Whatever of it can't be shown is named, and the page has its buttons all the same.
    """
    chosen, look = inputs.query_number("customer"), _look()
    with reading(request_context.services().engine) as connection:
        run = load_run(connection, run_id)
        faults = list_faults(connection, run.store_id, now=request_context.now(), run_id=run_id)
        read = partial(load_plan, connection, run_id)
        plan = part("the plan", read, broken=None, connection=connection)
        show = partial(_whole_page, connection, run, plan, faults, chosen=chosen, look=look)
        page = part("this page", show, broken="", connection=connection)
    return page or render_template(
        "run_bare.html", run=run, plan=plan, faults=faults, final=run.state in RUN_FINAL
    )


def _whole_page(
    connection: Connection,
    run: Run,
    plan: StoredPlan | None,
    faults: Sequence[ItemFault],
    *,
    chosen: int | None,
    look: Look,
) -> str:
    now, run_id = request_context.now(), run.id

    def safe(what: str, show: Callable[[], T], *, broken: T) -> T:
        return part(what, show, broken=broken, connection=connection)

    progress = run_progress(connection, run_id)
    decisions = list_decisions(connection, run_id)
    shown = PreviewChoice.asked()
    mails, mail_fault = mails_of(connection, run_id, shown)
    changes = _changes_of(connection, run)
    return render_template(
        "run.html",
        run=run,
        plan=plan,
        other_words=safe("the words", partial(has_other_words, connection, run, plan), broken=False),
        faults=faults,
        progress=progress,
        decisions=decisions,
        decision=_decision_form(connection, run, plan, decisions),
        chosen=chosen,
        shown=shown,
        look=look,
        looks=list(Look),
        mails=mails,
        mail_fault=mail_fault,
        changes=changes,
        every=_refresh_interval(progress, changes),
        final=progress.state in RUN_FINAL,
        people=sample_recipients(connection, plan.plan_id)[:_MOST_PEOPLE] if plan else [],
        unsent=count_unsent(connection, run_id),
        arms=safe("the comparison of its variants", lambda: results_by_arm(connection, run), broken=None),
        since=safe("what changed since", lambda: since_of(connection, run, plan), broken=None),
        timing=safe("its timing", lambda: timing_of(connection, run, plan, now=now), broken=None),
        available=available_changes(connection, _scope(run), now, progress.codes) if progress.codes else [],
        limits=safe("its limits", lambda: _limits_of(connection, run), broken=_NO_LIMITS),
        agreed=pending_agreements(connection, run.store_id, now, campaign=run.campaign, run_id=run_id),
    )


def _limits_of(connection: Connection, run: Run) -> tuple[tuple[str, ...], ...]:
    """Return what the limits of its campaign say that are near or reached."""
    currency = request_context.required_store().currency
    limits = list_limits(connection, run.store_id, campaign=run.campaign)
    return tuple(limit_sentences(one, currency) for one in limits if one.warned_for == one.bar)


def _decision_form(
    connection: Connection, run: Run, plan: StoredPlan | None, decisions: Sequence[PlanDecision]
) -> _DecisionForm:
    approved_by = [
        decision.person
        for decision in decisions
        if plan and decision.plan_id == plan.plan_id and decision.decision == "approve"
    ]
    against: tuple[str, ...] = ()
    if plan is not None:
        against = reasons_against(
            person=request_context.person(),
            store_id=run.store_id,
            digest=plan.digest,
            plan=plan,
            state=run.state,
            approved_by=approved_by,
            asked_by=people_behind(connection, run, plan, request_context.services().settings.own_plans),
            now=request_context.now(),
        )
    return _DecisionForm(
        open=run.state is RunState.WAITING,
        may=request_context.may_decide(),
        against=against,
        approvals=len(approved_by),
    )


@pages.get("/runs/<int:run_id>/preview/<int:number>")
def preview(run_id: int, number: int) -> Response:
    """Show the HTML of one e-mail, for a frame without scripts."""
    with reading(request_context.services().engine) as connection:
        load_run(connection, run_id)
        mails, _fault = mails_of(connection, run_id, PreviewChoice.asked())
    if not 1 <= number <= len(mails):
        abort(404)
    response = make_response(mails[number - 1].html(dark=_look() is Look.DARK))
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


@pages.post("/runs/<int:run_id>/preview")
def preview_for(run_id: int) -> ResponseReturnValue:
    """Find the recipient whose e-mail to show. The address comes in a form, so that no URL and no log holds it."""
    with reading(request_context.services().engine) as connection:
        load_run(connection, run_id)
        plan = load_plan(connection, run_id)
        email = inputs.form_text("email", longest=LONGEST_ADDRESS)
        customer_id = find_recipient(connection, plan.plan_id, email) if plan else None
    if customer_id is None:
        flash("No recipient has this address.", "bad")
    return redirect(url_for("runs.run", run_id=run_id, customer=customer_id, _anchor="mails-title"), 303)


@pages.get("/runs/<int:run_id>/progress")
def progress(run_id: int) -> Response:
    """Show the live part of a run's page.

    htmx stops asking when it gets status 286; `HX-Refresh` then reloads the page, which may have a plan by now.
    """
    with reading(request_context.services().engine) as connection:
        run = load_run(connection, run_id)
        progress = run_progress(connection, run_id)
        unsent = count_unsent(connection, run_id)
        arms = results_by_arm(connection, run)
        changes = _changes_of(connection, run)
    every = _refresh_interval(progress, changes)
    page = render_template(
        "_progress.html",
        run=run,
        progress=progress,
        unsent=unsent,
        arms=arms,
        changes=changes,
        every=every,
        final=progress.state in RUN_FINAL,
    )
    response = make_response(page)
    if not every:
        response.status_code = 286
        response.headers["HX-Refresh"] = "true"
    return response


def _scope(run: Run) -> Scope:
    """Return the codes that a run's page is about."""
    return Scope(store_id=run.store_id, campaign=run.campaign, run_id=run.id)


def _changes_of(connection: Connection, run: Run) -> list[ChangeLine]:
    return list_changes(connection, run.store_id, run_id=run.id, campaign=run.campaign, limit=_MOST_CHANGES)


def _refresh_interval(progress: Progress, changes: Sequence[ChangeLine]) -> str:
    """Return how often the live part reloads, as htmx writes it; empty if nothing changes by itself."""
    if any(change.open for change in changes):
        return "1s"
    if progress.state in _SETTLED:
        return ""
    return "10s" if progress.state is RunState.TRACKING else "1s"


@pages.get("/runs/<int:run_id>/messages")
def messages(run_id: int) -> str:
    """Show the messages of a run, in the order they were created."""
    state = inputs.query_choice("state", {"", *MessageState}, "")
    after = inputs.query_number("after") or 0
    with reading(request_context.services().engine) as connection:
        run = load_run(connection, run_id)
        plan = load_plan(connection, run_id)
        counts = message_states_of_run(connection, run_id)
        lines = list_messages(
            connection, run_id, state=MessageState(state) if state else None, after=after, limit=_PAGE + 1
        )
    return render_template(
        "messages.html",
        run=run,
        title=plan.proposal.title if plan else run.campaign,
        messages=lines[:_PAGE],
        more=lines[_PAGE - 1].message_id if len(lines) > _PAGE else None,
        first=after == 0,
        state=state,
        counts=counts,
        prefix=plan.proposal.code_example.rstrip("•-") if plan else "",
    )
