"""When a customer's flow ends before a step: its cart, order, tier or customer is gone, or the campaign says so.

The campaign says so with `unless:` and `unless_in:`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign import Revision
from tillroll.campaign.language.models import Unless
from tillroll.campaign.states import NO_SALE, EntryState
from tillroll.campaign.text.addresses import SamePerson
from tillroll.ledger.mirror.event_subject import why_subject_is_over
from tillroll.ledger.mirror.loyalty import standings_of
from tillroll.ledger.mirror.same_person import ids_of_person
from tillroll.ledger.queries.predicates import is_order_of_use
from tillroll.ledger.records import Entry
from tillroll.ledger.tables import carts, codes, customers, entries, messages, orders, redemptions, runs
from tillroll.plan.segments.membership import segments_of_customer


@dataclass(frozen=True, kw_only=True)
class FlowCart:
    """The cart that an entry is about, as the store has it now."""

    cart_id: str
    total: Decimal
    subtotal: Decimal
    items: Sequence[Mapping[str, Any]]
    updated_at: datetime | None


def cart_of(connection: Connection, entry: Entry) -> FlowCart | None:
    """Return the cart that an entry is about; None if it is about none, or the store deleted it."""
    if "cart" not in entry.facts:
        return None
    where = (carts.c.store_id == entry.store_id, carts.c.cart_id == entry.facts["cart"]["id"])
    columns = (carts.c.cart_id, carts.c.total, carts.c.subtotal, carts.c["items"], carts.c.updated_at)
    row = connection.execute(sa.select(*columns).where(*where)).first()
    return None if row is None else FlowCart(**row._mapping)


def why_flow_ends(
    connection: Connection,
    entry: Entry,
    revision: Revision,
    step: int,
    now: datetime,
) -> str:
    """Return why an entry's flow ends before a step; empty if it continues."""
    return _why_gone(connection, entry) or _why_unless(connection, entry, revision, step, now)


def leave(connection: Connection, entry: Entry, now: datetime, reason: str) -> bool:
    """End an entry's flow with a reason; return whether it was still waiting for the same step."""
    return move_entry(connection, entry, now, state=EntryState.LEFT, due_at=None, reason=reason)


def move_entry(connection: Connection, entry: Entry, now: datetime, **columns: Any) -> bool:
    """Update an entry, unless another process has moved it since it was read; return whether it was updated."""
    unmoved = (entries.c.id == entry.id, entries.c.state == EntryState.WAITING, entries.c.step == entry.step)
    update = sa.update(entries).where(*unmoved).values(changed_at=now, **columns)
    return connection.execute(update).rowcount == 1


def _why_gone(connection: Connection, entry: Entry) -> str:
    """Return what ends every flow: a cart, an order or a customer that no longer exists, an order undone, a tier lost."""
    if reason := why_subject_is_over(connection, entry.store_id, entry.facts):
        return reason
    if entry.customer_id is not None:
        where = (customers.c.store_id == entry.store_id, customers.c.customer_id == entry.customer_id)
        if not connection.scalar(sa.select(sa.exists().where(*where))):
            return "the customer is gone"
        if "tier" in entry.facts:
            return _why_tier_is_lost(
                connection, entry.store_id, entry.customer_id, entry.facts["tier"]["name"]
            )
    return ""


def _why_tier_is_lost(connection: Connection, store_id: int, customer_id: int, tier: str) -> str:
    """Return that a customer is no longer in the loyalty tier that they came into; empty if they are."""
    standing = standings_of(connection, store_id, [customer_id]).get(customer_id)
    return "" if standing is not None and standing.tier == tier else f"they are no longer in the tier {tier}"


def _why_unless(connection: Connection, entry: Entry, revision: Revision, step: int, now: datetime) -> str:
    """Return which `unless:` or `unless_in:` of the campaign ends the flow before a step."""
    campaign = revision.campaign
    unless: Sequence[Unless] = campaign.unless
    segments: Sequence[str] = ()
    if 0 < step <= len(campaign.steps):
        settings = campaign.steps[step - 1]
        unless, segments = (*unless, *settings.unless), settings.unless_in
    if Unless.ORDERED in unless and _has_ordered_since(connection, entry, revision.guardrails.same_person):
        return "they ordered"
    if Unless.CODE_USED in unless and _has_used_code(connection, entry):
        return "they used their code"
    if segments and entry.customer_id is not None:
        names = segments_of_customer(
            connection,
            store_id=entry.store_id,
            customer_id=entry.customer_id,
            segments={name: revision.segments[name] for name in segments},
            lists=revision.lists,
            now=now,
        )
        if names:
            return f"they are in {names[0]}"
    return ""


def _has_ordered_since(connection: Connection, entry: Entry, same: SamePerson) -> bool:
    """Return whether the person has placed an order since the event, other than the event's own."""
    if entry.customer_id is None:
        return False
    own = entry.facts.get("order", {}).get("id", "")
    ids = ids_of_person(connection, entry.store_id, entry.customer_id, same)
    where = (
        orders.c.store_id == entry.store_id,
        orders.c.customer_id.in_(ids),
        orders.c.created_at > entry.happened_at,
        orders.c.order_id != own,
        orders.c.payment_status.not_in(NO_SALE),
    )
    return bool(connection.scalar(sa.select(sa.exists().where(*where))))


def _has_used_code(connection: Connection, entry: Entry) -> bool:
    """Return whether a code of this flow was used: a personal code by anybody, a shared code by this customer."""
    by_customer = sa.exists().where(
        is_order_of_use(),
        orders.c.customer_id == entry.customer_id,
    )
    used = (
        sa.select(redemptions.c.id)
        .join(codes, codes.c.id == redemptions.c.code_id)
        .join(messages, messages.c.code_id == codes.c.id)
        .join(runs, runs.c.id == messages.c.run_id)
        .where(runs.c.entry_id == entry.id, sa.or_(codes.c.recipient_id.is_not(None), by_customer))
    )
    return connection.execute(used.limit(1)).first() is not None
