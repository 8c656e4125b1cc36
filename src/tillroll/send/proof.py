"""Sending a proof: one e-mail of a campaign, with a code that exists nowhere, to somebody of the shop.

It goes by the transport of the campaigns' e-mails, so that what arrives is what a customer would get. It is no message of a run:
the ledger has an audit row for it, written before it leaves, which is also what counts them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.digest import digest
from tillroll.campaign.frozen.recipient import mask_email
from tillroll.campaign.text.addresses import same_address
from tillroll.errors import NotAllowed, TryLater
from tillroll.ledger import audit
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import audit as audit_rows
from tillroll.ledger.tables import roles_users, store_roles, users
from tillroll.rendering.mime import Outgoing
from tillroll.rendering.preview import PreviewSubject
from tillroll.rendering.proof.proof import Proof, content_of, marked
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transport import Delivery, Transport

MOST_AN_HOUR = 30
"""Proofs that one person may send: enough to look at an e-mail in every program, too few to send a campaign by hand."""

_WINDOW = timedelta(hours=1)
_ACTION = "proof.send"


@dataclass(frozen=True, kw_only=True)
class ProofOrder:
    """Who wants which proof sent where."""

    subject: PreviewSubject
    proof: Proof
    to: str
    person: str  # for the audit
    allowed: Collection[str] = ()  # addresses besides those of the store's people


def send_proof(engine: Engine, transport: Transport, order: ProofOrder, *, now: datetime) -> Delivery:
    """Send a proof once, and return what became of it.

    Raises `NotAllowed` for an address that is nobody's of the shop, and `TryLater` after too many.
    """
    store = order.subject.store
    rendered = marked(order.proof.rendered)
    key = f"proof-{digest([store.id, order.proof.campaign, order.to, now.isoformat()])[:32]}"
    content = content_of(
        order.subject, rendered, sender=order.proof.sender, to=order.to, name="", key=key, at=now
    )
    with writing(engine) as connection:
        _require_allowed(connection, store.id, order)
        _require_few(connection, order.person, now)
        body = {
            "campaign": order.proof.campaign,
            "revision": order.subject.revision.digest,
            "to": mask_email(order.to),
        }
        audit.record(
            connection,
            at=now,
            actor=order.person,
            action=_ACTION,
            subject=f"store {store.ecwid_id}",
            body=body,
        )
    message = Outgoing(
        message_id=0,
        key=key,
        run_id=0,
        campaign="",
        sender=order.proof.sender,
        to=order.to,
        subject=rendered.subject,
        code="",
        content=content,
    )
    unknown = Delivery(message_id=0, outcome=DeliveryOutcome.UNKNOWN, reason="the transport said nothing")
    return next(iter(transport.deliver([message])), unknown)


def _require_allowed(connection: Connection, store_id: int, order: ProofOrder) -> None:
    """Raise `NotAllowed` unless an address is that of an account with a role for the store, or is allowed by the settings."""
    known = {same_address(address) for address in (*_people(connection, store_id), *order.allowed)}
    if same_address(order.to) not in known:
        raise NotAllowed(
            f"{order.to} is nobody's of the shop, so no proof goes there.",
            hint="Proofs go to accounts with a role for the store, and to the addresses in TILLROLL_PROOF_TO.",
        )


def _people(connection: Connection, store_id: int) -> list[str]:
    of_all = sa.select(roles_users.c.user_id)
    of_store = sa.select(store_roles.c.user_id).where(store_roles.c.store_id == store_id)
    may = sa.or_(users.c.id.in_(of_all), users.c.id.in_(of_store))
    return list(connection.scalars(sa.select(users.c.email).where(users.c.active, may)))


def _require_few(connection: Connection, person: str, now: datetime) -> None:
    where = (
        audit_rows.c.action == _ACTION,
        audit_rows.c.actor == person,
        audit_rows.c.at > now - _WINDOW,
    )
    sent = connection.scalar(sa.select(sa.func.count()).select_from(audit_rows).where(*where)) or 0
    if sent >= MOST_AN_HOUR:
        raise TryLater(
            retry_at=now + _WINDOW,
            message=f"{sent} proofs were sent by {person} within the last hour, and {MOST_AN_HOUR} is the most.",
            hint="Look at further ones on the run's page, or with: tillroll proof",
        )
