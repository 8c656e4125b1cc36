"""What a system of the shop's own tells (`webhook+https://…`): signed like what it is sent, over moment and body.

`{"events": [{"id": "…", "key": "r12-34-9f2c", "kind": "bounced", "reason": "…", "at": "2026-11-29T20:15:00Z"}]}`
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tillroll.campaign.digest import sign
from tillroll.campaign.states import MailEventKind
from tillroll.errors import NotAllowed
from tillroll.track.mail.hooks.event import (
    TOLERANCE,
    HookRequest,
    MailEvent,
    event,
    moment,
    obj,
    refuse_old,
    rows,
    word,
)

_KINDS = {kind.value: kind for kind in MailEventKind}


class OwnHook:
    """What a system of the shop's own tells."""

    is_signed = True

    def check(self, request: HookRequest) -> None:
        given = request.header("X-Tillroll-Signature")
        seconds = given.partition("t=")[2].partition(",")[0]
        refuse_old(seconds, request.now, TOLERANCE)
        expected = sign(request.key, int(seconds), request.body)
        if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
            raise NotAllowed("The signature is not that of the system.")

    def read(self, values: Any, now: datetime) -> Sequence[MailEvent]:
        given = obj(values).get("events")
        return [found for one in (rows(given) if given else []) for found in _read_one(one, now)]


def _read_one(one: Any, now: datetime) -> list[MailEvent]:
    return event(
        _KINDS.get(word(one, "kind")),
        key=word(one, "id"),
        message_key=word(one, "key"),
        reason=word(one, "reason"),
        at=moment(word(one, "at"), now),
        raw=one,
    )
