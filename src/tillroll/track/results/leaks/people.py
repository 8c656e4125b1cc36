"""What the ledger knows of the recipients and the buyers of some uses, in a few queries for all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import MessageKind
from tillroll.campaign.text.addresses import mailbox_of
from tillroll.ledger.queries.predicates import is_order_of_use
from tillroll.ledger.tables import codes, customers, messages, orders, recipients, redemptions, runs
from tillroll.track.results.leaks.decide import Party

_MOST_ORDERS = 2_000  # of all recipients of a piece together, the latest; more says nothing new


@dataclass(frozen=True, kw_only=True)
class JudgedUse:
    """One use of a code that is to be looked at."""

    redemption_id: int
    campaign: str
    code_id: int
    at: datetime
    given_to: int | None  # the recipient's customer number; None: the code was given to nobody in particular
    given_email: str
    customer_id: int | None  # of the order
    email: str
    buyer: str  # digest
    households: str
    surnames: str


def next_uses(connection: Connection, store_id: int, *, after: int, most: int) -> list[JudgedUse]:
    """Return the uses after one, in the order in which they were recorded."""
    query = (
        sa.select(redemptions.c.id, redemptions.c.code_id, redemptions.c.at, runs.c.campaign)
        .add_columns(recipients.c.customer_id.label("given_to"), recipients.c.email.label("given_email"))
        .add_columns(
            orders.c.customer_id, orders.c.email, orders.c.buyer, orders.c.households, orders.c.surnames
        )
        .select_from(redemptions)
        .join(runs, runs.c.id == redemptions.c.run_id)
        .join(codes, codes.c.id == redemptions.c.code_id)
        .join(orders, is_order_of_use())
        .outerjoin(recipients, recipients.c.id == codes.c.recipient_id)
        .where(redemptions.c.store_id == store_id, redemptions.c.id > after)
        .order_by(redemptions.c.id)
        .limit(most)
    )
    return [
        JudgedUse(
            redemption_id=row.id,
            campaign=row.campaign,
            code_id=row.code_id,
            at=row.at,
            given_to=row.given_to,
            given_email=row.given_email or "",
            customer_id=row.customer_id,
            email=row.email,
            buyer=row.buyer,
            households=row.households,
            surnames=row.surnames,
        )
        for row in connection.execute(query)
    ]


class KnownPeople:
    """The customers behind some uses, with the addresses of their orders."""

    def __init__(self, connection: Connection, store_id: int, uses: Sequence[JudgedUse]) -> None:
        ids = {one for use in uses for one in (use.given_to, use.customer_id) if one is not None}
        self._known: dict[int, Party] = {}
        of_store = (customers.c.store_id == store_id, customers.c.customer_id.in_(ids))
        columns = (customers.c.customer_id, customers.c.mailbox, customers.c.households, customers.c.surnames)
        for number, mailbox, households, surnames in connection.execute(sa.select(*columns).where(*of_store)):
            self._add(number, mailbox, households, surnames)
        given = {use.given_to for use in uses if use.given_to is not None}
        theirs = (orders.c.store_id == store_id, orders.c.customer_id.in_(given), orders.c.households != "")
        query = sa.select(orders.c.customer_id, orders.c.households, orders.c.surnames).where(*theirs)
        for number, households, surnames in connection.execute(
            query.order_by(orders.c.created_at.desc()).limit(_MOST_ORDERS)
        ):
            self._add(number, "", households, surnames)

    def recipient(self, use: JudgedUse) -> Party:
        """Return the recipient of the code, as far as they are known."""
        return self._joined(use.given_to, mailbox_of(use.given_email))

    def buyer(self, use: JudgedUse) -> Party:
        """Return who placed the order, as far as they are known."""
        return self._joined(use.customer_id, mailbox_of(use.email), use.households, use.surnames)

    def _add(self, number: int, mailbox: str, households: str, surnames: str) -> None:
        self._known[number] = self._joined(number, mailbox, households, surnames)

    def _joined(self, number: int | None, mailbox: str, households: str = "", surnames: str = "") -> Party:
        known = self._known.get(number, Party()) if number is not None else Party()
        return Party(
            customer_ids=frozenset([number] if number is not None else []),
            mailboxes=known.mailboxes | frozenset([mailbox] if mailbox else []),
            households=known.households | frozenset(households.split()),
            surnames=known.surnames | frozenset(surnames.split()),
        )


def told_of(connection: Connection, store_id: int, uses: Iterable[JudgedUse]) -> frozenset[tuple[int, str]]:
    """Return codes and mailboxes: who of these buyers was told of a code for everybody by an e-mail."""
    public = [use for use in uses if use.given_to is None]
    boxes = {mailbox_of(use.email) for use in public} - {""}
    numbers = _mailboxes(connection, store_id, boxes)
    numbers |= {use.customer_id: mailbox_of(use.email) for use in public if use.customer_id is not None}
    query = (
        sa.select(messages.c.code_id, recipients.c.customer_id)
        .join(recipients, recipients.c.id == messages.c.recipient_id)
        .where(recipients.c.customer_id.in_(numbers), messages.c.code_id.in_({use.code_id for use in public}))
        .where(messages.c.kind == MessageKind.OFFER, messages.c.sent_at.is_not(None))
    )
    if not numbers:
        return frozenset()
    return frozenset((code_id, numbers[number]) for code_id, number in connection.execute(query))


def _mailboxes(connection: Connection, store_id: int, boxes: Collection[str]) -> dict[int, str]:
    """Return the customers with these mailboxes."""
    query = sa.select(customers.c.customer_id, customers.c.mailbox)
    where = (customers.c.store_id == store_id, customers.c.mailbox.in_(boxes))
    return {row.customer_id: row.mailbox for row in connection.execute(query.where(*where))} if boxes else {}
