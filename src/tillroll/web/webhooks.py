"""`/webhooks/ecwid`: where the store tells that something happened. Written to the ledger before the answer."""

from __future__ import annotations

import structlog
from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from tillroll.errors import NotAllowed, Refused
from tillroll.track.intake import read_event, take_in
from tillroll.web import here

log = structlog.get_logger("tillroll.web")
pages = Blueprint("webhooks", __name__)


@pages.post("/webhooks/ecwid")
def webhook() -> ResponseReturnValue:
    """200 when the event is in the ledger, now or already; anything else makes the store try again later."""
    services = here.services()
    secret = services.settings.client_secret
    if not secret:
        log.error("webhook.unreadable", do="Set ECWID_CLIENT_SECRET to your app's client secret.")
        return {"status": "this installation has no client secret"}, 503
    try:
        event = read_event(
            request.get_data(),
            signature=request.headers.get("X-Ecwid-Webhook-Signature", ""),
            client_secret=secret,
            now=here.now(),
        )
    except NotAllowed as refused:
        log.warning("webhook.refused", reason=refused.message)
        return {"status": refused.message}, 403
    except Refused as refused:
        log.warning("webhook.refused", reason=refused.message)
        return {"status": refused.message}, 400
    new = take_in(services.engine, event, now=here.now())
    return {"status": "taken in" if new else "known already, or of a store that isn't connected"}
