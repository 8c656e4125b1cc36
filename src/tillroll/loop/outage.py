"""A store shuts us out: its owner and whoever may decide are told by e-mail, once an outage.

The banner, the log, the audit chain and the metric say it too, and for as long as it lasts; the e-mail is for those who look
at none of them. It leaves by the way of the campaigns' e-mails. One that can't leave is told by the log and the audit chain, and
is not tried again: whoever is told twice a minute stops reading.
"""

from __future__ import annotations

from html import escape
from typing import Any

import sqlalchemy as sa
import structlog

from tillroll.approve.people import who_decides
from tillroll.campaign.digest import digest
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.send.compile import Rendered
from tillroll.send.decide import Outcome
from tillroll.send.mime import Outgoing, build
from tillroll.track.connect import FENCED, NO_API
from tillroll.track.overview import OnHold, held_up
from tillroll.wiring import Services

log = structlog.get_logger("tillroll.loop")

_GOES_ON = "Nothing is lost: all of it goes on where it stood."
_WHAT = {NO_API: "has no API in its plan, or is suspended", FENCED: "has seen another ledger than this one"}


def tell_of_outage(services: Services, store: sa.Row[Any], *, state: str, reason: str) -> None:
    """E-mail those whom it concerns; the audit chain says whom it reached."""
    with reading(services.engine) as connection:
        people = who_decides(connection)
        hold = held_up(connection, store.id)
    addresses = sorted({*people, *([store.email] if store.email else [])})
    words = _words(store, state, reason, hold, services.settings.public_url)
    letters, troubles = _letters(services, store, words, addresses)
    reached = []
    for delivery in services.transport.deliver(letters):
        address = letters[delivery.message_id].to
        if delivery.outcome is Outcome.SENT:
            reached.append(address)
        else:
            troubles[address] = f"{delivery.outcome.value}: {delivery.reason}"
    with writing(services.engine) as connection:
        audit.record(
            connection,
            at=services.clock.now(),
            actor="loop",
            action="store.notice",
            subject=f"store {store.ecwid_id}",
            body={"told": reached, "not_told": troubles},
        )
    level = log.info if reached and not troubles else log.warning
    level("store.notice", store=store.ecwid_id, told=len(reached), not_told=len(troubles))


def _words(store: sa.Row[Any], state: str, reason: str, hold: OnHold, public_url: str) -> Rendered:
    name = store.name or f"store {store.ecwid_id}"
    what = _WHAT.get(state, "no longer lets Tillroll in")
    lines = [
        f"{name} ({store.ecwid_id}) {what}.",
        reason,
        f"On hold: {hold.runs:,} runs, {hold.codes:,} codes to make, {hold.messages:,} e-mails to send. "
        + ("Some of it may have been done." if state == FENCED else _GOES_ON),
        f"The pages are at {public_url}" if public_url else "",
    ]
    said = [line for line in lines if line]
    return Rendered(
        subject=f"{name} {what}",
        html="".join(f"<p>{escape(line)}</p>" for line in said),
        text="\n\n".join(said) + "\n",
    )


def _letters(
    services: Services, store: sa.Row[Any], words: Rendered, addresses: list[str]
) -> tuple[list[Outgoing], dict[str, str]]:
    """(an e-mail an address, numbered from 0; why there is none, by address)."""
    sender = services.settings.mail_from or f"{store.name} <{store.email}>"
    letters: list[Outgoing] = []
    troubles: dict[str, str] = {}
    for address in addresses:
        now = services.clock.now()
        key = digest(["outage", store.id, now.isoformat(), address])[:32]
        try:
            content = build(rendered=words, sender=sender, to_email=address, to_name="", key=key, at=now)
        except Refused as fault:
            troubles[address] = fault.message
            continue
        letters.append(
            Outgoing(
                message_id=len(letters),
                key=key,
                run_id=0,
                campaign="",
                sender=sender,
                to=address,
                subject=words.subject,
                code="",
                content=content,
            )
        )
    return letters, troubles
