"""Enter customers into campaigns: each event becomes an entry, once, with the moment when its first step is due.

Crash points: before or after some entries. Their keys make them unique, so a look that was cut short is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.language.models import Again, Campaign
from tillroll.campaign.states import EntryCause, EntryState, FaultState, ItemKind, Stage
from tillroll.flows.find_events import find_events
from tillroll.flows.finders.finder import PIECE, EventWindow, StoreEvent
from tillroll.flows.segment_watch import watch_segment
from tillroll.ledger.causes import entry_cause
from tillroll.ledger.engine import insert_new, reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.pieces import write_pieces
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.mirror.same_person import same_person_ids
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.records import Store
from tillroll.ledger.tables import campaigns, customers, entries
from tillroll.plan.record.revisions import ActiveCampaign, campaign_item, readable_campaigns, without_broken

_DAY = timedelta(days=1)
_LAG = timedelta(minutes=10)  # more than the mirror may be behind the store
_LISTED_AFTER = timedelta(minutes=2)  # a new customer is in the store's lists by then

EarlierEntries = dict[int, tuple[int, datetime]]
"""By person (or product): how often they entered a campaign, and when their last event happened."""

People = Mapping[int, tuple[int, ...]]
"""By customer who shares an address with others: the ids of all of them, who are one person."""


def waits_for_events(connection: Connection, store_id: int) -> bool:
    """Return whether any active campaign waits for an event."""
    return any(active.revision.campaign.when.on for active in without_broken(connection, store_id))


def enroll(engine: Engine, *, store_id: int, now: datetime) -> int:
    """Enter what happened since the last look into the campaigns that wait for it; return how many entries are new."""
    readable = readable_campaigns(engine, store_id, stage=Stage.ENTER, now=now)
    waiting = [active for active in readable if active.revision.campaign.when.on]
    if not waiting:
        return 0
    with reading(engine) as connection:
        store = load_store(connection, store_id)
    if store.customers_at is None:  # the list of customers is still being read for the first time
        waiting = [active for active in waiting if not _needs_all_customers(active)]
    entered = 0
    for active in waiting:
        with contained(engine, campaign_item(store_id, active.name), stage=Stage.ENTER, now=now):
            _watch_segment(engine, store, active, now)
            entered += _enroll_campaign(engine, store, active, now)
    return entered


def _needs_all_customers(active: ActiveCampaign) -> bool:
    event = active.revision.campaign.when.on
    return event is None or event.kind.needs_all_customers


def _watch_segment(engine: Engine, store: Store, active: ActiveCampaign, now: datetime) -> None:
    """Note who came into the segment that a campaign waits for, or left it."""
    event = active.revision.campaign.when.on
    if event is not None and event.segment:
        watch_segment(engine, store, active.revision, event.segment, now)


def _enroll_campaign(engine: Engine, store: Store, active: ActiveCampaign, now: datetime) -> int:
    """Enter the events since the last look into one campaign; return how many entries wait for their first step."""
    campaign, record = active.revision.campaign, active.record
    assert campaign.when.on is not None  # noqa: S101 - only campaigns that wait for an event come here
    window = EventWindow(
        store_id=store.id,
        zone=campaign.when.zone(store.timezone),
        first_seen=record.first_seen_at,
        last=record.considered_until,
        since=record.considered_until - _LAG,
        now=now,
    )
    entered, postponed = 0, 0
    with reading(engine) as connection:
        for events in batched(find_events(connection, campaign.when.on, window), PIECE):
            new, later = _enter_all(engine, store, active, events, now)
            entered, postponed = entered + new, postponed + later
    if not postponed:
        with writing(engine) as connection:
            connection.execute(
                sa.update(campaigns)
                .where(campaigns.c.id == record.id, campaigns.c.considered_until < now)
                .values(considered_until=now)
            )
    return entered


def _enter_all(
    engine: Engine, store: Store, active: ActiveCampaign, events: Sequence[StoreEvent], now: datetime
) -> tuple[int, int]:
    """Enter the events that have no entry yet; return how many entries wait, and how many events must be looked at again."""
    name = active.name
    with reading(engine) as connection:
        new = _without_entry(connection, store.id, name, events)
        if not new:
            return 0, 0
        customer_ids = customers_of(connection, store.id, new)
        same = active.revision.guardrails.same_person
        people = same_person_ids(connection, store.id, set(customer_ids.values()), same)
        earlier = _earlier_entries(connection, store.id, name, new, customer_ids, people)
    postponed = 0
    rows: list[dict[str, Any]] = []

    def entry_item(key: str) -> FaultyItem:
        return FaultyItem(store_id=store.id, kind=ItemKind.ENTRY, name=f"{name} {key}", campaign=name)

    for event in new:
        with contained(engine, entry_item(event.key), stage=Stage.ENTER, now=now) as outcome:
            columns = _columns_of(event, store, active, customer_ids, people, earlier)
            if columns is None:
                postponed += 1
            elif columns:
                row = {"store_id": store.id, "campaign": name, "created_at": now, "changed_at": now}
                rows.append({**row, **columns})
        postponed += outcome.is_tried_again
    failed = write_pieces(
        engine,
        rows,
        lambda connection, some: insert_new(connection, entries, list(some)),
        name=lambda row: entry_item(row["key"]),
        stage=Stage.ENTER,
        now=now,
    )
    postponed += sum(noted.state is FaultState.OPEN for _, noted in failed)
    lost = {row["key"] for row, _ in failed}
    entered = [row for row in rows if row["state"] == EntryState.WAITING and row["key"] not in lost]
    return len(entered), postponed


def _columns_of(
    event: StoreEvent,
    store: Store,
    active: ActiveCampaign,
    customer_ids: Mapping[str, int],
    people: People,
    earlier: EarlierEntries,
) -> dict[str, Any] | None:
    """Return the columns of an event's entry; empty if it brings nobody in, None if it must be looked at again."""
    campaign = active.revision.campaign
    subject = event.product_id if event.product_id is not None else customer_ids.get(event.key)
    if subject is None:
        if store.customers_at is None or store.customers_at < event.happened_at + _LISTED_AFTER:
            return None  # they may be a new customer, whom the mirror does not have yet
        return _left(event, EntryCause.UNKNOWN_CUSTOMER)
    zone = campaign.when.zone(store.timezone)
    person = subject if event.product_id is not None else _person(subject, people)
    if not may_enter(campaign.when.how_often, earlier.get(person), event.happened_at, zone):
        return {}
    forgone = active.record.forgone_until
    is_forgone = forgone is not None and event.happened_at <= forgone
    first = _maybe_answered(event, subject) if is_forgone else _first_step(campaign, event, subject)
    times, last = earlier.get(person, (0, event.happened_at))
    earlier[person] = (times + 1, max(last, event.happened_at))
    return first


