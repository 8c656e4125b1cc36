"""Approving, rejecting and halting a run. Each form calls one function of `approve/` and returns to the run's page."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from tillroll.approve import act
from tillroll.approve import halt as halting
from tillroll.campaign.states import RunState
from tillroll.web.support import inputs, request_context
from tillroll.web.support.forms import act_and_return

pages = Blueprint("decisions", __name__)


@pages.post("/runs/<int:run_id>/approve")
def approve(run_id: int) -> ResponseReturnValue:
    """Approve the plan whose digest the page showed."""

    def approve_plan() -> str:
        state = act.approve(
            request_context.services().engine,
            run_id=run_id,
            digest=inputs.form_text("digest"),
            person=request_context.person(),
            note=inputs.note(),
            now=request_context.now(),
            own_plans=request_context.services().settings.own_plans,
        )
        if state is RunState.WAITING:
            return "Your approval is recorded. The run waits for another approver."
        return "Approved. The codes are created next."

    return _act_on_run(run_id, approve_plan)


@pages.post("/runs/<int:run_id>/reject")
def reject(run_id: int) -> ResponseReturnValue:
    """Reject the plan whose digest the page showed, which ends the run."""

    def reject_plan() -> str:
        act.reject(
            request_context.services().engine,
            run_id=run_id,
            digest=inputs.form_text("digest"),
            person=request_context.person(),
            note=inputs.note(),
            now=request_context.now(),
        )
        return "Rejected. No codes were created and nothing was sent."

    return _act_on_run(run_id, reject_plan)


@pages.post("/runs/<int:run_id>/halt")
def halt(run_id: int) -> ResponseReturnValue:
    """Halt a run, which pauses its codes."""

    def halt_run() -> str:
        halting.halt(
            request_context.services().engine,
            run_id=run_id,
            person=request_context.person(),
            note=inputs.note(),
            now=request_context.now(),
        )
        return "Halted. Nothing more is created or sent, and its codes are being paused."

    return _act_on_run(run_id, halt_run)


def _act_on_run(run_id: int, action: Callable[[], str]) -> ResponseReturnValue:
    return act_and_return(url_for("runs.run", run_id=run_id), action)
