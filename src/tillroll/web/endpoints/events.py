"""`/events/…`: custom events from other software. An event is in the ledger before the answer leaves."""

from __future__ import annotations

import structlog
from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from tillroll.errors import Refused
from tillroll.track.webhooks.custom import read_custom, secret_of, store_custom_event
from tillroll.web.support import inputs, request_context
from tillroll.web.support.errors import status_of

log = structlog.get_logger("tillroll.web")
pages = Blueprint("events", __name__)


@pages.post("/events/<int:ecwid_id>/<name>")
def event(ecwid_id: int, name: str) -> ResponseReturnValue:
    """Take an event in.

    202: it is in the ledger, now or from an earlier delivery. 403: not signed. 400: not an event. 404: no such store.
    413: too large.
    """
    services = request_context.services()
    try:
        custom_event = read_custom(
            inputs.sent_bytes(),
            name=name,
            signature=request.headers.get("X-Tillroll-Signature", ""),
            secrets=[secret_of(key, ecwid_id) for key in services.keys],
            now=request_context.now(),
        )
        is_new = store_custom_event(
            services.engine, custom_event, ecwid_id=ecwid_id, now=request_context.now()
        )
    except Refused as refused:
        log.warning("event.refused", store=ecwid_id, reason=refused.message)
        return {"status": f"{refused.message} {refused.hint}".strip()}, status_of(refused)
    return {"status": "taken in" if is_new else "known already"}, 202
