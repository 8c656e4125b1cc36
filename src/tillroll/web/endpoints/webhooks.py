"""`/webhooks/ecwid`: the store's webhooks. An event is in the ledger before the answer leaves."""

from __future__ import annotations

import structlog
from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from tillroll.errors import NotAllowed, Refused
from tillroll.track.webhooks.intake import read_event, store_event
from tillroll.web.support import inputs, request_context

log = structlog.get_logger("tillroll.web")
pages = Blueprint("webhooks", __name__)


@pages.post("/webhooks/ecwid")
def webhook() -> ResponseReturnValue:
    """Take a webhook in.

    200: it is in the ledger, now or from an earlier delivery. After any other status the store delivers it again later.
    """
    services = request_context.services()
    secret = services.settings.client_secret
    if not secret:
        log.error("webhook.unreadable", do="Set ECWID_CLIENT_SECRET to your app's client secret.")
        return {"status": "this installation has no client secret"}, 503
    try:
        event = read_event(
            inputs.sent_bytes(),
            signature=request.headers.get("X-Ecwid-Webhook-Signature", ""),
            client_secret=secret,
            now=request_context.now(),
        )
    except NotAllowed as refused:
        log.warning("webhook.refused", reason=refused.message)
        return {"status": refused.message}, 403
    except Refused as refused:
        log.warning("webhook.refused", reason=refused.message)
        return {"status": refused.message}, 400
    is_new = store_event(services.engine, event, now=request_context.now())
    return {"status": "taken in" if is_new else "known already, or of a store that isn't connected"}
