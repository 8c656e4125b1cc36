"""Approving, rejecting and halting: each form calls one function of `approve/` and ends in a redirect."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from tillroll.approve import act
from tillroll.approve.halt import halt as stop_run
from tillroll.campaign.states import RunState
from tillroll.errors import NotAllowed, NotFound, Refused
from tillroll.web import here

pages = Blueprint("decisions", __name__)

_MOST_NOTE = 2_000


@pages.post("/runs/<int:run_id>/approve")
def approve(run_id: int) -> ResponseReturnValue:
    """A yes to the digest the page showed."""

    def agree() -> str:
        state = act.approve(
            here.services().engine,
            run_id=run_id,
            digest=request.form.get("digest", ""),
            person=here.person(),
            note=note(),
            now=here.now(),
        )
        if state is RunState.WAITING:
            return "Your approval is recorded. The run waits for another person."
        return "Approved. The codes are made next."

    return _decide(run_id, agree)


@pages.post("/runs/<int:run_id>/reject")
def reject(run_id: int) -> ResponseReturnValue:
    """A no to the digest the page showed; it ends the run."""

    def refuse() -> str:
        act.reject(
            here.services().engine,
            run_id=run_id,
            digest=request.form.get("digest", ""),
            person=here.person(),
            note=note(),
            now=here.now(),
        )
        return "Rejected. Nothing was made and nothing was sent."

    return _decide(run_id, refuse)


@pages.post("/runs/<int:run_id>/halt")
def halt(run_id: int) -> ResponseReturnValue:
    """Stop a run; its codes are paused."""

    def stop() -> str:
        stop_run(here.services().engine, run_id=run_id, person=here.person(), note=note(), now=here.now())
        return "Halted. Nothing more is made or sent; its codes are paused."

    return _decide(run_id, stop)


def _decide(run_id: int, act_on_it: Callable[[], str]) -> ResponseReturnValue:
    """Do it and say so. A refusal is told on the run's page, where its reasons can be looked at."""
    try:
        flash(act_on_it(), "good")
    except (NotAllowed, NotFound):
        raise
    except Refused as refusal:
        flash(f"{refusal.message} {refusal.hint}".strip(), "bad")
    return redirect(url_for("runs.run", run_id=run_id), 303)


def note() -> str:
    """What the person wrote, with the line ends a browser sends made plain."""
    return request.form.get("note", "").replace("\r\n", "\n").strip()[:_MOST_NOTE]
