"""The bounds of a request, checked before anything parses it.

Pages take forms (`application/x-www-form-urlencoded`) and nothing else: no JSON, no uploads. Webhooks and custom events take
bytes, which are signed. The web server has bounds of its own before this (`server/limits.py`).
"""

from __future__ import annotations

import re

from flask import Flask, request
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import MethodNotAllowed

from tillroll.track.mail import intake as mail
from tillroll.track.webhooks.custom import MOST_BYTES
from tillroll.web.support.errors import is_for_programs, plain_problem

FORM_BYTES = 64 * 1024
LONGEST_QUERY = 2_000
_MOST_PARAMETERS = 40
_MOST_FIELDS = 600
_QUERY = re.compile(rb"[!-~]*")  # a browser writes other characters as %XX
_FORM = "application/x-www-form-urlencoded"
_TAKES_BYTES = {
    "webhooks.webhook": 64 * 1024,
    "events.event": MOST_BYTES,
    "mail_hooks.mail_hook": mail.MOST_BYTES,
    "unsubscribe.unsubscribe": FORM_BYTES,  # a mail program may post it in parts (RFC 8058, section 3.2)
}
"""Endpoints that take any bytes, and how many."""


def set_up(app: Flask) -> None:
    """Refuse what no page takes. Call it before any other part of the app is set up, since those parse bodies."""
    app.config.update(MAX_CONTENT_LENGTH=FORM_BYTES, MAX_FORM_MEMORY_SIZE=FORM_BYTES, MAX_FORM_PARTS=0)
    app.before_request(_refuse)


def _refuse() -> ResponseReturnValue | None:
    if request_ctx.url_adapter is None:
        return plain_problem(400, "The request names no host that can be read, so nothing was done.")
    if isinstance(request.routing_exception, MethodNotAllowed) and is_for_programs():
        raise request.routing_exception  # to a program the sign-in would be no answer
    query = request.query_string
    if len(query) > LONGEST_QUERY or query.count(b"&") >= _MOST_PARAMETERS:
        return plain_problem(414, "The address is longer than that of any page.")
    if not _QUERY.fullmatch(query):
        return plain_problem(400, "The address is no address, so nothing was done.")
    most = _TAKES_BYTES.get(request.endpoint or "")
    if most is not None:
        request.max_content_length = most
    if (request.content_length or 0) > (most or FORM_BYTES):
        return plain_problem(413, "The request is larger than what this address takes, so nothing was done.")
    if most is None and _has_body():
        if request.mimetype != _FORM:
            return plain_problem(415, "This address takes forms only, so nothing was done.")
        if request.get_data().count(b"&") >= _MOST_FIELDS:  # kept for the form's parser
            return plain_problem(413, "The form has more fields than any of ours, so nothing was done.")
    return None


def _has_body() -> bool:
    """Whether a body comes with the request. Without one, its type says nothing."""
    return bool(request.content_length) or "Transfer-Encoding" in request.headers
