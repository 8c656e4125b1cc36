"""Taking in what a mail service tells: its request is checked, each event about a message of ours is stored once, and answered.

A message's key names its recipient, so the message is found by an index. What is about no message of ours is left out: the
service may send e-mails of other software too.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.language.models import Via
from tillroll.errors import Misconfigured, NotAllowed, Refused
from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.tables import mail_events, messages
from tillroll.track.mail.hooks.brevo import BrevoHook
from tillroll.track.mail.hooks.event import Hook, HookRequest, MailEvent, read_json
from tillroll.track.mail.hooks.mailgun import MailgunHook
from tillroll.track.mail.hooks.own import OwnHook
from tillroll.track.mail.hooks.postmark import PostmarkHook
from tillroll.track.mail.hooks.resend import ResendHook
from tillroll.track.mail.hooks.sendgrid import SendgridHook
from tillroll.track.mail.hooks.ses import SesHook
from tillroll.track.mail.hooks.subscription import confirm_subscription

HOOKS: dict[Via, Hook] = {
    Via.POSTMARK: PostmarkHook(),
    Via.SENDGRID: SendgridHook(),
    Via.MAILGUN: MailgunHook(),
    Via.BREVO: BrevoHook(),
    Via.SES: SesHook(),
    Via.RESEND: ResendHook(),
    Via.WEBHOOK: OwnHook(),
}

MOST_BYTES = 1024 * 1024
"""Of a request. The largest honest ones, SendGrid's lists, have three quarters of it."""

_MOST_EVENTS = 2_000
_MESSAGE_KEY = re.compile(r"r\d{1,12}-(\d{1,15})-[A-Za-z0-9._-]{1,150}")
_PIECE = 100


class _Message(NamedTuple):
    """An e-mail of ours that an event is about."""

    id: int
    store_id: int


def token_of(key: str, service: Via) -> str:
    """Return the word of a service's address that only the service knows. It is derived from a key of the installation."""
    derived = hmac.digest(key.encode(), f"tillroll mail events of {service.value}".encode(), hashlib.sha256)
    return derived.hex()[:40]


def is_token(given: str, service: Via, keys: Sequence[str]) -> bool:
    """Return whether a word is the service's, of any of the installation's keys."""
    return any(hmac.compare_digest(token_of(key, service), given) for key in keys)


def read_mail_events(service: Via, request: HookRequest, keys: Sequence[str]) -> Sequence[MailEvent]:
    """Return what a request tells. `keys`: what it may be signed with; stores may have accounts of their own at the service.

    Raises `NotAllowed` when the service didn't sign it, `Misconfigured` when there is nothing to check that with, and `Refused`
    when it can't be read.
    """
    hook = HOOKS[service]
    if hook.is_signed and not keys:
        raise Misconfigured(
            f"The events of {service.value} can't be checked, so they are not taken in.",
            hint="Set MAIL_HOOK_KEY (of one store: MAIL_HOOK_KEY_1003) to the key that the service signs its webhooks with.",
        )
    if len(request.body) > MOST_BYTES:
        raise Refused(f"The body is larger than {MOST_BYTES // 1024} kB.")
    _check(hook, request, keys)
    values = read_json(request.body)
    if service is Via.SES and confirm_subscription(values):
        return []
    found = hook.read(values, request.now)
    if len(found) > _MOST_EVENTS:
        raise Refused(f"The body holds more than {_MOST_EVENTS} events.")
    return found


def _check(hook: Hook, request: HookRequest, keys: Sequence[str]) -> None:
    """Raise `NotAllowed` unless the request is signed with one of the keys, or needs no signature."""
    refused: NotAllowed | None = None
    for key in keys if hook.is_signed else ("",):
        try:
            hook.check(replace(request, key=key))
        except NotAllowed as fault:
            refused = refused or fault
        else:
            return
    if refused is not None:
        raise refused


def store_mail_events(engine: Engine, service: str, found: Sequence[MailEvent], *, now: datetime) -> int:
    """Store the events that are about messages of ours. Returns how many are new. Safe to repeat, in any order."""
    new = 0
    for start in range(0, len(found), _PIECE):
        some = found[start : start + _PIECE]
        with reading(engine) as connection:
            known = [(one, row) for one in some if (row := _message_of(connection, one)) is not None]
        if known:
            with writing(engine) as connection:
                new += sum(_store_one(connection, service, one, row, now) for one, row in known)
    return new


def _store_one(
    connection: Connection, service: str, one: MailEvent, message: _Message, now: datetime
) -> bool:
    row = {
        "store_id": message.store_id,
        "message_id": message.id,
        "service": service,
        "event_key": one.event_key,
        "kind": one.kind.value,
        "reason": one.reason,
        "happened_at": one.happened_at,
        "received_at": now,
    }
    return insert_if_new(connection, mail_events, row)


def _message_of(connection: Connection, one: MailEvent) -> _Message | None:
    found = _MESSAGE_KEY.fullmatch(one.message_key)
    if found is None:
        return None
    where = (messages.c.recipient_id == int(found[1]), messages.c.message_key == one.message_key)
    row = connection.execute(sa.select(messages.c.id, messages.c.store_id).where(*where)).first()
    return _Message(row.id, row.store_id) if row is not None else None


def hook_path(key: str, service: Via) -> str:
    """Return the path that a service posts to, with a key of the installation."""
    return f"/hooks/mail/{service.value}/{token_of(key, service)}"
