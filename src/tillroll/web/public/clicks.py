"""`/go/…`: where a link in an e-mail leads that counts who clicked. It sends the reader on at once, and counts afterwards.

It can only lead to the shop, since its target is sealed. What it counts has no address on the internet and no cookie.
"""

from __future__ import annotations

from functools import partial

import structlog
from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from tillroll.campaign.brand.tracked import tracked
from tillroll.rendering.bulk.click import PATH, ClickReader, ClickTarget
from tillroll.track.mail.clicks import count_click, page_of
from tillroll.web.public.unsubscribe import refuse_link
from tillroll.web.support import request_context
from tillroll.wiring import Services

log = structlog.get_logger("tillroll.web")
pages = Blueprint("clicks", __name__)

_AHEAD = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
"""Headers by which a program says that it fetches a page before anybody asked for it."""


@pages.get(f"{PATH}<token:target>/<token:reader>")
def go(target: str, reader: str) -> ResponseReturnValue:
    """Lead on to the shop."""
    services = request_context.services()
    found = services.links.clicks.target_of(target)
    page = page_of(services.engine, found) if found is not None else None
    if found is None or page is None:
        return refuse_link()
    answer = redirect(tracked(page, found.campaign))
    answer.headers["Referrer-Policy"] = "no-referrer"  # the shop's page has no use for a reader's token
    theirs = services.links.clicks.reader_of(reader)
    if theirs is not None and not _is_a_program():
        answer.call_on_close(partial(_count, services, found, theirs))
    return answer


def _is_a_program() -> bool:
    ahead = any(word in request.headers.get(name, "") for name in _AHEAD for word in ("prefetch", "preview"))
    return request.method == "HEAD" or ahead


def _count(services: Services, target: ClickTarget, reader: ClickReader) -> None:
    """Count a click. The reader has been sent on, so whatever goes wrong here is only logged."""
    try:
        count_click(services.engine, target, reader, now=services.clock.now())
    except Exception as fault:
        log.warning("click.not_counted", run=reader.run_id, reason=type(fault).__name__)