def _person(customer_id: int, people: People) -> int:
    """Return the oldest of the customers who are the same person as this one."""
    return people.get(customer_id, (customer_id,))[0]


def may_enter(
    again: Again | None, earlier: tuple[int, datetime] | None, happened_at: datetime, zone: ZoneInfo
) -> bool:
    """Return whether `again:` admits a customer (or product) once more.

    `earlier` is how often they entered before, and when their last event happened; None for a first entry. Whole days are counted
    by the calendar of `zone`, the campaign's: a day on which the clock changes is a day like any other.
    """
    if earlier is None:
        return True
    times, last = earlier
    if again is None or (again.most is not None and times >= again.most):
        return False
    if again.after % _DAY == timedelta(0):
        return happened_at.astimezone(zone).date() - last.astimezone(zone).date() >= again.after
    return happened_at - last >= again.after


def _first_step(campaign: Campaign, event: StoreEvent, subject: int) -> dict[str, Any]:
    """Return the columns of an entry that waits for its first step."""
    wait = campaign.steps[0].wait if campaign.steps else None
    return {
        **_entry(event),
        **_subject(event, subject),
        "due_at": event.happened_at + (wait if wait is not None else campaign.when.delay),
        "state": EntryState.WAITING,
        **entry_cause(EntryCause.NONE),
    }


