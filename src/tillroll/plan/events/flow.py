"""The steps of those who entered a campaign: a step that is due becomes a run, and the entry moves on to the next.

Crash points: none between: the run and the entry's next step are one transaction, and a step's run has a unique key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.language.models import Unless
from tillroll.campaign.states import NO_SALE, EntryState, RunState
from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.runs import move_run
from tillroll.ledger.tables import (
    carts,
    codes,
    customers,
    entries,
    messages,
    orders,
    redemptions,
    runs,
)
from tillroll.plan.record import active_campaigns, current_revision
from tillroll.plan.segments.membership import segments_with

_MOST = 500  # entries a slice
_NOT_BEGUN = (RunState.PLANNING, RunState.WAITING, RunState.APPROVED)


def take_steps(engine: Engine, *, store_id: int, now: datetime) -> int:
    """Make runs of the steps that are due; returns how many. Entries of a campaign that isn't active wait."""
    due = (entries.c.store_id == store_id, entries.c.state == EntryState.WAITING, entries.c.due_at <= now)
    with reading(engine) as connection:
        if not connection.scalar(sa.select(sa.exists().where(*due))):
            return 0
        revisions = {one.name: one.revision for one in active_campaigns(connection, store_id)}
        query = sa.select(entries).where(*due, entries.c.campaign.in_(revisions))
        found = connection.execute(query.order_by(entries.c.due_at).limit(_MOST)).all()
    made = 0
    for entry in found:
        with writing(engine) as connection:
            made += _take_step(connection, entry, revisions[entry.campaign], now)
    return made


def end_overtaken(engine: Engine, *, store_id: int, now: datetime) -> int:
    """End the runs that haven't begun and have been overtaken by what happened since: nobody need decide on a reminder of a
    cart that was bought. Returns how many."""
    of_flow = (
        runs.c.store_id == store_id,
        runs.c.state.in_(_NOT_BEGUN),
        entries.c.id == runs.c.entry_id,
        sa.or_(_has_ordered(), _cart_is_over(), _has_used_a_code()),
    )
    with reading(engine) as connection:
        suspects = connection.execute(
            sa.select(runs.c.id.label("run_id"), runs.c.step, entries.c.id).where(*of_flow)
        ).all()
    return sum(_end_if_overtaken(engine, one.run_id, one.step, one.id, now) for one in suspects)


def _end_if_overtaken(engine: Engine, run_id: int, step: int, entry_id: int, now: datetime) -> bool:
    with writing(engine) as connection:
        entry = connection.execute(sa.select(entries).where(entries.c.id == entry_id)).one()
        found = current_revision(connection, entry.store_id, entry.campaign)
        if found is None:
            return False
        reason = _reason_to_end(connection, entry, _cart(connection, entry), found[1], step, now)
        if not reason or not move_run(
            connection, run_id, was=_NOT_BEGUN, to=RunState.DONE, now=now, reason=reason
        ):
            return False
        _move(connection, entry, now, state=EntryState.LEFT, due_at=None, reason=reason)
    return True


def _has_ordered() -> sa.ColumnElement[bool]:
    return sa.exists().where(
        orders.c.store_id == entries.c.store_id,
        orders.c.customer_id == entries.c.customer_id,
        orders.c.created_at > entries.c.happened_at,
    )


def _cart_is_over() -> sa.ColumnElement[bool]:
    return sa.exists().where(
        carts.c.store_id == entries.c.store_id,
        entries.c.key.startswith("cart ", autoescape=True),
        carts.c.cart_id == sa.func.substr(entries.c.key, len("cart ") + 1),
        sa.or_(carts.c.hidden.is_(sa.true()), carts.c.recovered_order.is_not(None)),
    )


def _has_used_a_code() -> sa.ColumnElement[bool]:
    earlier = runs.alias("earlier")
    return (
        sa.select(redemptions.c.code_id)
        .join(messages, messages.c.code_id == redemptions.c.code_id)
        .join(earlier, earlier.c.id == messages.c.run_id)
        .where(earlier.c.entry_id == entries.c.id)
        .correlate(entries)
        .exists()
    )


def _take_step(connection: Connection, entry: sa.Row[Any], revision: Revision, now: datetime) -> bool:
    campaign = revision.campaign
    if entry.step > max(1, len(campaign.steps)):
        return not _move(
            connection,
            entry,
            now,
            state=EntryState.LEFT,
            due_at=None,
            reason="the campaign has fewer steps now",
        )
    cart = _cart(connection, entry)
    if reason := _reason_to_end(connection, entry, cart, revision, entry.step, now):
        _move(connection, entry, now, state=EntryState.LEFT, due_at=None, reason=reason)
        return False
    wait = campaign.steps[0].wait if campaign.steps else None
    if (
        cart is not None
        and entry.step == 1
        and cart.updated_at is not None
        and cart.updated_at > entry.happened_at
    ):
        # they came back to it: it isn't left behind until they have left it again
        due = cart.updated_at + (wait if wait is not None else campaign.when.delay)
        facts = {**entry.facts, "cart": {"id": cart.cart_id, "total": str(cart.total)}}
        _move(connection, entry, now, due_at=due, happened_at=cart.updated_at, facts=facts)
        return False
    late = now - entry.due_at > campaign.when.within
    if not _move(connection, entry, now, **_next(entry, revision)):
        return False
    return _add_run(connection, entry, revision, late, now) and not late


