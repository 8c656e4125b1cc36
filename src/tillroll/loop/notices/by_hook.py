"""Notices posted to NOTICE_URL: a way beside the e-mails, which also works while these are held.

`POST` of one notice as JSON, signed like the webhook for e-mails (`X-Tillroll-Signature`, `campaign/digest.py`). A notice whose
answer was lost is posted again with the same `key`: whoever takes it drops what it has had.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import structlog

from tillroll.campaign.digest import sign
from tillroll.campaign.states import MessageState
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.ecwid.http.session import CallFailed, HttpSession
from tillroll.errors import Misconfigured
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.people.notices import ready_notices, settle_notices
from tillroll.ledger.records import StoredNotice
from tillroll.loop.notices.whom import ShopPeople
from tillroll.send.decide import MESSAGE_RETRIES

log = structlog.get_logger("tillroll.loop")

_SECONDS = 5.0  # for an answer: the turn waits for it
_MOST = 20  # in one turn


def post_notices(people: ShopPeople) -> None:
    """Post what is due, for some seconds, until one is not taken: the others would wait as long for the same host."""
    services, store = people.services, people.store
    if not services.settings.notice_url:
        return
    ends = services.clock.now() + timedelta(seconds=_SECONDS)
    with reading(services.engine) as connection:
        due = ready_notices(connection, store.id, services.clock.now(), by_hook=True, most=_MOST)
    for notice in due:
        now = services.clock.now()
        refusal = _post(people, notice, now)
        attempts, not_before, state = notice.attempts + 1, None, MessageState.SENT
        if refusal:
            state = MessageState.FAILED
            if MESSAGE_RETRIES.may_try_again(attempts):
                state, not_before = MessageState.READY, now + MESSAGE_RETRIES.pause_before(attempts)
        with writing(services.engine) as connection:
            settle_notices(
                connection,
                [notice.id],
                was=MessageState.READY,
                to=state,
                now=now,
                reason=refusal,
                attempts=attempts,
                not_before=not_before,
            )
        if refusal:
            log.warning("notice.not_posted", store=store.ecwid_id, kind=notice.kind, reason=refusal)
            return
        log.info("notice.posted", store=store.ecwid_id, kind=notice.kind)
        if services.clock.now() > ends:
            return  # the store's own work waits; the next turn goes on


def _post(people: ShopPeople, notice: StoredNotice, now: datetime) -> str:
    """Post a notice once. Returns why it wasn't taken; empty if it was."""
    settings = people.services.settings
    body = json.dumps(_fields(people, notice)).encode()
    headers = {"X-Tillroll-Signature": sign(settings.notice_secret, int(now.timestamp()), body)}
    try:
        session = HttpSession(
            settings.notice_url, hosts=AllowedHosts.of([settings.notice_url]), headers=headers
        )
    except Misconfigured as fault:
        return f"NOTICE_URL can't be called: {fault.message}"
    try:
        answer = session.call("POST", "", seconds=_SECONDS, body=body, kind="application/json")
    except (CallFailed, Misconfigured) as fault:
        return f"NOTICE_URL did not answer: {fault}"
    finally:
        session.close()
    return "" if 200 <= answer.status < 300 else f"NOTICE_URL answered {answer.status}"


def _fields(people: ShopPeople, notice: StoredNotice) -> dict[str, object]:
    return {
        "key": f"{people.store.ecwid_id}-{notice.id}",
        "kind": notice.kind.value,
        "store": people.store.ecwid_id,
        "run": notice.run_id,
        "subject": notice.subject,
        "text": "\n\n".join(notice.paragraphs),
        "page": people.page(f"runs/{notice.run_id}" if notice.run_id is not None else ""),
        "at": notice.made_at.isoformat(),
    }
