"""`/events/…`: where somebody else's software tells that something happened. Written to the ledger before the answer."""

from __future__ import annotations

import structlog
from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from tillroll.errors import Refused
from tillroll.track.custom import MOST_BYTES, read_custom, secret_of, take_in_custom
from tillroll.web import here
from tillroll.web.errors import status_of

log = structlog.get_logger("tillroll.web")
pages = Blueprint("events", __name__)


@pages.post("/events/<int:ecwid_id>/<name>")
def event(ecwid_id: int, name: str) -> ResponseReturnValue:
    """202 when the event is in the ledger, now or already; 403 not signed, 400 no event, 404 no such store, 413 too large."""
    services = here.services()
    request.max_content_length = MOST_BYTES
    try:
        found = read_custom(
            request.get_data(),
            name=name,
            signature=request.headers.get("X-Tillroll-Signature", ""),
            secrets=[secret_of(key, ecwid_id) for key in services.keys],
            now=here.now(),
        )
        new = take_in_custom(services.engine, found, ecwid_id=ecwid_id, now=here.now())
    except Refused as refused:
        log.warning("event.refused", store=ecwid_id, reason=refused.message)
        return {"status": f"{refused.message} {refused.hint}".strip()}, status_of(refused)
    return {"status": "taken in" if new else "known already"}, 202
