"""The one place where an error becomes a page: what happened, what to do next, and never a traceback."""

from __future__ import annotations

import secrets

import structlog
from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException

from tillroll.errors import Conflict, NotAllowed, NotFound, Refused, TillrollError

log = structlog.get_logger("tillroll.web")

_STATUS: tuple[tuple[type[TillrollError], int], ...] = (
    (NotFound, 404),
    (NotAllowed, 403),
    (Conflict, 409),
    (Refused, 400),
    (TillrollError, 503),
)
_TITLES = {
    400: "That can't be done as it stands",
    401: "Sign in first",
    403: "Not yours to do",
    404: "There is nothing here",
    405: "Not this way",
    409: "It has moved on",
    413: "That is too long",
    503: "Not possible right now",
}


def status_of(trouble: TillrollError) -> int:
    """The HTTP status that says the same as an error."""
    return next(status for kind, status in _STATUS if isinstance(trouble, kind))


def set_up(app: Flask) -> None:
    """Let every error of an app end in a page."""
    app.register_error_handler(TillrollError, _told)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _plain)
    app.register_error_handler(OverflowError, _beyond)
    app.register_error_handler(DataError, _beyond)
    app.register_error_handler(Exception, _bug)


def _page(status: int, message: str, hint: str = "", reference: str = "") -> ResponseReturnValue:
    title = _TITLES.get(status, "Something went wrong")
    said = {"status": status, "title": title, "message": message, "hint": hint, "reference": reference}
    try:
        page = render_template("error.html", **said)
    except Exception as fault:  # what the page's frame asks the ledger for may be what fails
        log.error("page.frame", path=request.path, exc_info=fault)
        page = render_template("error_bare.html", **said)
    return page, status


def _beyond(_fault: Exception) -> ResponseReturnValue:
    """A number in an address that no database takes."""
    return _page(404, "No page lives at this address.")


def _told(trouble: TillrollError) -> ResponseReturnValue:
    return _page(status_of(trouble), trouble.message, trouble.hint)


def _stale_form(_fault: CSRFError) -> ResponseReturnValue:
    return _page(
        400,
        "This form is from an older session, so nothing was done.",
        "Go back, reload the page and send it again.",
    )


def _plain(fault: HTTPException) -> ResponseReturnValue:
    known = {404: "No page lives at this address.", 405: "This address doesn't take that kind of request."}
    status = fault.code or 500
    return _page(status, known.get(status, fault.description or ""))


def _bug(fault: Exception) -> ResponseReturnValue:
    """A bug, or a database that went away: the person gets a number, the log gets everything."""
    reference = secrets.token_hex(4)
    log.error("page.bug", reference=reference, path=request.path, exc_info=fault)
    return _page(500, "This page failed. Nothing you typed was half done.", reference=reference)
