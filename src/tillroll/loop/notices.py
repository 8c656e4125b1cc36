"""Notices: e-mails to the people of a store about the work itself. Every notice is made and sent here.

Each one names the last row of the audit chain, so that whoever keeps the e-mail can tell later whether rows were removed since
(`tillroll audit verify --head …`). The audit chain records whom a notice reached. One that can't be sent is not tried again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from html import escape

import structlog
from sqlalchemy.engine import Connection

from tillroll.campaign.digest import digest
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.records import Store
from tillroll.rendering.compile import Rendered
from tillroll.rendering.mime import Outgoing, build
from tillroll.send.decide import DeliveryOutcome
from tillroll.wiring import Services

log = structlog.get_logger("tillroll.loop")


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What a notice says, without what every notice says."""

    kind: str  # what it is about, as `outage`; part of each e-mail's id
    subject: str
    paragraphs: tuple[str, ...]  # plain text; an empty one is left out


def send_notice(services: Services, store: Store, notice: Notice, addresses: Collection[str]) -> None:
    """E-mail a notice to some addresses by the transport of the campaigns' e-mails, and record whom it reached.

    No failure is raised but that of the ledger: what could not be sent is noted in the log and the audit chain.
    """
    with reading(services.engine) as connection:
        content = _content(connection, notice)
    messages, failures = _messages(services, store, notice, content, sorted(set(addresses)))
    reached = []
    for delivery in services.transport.deliver(messages):
        address = messages[delivery.message_id].to
        if delivery.outcome is DeliveryOutcome.SENT:
            reached.append(address)
        else:
            failures[address] = f"{delivery.outcome.value}: {delivery.reason}"
    with writing(services.engine) as connection:
        audit.record(
            connection,
            at=services.clock.now(),
            actor="loop",
            action="store.notice",
            subject=f"store {store.ecwid_id}",
            body={"told": reached, "not_told": failures},
        )
    level = log.info if reached and not failures else log.warning
    level("store.notice", store=store.ecwid_id, told=len(reached), not_told=len(failures))


def _content(connection: Connection, notice: Notice) -> Rendered:
    """Return the e-mail's content: the paragraphs, then the head of the audit chain at this moment."""
    lines = [line for line in (*notice.paragraphs, _say_head(audit.head_of(connection))) if line]
    return Rendered(
        subject=notice.subject,
        html="".join(f"<p>{escape(line)}</p>" for line in lines),
        text="\n\n".join(lines) + "\n",
    )


def _say_head(head: audit.Head | None) -> str:
    if head is None:
        return ""
    return (
        f"The last row of the audit is {head}. "
        f"Whether any row was removed since: tillroll audit verify --head {head}"
    )


def _messages(
    services: Services, store: Store, notice: Notice, content: Rendered, addresses: list[str]
) -> tuple[list[Outgoing], dict[str, str]]:
    """Return an e-mail for each address, numbered from 0, and for each address that can't have one the reason."""
    sender = services.settings.mail_from or f"{store.name} <{store.email}>"
    messages: list[Outgoing] = []
    failures: dict[str, str] = {}
    for address in addresses:
        now = services.clock.now()
        key = digest([notice.kind, store.id, now.isoformat(), address])[:32]
        try:
            mail = build(rendered=content, sender=sender, to_email=address, to_name="", key=key, at=now)
        except Refused as fault:
            failures[address] = fault.message
            continue
        messages.append(
            Outgoing(
                message_id=len(messages),
                key=key,
                run_id=0,
                campaign="",
                sender=sender,
                to=address,
                subject=content.subject,
                code="",
                content=mail,
            )
        )
    return messages, failures
