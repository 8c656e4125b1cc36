"""`/faults`: items that failed, each with its reference in the log, and the button that has one tried again."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, url_for
from flask.typing import ResponseReturnValue

from tillroll.approve.faults import try_again
from tillroll.ledger.engine import reading
from tillroll.ledger.faults.rows import list_faults, load_fault
from tillroll.ledger.faults.sentences import say_item
from tillroll.web.support import request_context
from tillroll.web.support.forms import act_and_return

pages = Blueprint("faults", __name__)

_MOST_FAULTS = 200


@pages.get("/faults")
def faults() -> str:
    """Show what failed lately or is set aside."""
    store = request_context.required_store()
    with reading(request_context.services().engine) as connection:
        found = list_faults(connection, store.id, now=request_context.now(), limit=_MOST_FAULTS)
    return render_template("faults.html", faults=found)


@pages.post("/faults/<int:fault_id>/retry")
def retry(fault_id: int) -> ResponseReturnValue:
    """Have an item tried again that was set aside."""
    engine = request_context.services().engine
    with reading(engine) as connection:
        fault = load_fault(connection, fault_id)
    if fault.store_id != request_context.required_store().id:
        abort(404)

    def release() -> str:
        try_again(engine, fault_id=fault_id, person=request_context.person(), now=request_context.now())
        return f"{say_item(fault)} is tried again within a minute."

    page = "faults.faults" if fault.run_id is None else "runs.run"
    return act_and_return(url_for(page, run_id=fault.run_id), release)
