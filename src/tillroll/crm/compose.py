"""What a receiver gets of each event: JSON that is made once, and stays the same at every try."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.digest import canonical
from tillroll.campaign.language.crm import CRM_ERASURES, CrmKind
from tillroll.campaign.states import NO_SALE, CodeState
from tillroll.crm.receivers.receiver import ComposedEvent
from tillroll.ledger.crm.events import CrmEvent, launches_among
from tillroll.ledger.queries.given import works_from, works_until
from tillroll.ledger.records import Store
from tillroll.ledger.tables import codes, order_items, orders, runs
from tillroll.ledger.tables.types import amount_of

Json = dict[str, Any]

_MICROSECONDS = 1_000_000


def compose(
    connection: Connection, store: Store, events: Sequence[CrmEvent], *, now: datetime, last_sequence: int
) -> list[ComposedEvent]:
    """Return the JSON of events in their order; of those that have one already, the same as before.

    The sequence grows with each event, also in a ledger that was restored: it follows the clock.
    """
    lookups = _Lookups(connection, store, events)
    composed, sequence = [], max(last_sequence, int(now.timestamp() * _MICROSECONDS))
    for event in events:
        if event.sequence is not None:
            ready = ComposedEvent.of(event)
        else:
            sequence += 1
            key = _key_of(store, event, sequence)
            values = {
                "id": key,
                "sequence": sequence,
                "type": event.change,
                "store": store.ecwid_id,
                "told_at": _utc(now),
                "customer": _customer(event),
                "data": lookups.data_of(event),
            }
            ready = ComposedEvent(id=event.id, sequence=sequence, key=key, body=_as_json(values))
        composed.append(ready)
    return composed


def _as_json(values: Json) -> str:
    """Return JSON on one line: what ends a line for some readers is escaped."""
    return json.dumps(values, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _key_of(store: Store, event: CrmEvent, sequence: int) -> str:
    """Return the event's id. A restored ledger may give a sequence again, but not with the same content."""
    content = canonical([event.kind, event.change, event.subject, event.facts])
    return f"{store.ecwid_id}-{sequence}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _customer(event: CrmEvent) -> Json | None:
    if event.customer_id is None and not event.email:
        return None
    return {"id": event.customer_id, "email": event.email or None}


class _Lookups:
    """What the events of a batch name, read for all of them together."""

    def __init__(self, connection: Connection, store: Store, events: Sequence[CrmEvent]) -> None:
        self._store = store
        new = [event for event in events if event.sequence is None]
        of_orders = [event.subject for event in new if event.kind == CrmKind.ORDERS]
        of_uses = [event.subject for event in new if event.kind == CrmKind.REDEMPTIONS]
        code_ids = {int(event.subject) for event in new if event.kind == CrmKind.CODES}
        code_ids |= {int(event.facts["code_id"]) for event in new if event.kind == CrmKind.REDEMPTIONS}
        self._items = _items_of(connection, store.id, of_orders)
        self._numbers = _numbers_of(connection, store.id, of_uses)
        self._codes = _codes_of(connection, code_ids)
        self._launches = launches_among(connection, store.id, new)

    def data_of(self, event: CrmEvent) -> Json:
        """Return what an event says of its order, code, redemption or consent."""
        facts = event.facts
        match event.kind:
            case CrmKind.ORDERS:
                return self._order(event, facts)
            case CrmKind.CODES:
                return {**self._codes.get(int(event.subject), {}), **self._code(event, facts)}
            case CrmKind.REDEMPTIONS:
                return self._redemption(event, facts)
            case CrmKind.CONSENT:
                return {
                    "email": event.email,
                    "agreed": bool(facts["agreed"]),
                    "source": facts["source"],
                    "at": _moment(facts["at"]),
                }
            case kind if kind == CRM_ERASURES:
                return {"customer_id": event.customer_id, "emails": facts["emails"]}
            case _:
                return _tier(facts)

    def _order(self, event: CrmEvent, facts: Mapping[str, Any]) -> Json:
        status = str(facts["payment_status"])
        gone = event.change == "order.deleted"
        return {
            "order": event.subject,
            "number": facts["number"],
            "placed_at": _moment(facts["created_at"]),
            "changed_at": _moment(facts["updated_at"]),
            "payment_status": status,
            "fulfillment_status": facts["fulfillment_status"],
            "counts": not gone and status not in NO_SALE,
            "currency": self._store.currency,
            "total": _amount(facts["total"]),
            "subtotal": _amount(facts["subtotal"]),
            "discount": _amount(facts["coupon_discount"]),
            "code": facts["coupon_code"] or None,
            "items": [] if gone else self._items.get(event.subject, []),
        }

    def _redemption(self, event: CrmEvent, facts: Mapping[str, Any]) -> Json:
        code = self._codes.get(int(facts["code_id"]), {})
        return {
            "order": event.subject,
            "number": self._numbers.get(event.subject),
            "code": code.get("code"),
            "code_id": int(facts["code_id"]),
            "campaign": code.get("campaign"),
            "run": facts["run_id"],
            "told_run": facts["told_run_id"],
            "currency": self._store.currency,
            "order_total": _amount(facts["order_total"]),
            "discount": _amount(facts["discount"]),
            "payment_status": facts["payment_status"],
            "at": _moment(facts["at"]),
        }

    def _code(self, event: CrmEvent, facts: Mapping[str, Any]) -> Json:
        """Return what an event says of a code, beside what it always says."""
        own: Json = {"code_id": int(event.subject), "state": event.change.partition(".")[2]}
        if event.change == "code.issued":
            own["works"] = facts["state"] != CodeState.PAUSED
        if event.change == "code.resumed":
            own["launched"] = event.id in self._launches
        if "order_id" in facts:
            return {**own, "order": facts["order_id"], "at": _moment(facts["at"])}
        return own


