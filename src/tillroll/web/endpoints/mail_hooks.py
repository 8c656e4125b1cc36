"""`/hooks/mail/…`: what a mail service tells about e-mails that it sent. An event is in the ledger before the answer leaves."""

from __future__ import annotations

import structlog
from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from tillroll.errors import Misconfigured, NotAllowed, Refused
from tillroll.track.mail.hooks.event import HookRequest
from tillroll.track.mail.intake import HOOKS, is_token, read_mail_events, store_mail_events
from tillroll.web.support import inputs, request_context

log = structlog.get_logger("tillroll.web")
pages = Blueprint("mail_hooks", __name__)


@pages.post("/hooks/mail/<service>/<token>")
def mail_hook(service: str, token: str) -> ResponseReturnValue:
    """Take a service's events in.

    200: those about e-mails of ours are in the ledger. 403: not the service's. 404: no such address. 400: it can't be read.
    503: there is no key to check it with.
    """
    services, now = request_context.services(), request_context.now()
    via = next((one for one in HOOKS if one.value == service), None)
    if via is None or not is_token(token, via, services.keys):
        return {"status": "there is no such address"}, 404
    asked = HookRequest(
        headers={name.lower(): value for name, value in request.headers.items()},
        body=inputs.sent_bytes(),
        now=now,
    )
    try:
        found = read_mail_events(via, asked, services.settings.hook_keys(via))
    except Misconfigured as fault:
        log.error("mail_hook.unreadable", service=via.value, do=fault.hint)
        return {"status": fault.message}, 503
    except NotAllowed as refused:
        log.warning("mail_hook.refused", service=via.value, reason=refused.message)
        return {"status": refused.message}, 403
    except Refused as refused:
        log.warning("mail_hook.refused", service=via.value, reason=refused.message)
        return {"status": refused.message}, 400
    new = store_mail_events(services.engine, via.value, found, now=now)
    return {"status": "taken in", "new": new}