def _maybe_answered(event: StoreEvent, subject: int) -> dict[str, Any]:
    """Return the columns of an entry for an event of the time that a restored ledger lost: it counts, but gets no e-mail."""
    return {**_left(event, EntryCause.MAY_BE_ANSWERED), **_subject(event, subject)}


def _left(event: StoreEvent, cause: EntryCause) -> dict[str, Any]:
    """Return the columns of an entry that ends at once. It is kept, so that its event is shown and not looked at again."""
    return {
        **_entry(event),
        "customer_id": None,
        "product_id": None,
        "due_at": None,
        "state": EntryState.LEFT,
        **entry_cause(cause),
    }


def _entry(event: StoreEvent) -> dict[str, Any]:
    return {"key": event.key, "facts": dict(event.facts), "happened_at": event.happened_at, "step": 1}


def _subject(event: StoreEvent, subject: int) -> dict[str, Any]:
    return {
        "customer_id": subject if event.product_id is None else None,
        "product_id": event.product_id,
    }


def _without_entry(
    connection: Connection, store_id: int, name: str, events: Sequence[StoreEvent]
) -> Sequence[StoreEvent]:
    """Return the events that have no entry in the campaign yet."""
    keys = [event.key for event in events]
    where = (entries.c.store_id == store_id, entries.c.campaign == name, entries.c.key.in_(keys))
    entered = set(connection.scalars(sa.select(entries.c.key).where(*where)))
    return [event for event in events if event.key not in entered]


def customers_of(connection: Connection, store_id: int, events: Sequence[StoreEvent]) -> dict[str, int]:
    """Return the customer of each event, by the event's key; a guest is the oldest customer with the same address.

    Events of products, and of people who are no customers, are left out.
    """
    of_people = [event for event in events if event.product_id is None]
    ids = [event.customer_id for event in of_people if event.customer_id is not None]
    addresses = [_address(event) for event in of_people if event.customer_id is None and "@" in event.email]
    of_store = customers.c.store_id == store_id
    query = sa.select(customers.c.customer_id).where(of_store, customers.c.customer_id.in_(ids))
    existing = set(connection.scalars(query)) if ids else set()
    by_address: dict[str, int] = {}
    if addresses:
        lowered = sa.func.lower(customers.c.email).label("address")
        people = sa.select(lowered, customers.c.customer_id).where(of_store, lowered.in_(addresses))
        for row in connection.execute(people.order_by(customers.c.customer_id)):
            by_address.setdefault(row.address, row.customer_id)
    customer_ids: dict[str, int] = {}
    for event in of_people:
        if event.customer_id is not None:
            if event.customer_id in existing:
                customer_ids[event.key] = event.customer_id
        elif (address := _address(event)) in by_address:
            customer_ids[event.key] = by_address[address]
    return customer_ids


def _address(event: StoreEvent) -> str:
    return event.email.strip().lower()


def _earlier_entries(
    connection: Connection,
    store_id: int,
    name: str,
    events: Sequence[StoreEvent],
    customer_ids: Mapping[str, int],
    people: People,
) -> EarlierEntries:
    """Return how often the events' people have entered, or their products: a campaign is about one or the other."""
    product_ids = [event.product_id for event in events if event.product_id is not None]
    everybody = {*customer_ids.values(), *(each for ids in people.values() for each in ids)}
    column, ids = (
        (entries.c.product_id, product_ids) if product_ids else (entries.c.customer_id, [*everybody])
    )
    query = sa.select(column, sa.func.count(), sa.func.max(entries.c.happened_at)).where(
        entries.c.store_id == store_id, entries.c.campaign == name, column.in_(ids)
    )
    persons = {each: ids[0] for ids in people.values() for each in ids}
    earlier: EarlierEntries = {}
    for subject, times, last in connection.execute(query.group_by(column)):
        person = subject if product_ids else persons.get(subject, subject)
        before, latest = earlier.get(person, (0, last))
        earlier[person] = (before + times, max(latest, last))
    return earlier