def _tier(facts: Mapping[str, Any]) -> Json:
    """Return what an event says of a customer's tier; without a name they are in none."""
    return {
        "tier": facts["tier"] or None,
        "was": facts["was"] or None,
        "figure": _amount(facts["figure"]),
        "since": _moment(facts["since"]),
    }


def _items_of(connection: Connection, store_id: int, order_ids: Sequence[str]) -> dict[str, list[Json]]:
    query = (
        sa.select(order_items)
        .where(order_items.c.store_id == store_id, order_items.c.order_id.in_(order_ids))
        .order_by(order_items.c.order_id, order_items.c.line)
    )
    found: dict[str, list[Json]] = {}
    for row in connection.execute(query):
        item = {
            "product": row.product_id,
            "sku": row.sku,
            "quantity": row.quantity,
            "price": str(row.price),
        }
        found.setdefault(row.order_id, []).append(item)
    return found


def _numbers_of(connection: Connection, store_id: int, order_ids: Sequence[str]) -> dict[str, int | None]:
    query = sa.select(orders.c.order_id, orders.c.number)
    where = (orders.c.store_id == store_id, orders.c.order_id.in_(order_ids))
    return {row.order_id: row.number for row in connection.execute(query.where(*where))}


def _codes_of(connection: Connection, ids: set[int]) -> dict[int, Json]:
    query = (
        sa.select(codes.c.id, codes.c.code, codes.c.run_id, runs.c.campaign)
        .add_columns(works_from().label("works_from"), works_until().label("works_until"))
        .join(runs, runs.c.id == codes.c.run_id)
        .where(codes.c.id.in_(ids))
    )
    return {
        row.id: {
            "code": row.code,
            "campaign": row.campaign,
            "run": row.run_id,
            "valid_from": _utc(row.works_from) if row.works_from else None,
            "valid_until": _utc(row.works_until) if row.works_until else None,
        }
        for row in connection.execute(query)
    }


def _amount(raw: int | None) -> str | None:
    """Return an amount as a text: the facts hold what the column holds."""
    return None if raw is None else str(amount_of(raw))


def _moment(raw: str | None) -> str | None:
    """Return a moment in UTC as ISO 8601: the databases write it differently."""
    if not raw:
        return None
    moment = datetime.fromisoformat(raw)
    return _utc(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
