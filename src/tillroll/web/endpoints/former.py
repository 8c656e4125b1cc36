"""The addresses that pages had before they named their store. Links in old e-mails and bookmarks lead on from them.

Only for reading: a form that was opened before is refused, because it doesn't say which store it is about.
"""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from tillroll.errors import NotFound
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.runs import store_id_of_run
from tillroll.web.support import request_context

pages = Blueprint("former", __name__)


@pages.get("/runs")
@pages.get("/campaigns")
@pages.get("/drift")
def of_store() -> ResponseReturnValue:
    """Lead to the same page of the only store that the person sees."""
    stores = request_context.visible_stores()
    if len(stores) != 1:
        raise NotFound("This address doesn't say which store it is about.", hint="Choose a store first.")
    return _lead_to(stores[0].ecwid_id)


@pages.get("/runs/<int:run_id>", defaults={"rest": ""})
@pages.get("/runs/<int:run_id>/<path:rest>")
def of_run(run_id: int, rest: str) -> ResponseReturnValue:
    """Lead to the same page of the run, below its store."""
    with reading(request_context.services().engine) as connection:
        store_id = store_id_of_run(connection, run_id)
    for store in request_context.visible_stores():
        if store.id == store_id:
            return _lead_to(store.ecwid_id)
    raise NotFound(f"There is no run {run_id}.")


def _lead_to(store_number: int) -> ResponseReturnValue:
    below = url_for("home.home", store_number=store_number).rstrip("/")
    query = request.query_string.decode("ascii")  # anything else has been refused (`web/support/bounds.py`)
    return redirect(below + quote(request.path) + (f"?{query}" if query else ""))
