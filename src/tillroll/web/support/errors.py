"""Turns every error into a page that says what happened and what to do next, without a traceback."""

from __future__ import annotations

import secrets
import traceback
from pathlib import Path
from typing import Any

import structlog
from flask import Flask, current_app, make_response, render_template, request
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from tillroll.errors import Conflict, NotAllowed, NotFound, Refused, TillrollError
from tillroll.web.support import request_context
from tillroll.web.support.bare import FOR_PROGRAMS, RETRY_AFTER, away_answer

log = structlog.get_logger("tillroll.web")

_STATUS: tuple[tuple[type[TillrollError], int], ...] = (
    (NotFound, 404),
    (NotAllowed, 403),
    (Conflict, 409),
    (Refused, 400),
    (TillrollError, 503),
)
_TITLES = {
    400: "That can't be done",
    401: "Sign in first",
    403: "You don't have permission to do this",
    404: "Not found",
    405: "Method not allowed",
    409: "This has changed in the meantime",
    413: "Too large",
    414: "Too long",
    415: "Not a form",
    503: "Not possible right now",
}
SIGNED_IN = "_user_id"
"""The session's key of a signed-in person (Flask-Login's)."""
_LONGEST_LOGGED = 100  # characters of an address: whoever isn't signed in writes no more into the log
_NO_PAGE = "There is no page at this address."


def status_of(error: TillrollError) -> int:
    """Return the HTTP status for an error."""
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def set_up(app: Flask) -> None:
    """Register a page for every error of an app."""
    app.register_error_handler(TillrollError, _own_error)
    app.register_error_handler(CSRFError, _expired_form)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(OverflowError, _number_out_of_range)
    app.register_error_handler(DataError, _number_out_of_range)
    app.register_error_handler(Exception, _bug)


def plain_problem(status: int, message: str) -> ResponseReturnValue:
    """Answer with a page that reads neither the ledger nor the request's body; for programs, with JSON."""
    if is_for_programs():
        return {"status": message}, status
    values = {"status": status, "title": _TITLES[status], "message": message, "hint": "", "reference": ""}
    return _bare(values), status


def _bare(values: dict[str, Any]) -> str:
    """Return a page whose template asks nothing: `render_template` would look for the signed-in person."""
    return current_app.jinja_env.get_template("error_bare.html").render(values)


def is_for_programs() -> bool:
    """Whether the address is one that programs call, which read JSON and no pages."""
    return request.path.startswith(FOR_PROGRAMS)


def _page(status: int, message: str, hint: str = "", reference: str = "") -> ResponseReturnValue:
    if is_for_programs():
        return {"status": f"{message} {hint}".strip()}, status
    title = _TITLES.get(status, "Something went wrong")
    values = {"status": status, "title": title, "message": message, "hint": hint, "reference": reference}
    try:
        page = render_template("error.html", **values)
    except Exception as fault:  # the frame of the page reads the ledger, which may be what fails
        _log_fault("page.frame", fault, reference)
        page = _bare(values)
    return page, status


def _number_out_of_range(_fault: Exception) -> ResponseReturnValue:
    """Answer an address with a number that no database column can hold."""
    return _page(404, _NO_PAGE)


def _own_error(error: TillrollError) -> ResponseReturnValue:
    return _page(status_of(error), error.message, error.hint)


def _expired_form(_fault: CSRFError) -> ResponseReturnValue:
    return _page(
        400,
        "This form belongs to an earlier session, so nothing was done.",
        "Go back, reload the page and submit the form again.",
    )


def _http_error(fault: HTTPException) -> ResponseReturnValue:
    cause = getattr(fault, "original_exception", None)  # of an error before the request had a page
    if cause is not None and request_context.services().database.suspect(cause):
        return _away()
    messages = {404: _NO_PAGE, 405: "This address doesn't accept that kind of request."}
    status = fault.code or 500
    page = make_response(_page(status, messages.get(status, fault.description or "")))
    if isinstance(fault, MethodNotAllowed) and fault.valid_methods:
        page.headers["Allow"] = ", ".join(sorted(fault.valid_methods))
    return page


def _away() -> ResponseReturnValue:
    """Answer a request that met a database that is away."""
    kind, content = away_answer(request.path)
    return content, 503, {"Content-Type": kind, "Retry-After": str(RETRY_AFTER)}


def _bug(fault: Exception) -> ResponseReturnValue:
    """Answer an unexpected error: the page shows a reference number, the log has the details under it."""
    if request_context.services().database.suspect(fault):
        return _away()
    reference = secrets.token_hex(4)
    _log_fault("page.bug", fault, reference)
    return _page(500, "This page failed. Nothing was left half done.", reference=reference)


def _log_fault(event: str, fault: Exception, reference: str) -> None:
    """Log a fault: with its traceback for a signed-in person, otherwise in one short line, which anybody may cause."""
    path = request.path[:_LONGEST_LOGGED]
    if SIGNED_IN in (request_ctx.session or ()):  # none, if it is what failed
        log.error(event, reference=reference, path=path, exc_info=fault)
        return
    last = traceback.extract_tb(fault.__traceback__)[-1:]
    where = "".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in last)
    log.error(event, reference=reference, path=path, fault=type(fault).__name__, at=where)