def _next(entry: sa.Row[Any], revision: Revision) -> dict[str, Any]:
    """The step after this one, or the end."""
    steps = revision.campaign.steps
    if entry.step >= len(steps):
        return {"state": EntryState.DONE, "due_at": None, "step": entry.step + 1}
    return {"step": entry.step + 1, "due_at": entry.due_at + (steps[entry.step].wait or timedelta(0))}


def _add_run(
    connection: Connection, entry: sa.Row[Any], revision: Revision, late: bool, now: datetime
) -> bool:
    within = revision.campaign.when.within
    return insert_if_new(
        connection,
        runs,
        {
            "store_id": entry.store_id,
            "campaign": entry.campaign,
            "slot_key": f"{entry.key} step {entry.step}" if revision.campaign.steps else entry.key,
            "slot_at": entry.due_at,
            "state": RunState.SKIPPED if late else RunState.PLANNING,
            "reason": f"its moment is more than {within} past" if late else "",
            "entry_id": entry.id,
            "step": entry.step,
            "started_by": "event",
            "created_at": now,
            "changed_at": now,
            "finished_at": now if late else None,
        },
    )


def _move(connection: Connection, entry: sa.Row[Any], now: datetime, **values: Any) -> bool:
    """Write what becomes of an entry, if it still stands where it was read."""
    still = (entries.c.id == entry.id, entries.c.state == EntryState.WAITING, entries.c.step == entry.step)
    changed = sa.update(entries).where(*still).values(changed_at=now, **values)
    return connection.execute(changed).rowcount == 1


def _cart(connection: Connection, entry: sa.Row[Any]) -> sa.Row[Any] | None:
    """The cart that the entry is about, as the store has it now."""
    if "cart" not in entry.facts:
        return None
    where = (carts.c.store_id == entry.store_id, carts.c.cart_id == entry.facts["cart"]["id"])
    return connection.execute(sa.select(carts).where(*where)).first()


def _left_by_itself(connection: Connection, entry: sa.Row[Any], cart: sa.Row[Any] | None) -> str:
    """What ends every flow about a cart or a customer that is no more."""
    if "cart" in entry.facts:
        if cart is None or cart.hidden:
            return "the cart is gone"
        if cart.recovered_order is not None:
            return "the cart became an order"
    if entry.customer_id is not None:
        where = (customers.c.store_id == entry.store_id, customers.c.customer_id == entry.customer_id)
        if not connection.scalar(sa.select(sa.exists().where(*where))):
            return "the customer is gone"
    return ""


def _reason_to_leave(
    connection: Connection, entry: sa.Row[Any], revision: Revision, step: int, now: datetime
) -> str:
    """What the campaign says ends the flow before a step."""
    campaign = revision.campaign
    unless: Sequence[Unless] = campaign.unless
    segments: Sequence[str] = ()
    if 0 < step <= len(campaign.steps):
        said = campaign.steps[step - 1]
        unless, segments = (*unless, *said.unless), said.unless_in
    if Unless.ORDERED in unless and _ordered_since(connection, entry):
        return "they ordered"
    if Unless.CODE_USED in unless and _code_used(connection, entry):
        return "they used their code"
    if segments and entry.customer_id is not None:
        named = {name: revision.segments[name] for name in segments}
        found = segments_with(
            connection,
            store_id=entry.store_id,
            customer_id=entry.customer_id,
            segments=named,
            lists=revision.lists,
            now=now,
        )
        if found:
            return f"they are in {found[0]}"
    return ""


def _reason_to_end(
    connection: Connection,
    entry: sa.Row[Any],
    cart: sa.Row[Any] | None,
    revision: Revision,
    step: int,
    now: datetime,
) -> str:
    """Why a step is not for this entry any more; empty when it is."""
    return _left_by_itself(connection, entry, cart) or _reason_to_leave(
        connection, entry, revision, step, now
    )


def _ordered_since(connection: Connection, entry: sa.Row[Any]) -> bool:
    own = entry.facts.get("order", {}).get("id", "")
    where = (
        orders.c.store_id == entry.store_id,
        orders.c.customer_id == entry.customer_id,
        orders.c.created_at > entry.happened_at,
        orders.c.order_id != own,
        orders.c.payment_status.not_in(NO_SALE),
    )
    return bool(connection.scalar(sa.select(sa.exists().where(*where))))


def _code_used(connection: Connection, entry: sa.Row[Any]) -> bool:
    """Whether a code that this flow showed them was used: their own by anybody, one that is shared by them."""
    by_them = sa.exists().where(
        orders.c.store_id == redemptions.c.store_id,
        orders.c.order_id == redemptions.c.order_id,
        orders.c.customer_id == entry.customer_id,
    )
    used = (
        sa.select(redemptions.c.id)
        .join(codes, codes.c.id == redemptions.c.code_id)
        .join(messages, messages.c.code_id == codes.c.id)
        .join(runs, runs.c.id == messages.c.run_id)
        .where(runs.c.entry_id == entry.id, sa.or_(codes.c.recipient_id.is_not(None), by_them))
    )
    return connection.execute(used.limit(1)).first() is not None
