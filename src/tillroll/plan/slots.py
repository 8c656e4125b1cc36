"""Due slots become runs. A run is unique per campaign and slot, so two clocks or a restart can't fire one twice."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.language.models import Campaign, Status
from tillroll.campaign.sentences.happened import say_event
from tillroll.campaign.states import RunState
from tillroll.campaign.timing.schedule import Due, Slot, due, slots
from tillroll.errors import NotFound, Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.plans import load_revision
from tillroll.ledger.pools import POOL
from tillroll.ledger.tables import campaigns, revisions, runs, stores
from tillroll.plan.pool import filling, only_fills_pool
from tillroll.plan.record import Active, active_campaigns

_SELDOM = timedelta(minutes=5)  # how far back a look may begin although nothing has come since


def materialise(engine: Engine, *, store_id: int, now: datetime) -> int:
    """Write a run for every slot of every active campaign that has come; returns how many are new.

    What was missed is decided by the campaign's `if_late` and `within`; slots let pass are written too, as skipped.
    """
    made = 0
    with reading(engine) as connection:
        zone = connection.scalars(sa.select(stores.c.timezone).where(stores.c.id == store_id)).one()
        active = [
            one
            for one in active_campaigns(connection, store_id)
            if one.row.considered_until < _horizon(one, now)
            and one.revision.campaign.when.on is None
            and not only_fills_pool(one.revision.campaign)
        ]
    if not active:
        return 0
    found = [(one, _due(one, zone, now)) for one in active]
    if not any(due_now.run or due_now.skipped for _, due_now in found) and all(
        one.row.considered_until > _horizon(one, now) - _SELDOM for one in active
    ):
        return 0  # most looks find nothing: the next one looks from the same moment on
    with writing(engine) as connection:  # one transaction for all of them: most looks find nothing
        for one, due_now in found:
            for slot in due_now.run:
                made += add_run(connection, store_id, one.name, slot, RunState.PLANNING, "", now)
            for slot, reason in due_now.skipped:
                add_run(connection, store_id, one.name, slot, RunState.SKIPPED, reason, now)
        for until in {_horizon(one, now) for one in active}:
            ids = [one.row.id for one in active if _horizon(one, now) == until]
            connection.execute(
                sa.update(campaigns)
                .where(campaigns.c.id.in_(ids), campaigns.c.considered_until < until)
                .values(considered_until=until)
            )
    return made


def _horizon(one: Active, now: datetime) -> datetime:
    """Up to when slots become runs: those whose codes are made ahead do so before their time."""
    ahead = one.revision.campaign.codes.ahead
    return now + ahead if ahead is not None else now


def _due(one: Active, zone: str, now: datetime) -> Due:
    when = one.revision.campaign.when
    return due(
        when,
        zone=when.zone(zone),
        first_seen=one.row.first_seen_at,
        considered_until=one.row.considered_until,
        now=now,
        ahead=one.revision.campaign.codes.ahead,
    )


def next_slot(connection: Connection, store_id: int, now: datetime, until: datetime) -> datetime | None:
    """The first slot of the store's active campaigns after now and up to a moment not far off; None when there is none."""
    zone = connection.scalars(sa.select(stores.c.timezone).where(stores.c.id == store_id)).one()
    found = (
        next(slots(when, zone=when.zone(zone), first_seen=first_seen, after=now, until=until), None)
        for when, first_seen in (
            (one.revision.campaign.when, one.row.first_seen_at)
            for one in active_campaigns(connection, store_id)
        )
    )
    return min((slot.at for slot in found if slot is not None), default=None)


def add_run(
    connection: Connection,
    store_id: int,
    name: str,
    slot: Slot,
    state: RunState,
    reason: str,
    now: datetime,
    **also: str,
) -> bool:
    return insert_if_new(
        connection,
        runs,
        {
            "store_id": store_id,
            "campaign": name,
            "slot_key": slot.key,
            "slot_at": slot.at,
            "state": state,
            "reason": reason,
            "started_by": "schedule",
            "created_at": now,
            "changed_at": now,
            "finished_at": now if state is RunState.SKIPPED else None,
            **also,
        },
    )


def start_by_hand(
    engine: Engine, *, store_id: int, name: str, person: str, now: datetime, key: str = ""
) -> int:
    """A run of a campaign outside its schedule; returns its number. The same key gives the same run again."""
    slot = Slot(key=f"by hand {key or now.isoformat()}", at=now)
    with writing(engine) as connection:
        where = (campaigns.c.store_id == store_id, campaigns.c.name == name)
        row = connection.execute(sa.select(campaigns).where(*where)).first()
        if row is None or row.gone_at is not None:
            raise NotFound(
                f"There is no campaign {name!r}.",
                hint="`tillroll status` lists the campaigns the loop knows.",
            )
        if row.halted_at is not None:
            raise Refused(
                f"Campaign {name!r} is halted, by {row.halted_by}.",
                hint=f"An approver may let it go on: tillroll restart {name}",
            )
        if row.revision_id is None:
            raise Refused(f"The files of campaign {name!r} have faults.", hint="Run: tillroll check")
        status = connection.scalar(sa.select(revisions.c.status).where(revisions.c.id == row.revision_id))
        if status != Status.ACTIVE:
            raise Refused(
                f"Campaign {name!r} is {status}.", hint="Set `status: active` in its file to run it."
            )
        kind = _kind_by_hand(connection, store_id, name, row.revision_id, slot)
        if add_run(
            connection, store_id, name, slot, RunState.PLANNING, "", now, started_by=person, kind=kind
        ):
            audit.record(
                connection,
                at=now,
                actor=person,
                action="run.started",
                subject=f"campaign {name}",
                body={"slot": slot.key},
            )
        same = (runs.c.store_id == store_id, runs.c.campaign == name, runs.c.slot_key == slot.key)
        return int(connection.scalars(sa.select(runs.c.id).where(*same)).one())


def _kind_by_hand(connection: Connection, store_id: int, name: str, revision_id: int, slot: Slot) -> str:
    """A run of a campaign that only fills its pool fills it up. `Refused` while another does, or if it waits for events."""
    campaign = load_revision(connection, revision_id).campaign
    if not only_fills_pool(campaign):
        refuse_of_event(name, campaign)
        return ""
    other = filling(connection, store_id, name)
    same = (runs.c.store_id == store_id, runs.c.campaign == name, runs.c.slot_key == slot.key)
    if other is not None and other != connection.scalar(sa.select(runs.c.id).where(*same)):
        raise Refused(f"Run {other} fills the pool of {name!r} already.", hint="It may wait for approval.")
    return POOL


def refuse_of_event(name: str, campaign: Campaign) -> None:
    """`Refused` for a campaign that waits for events: without one, nobody knows whom it is for and what its e-mails say."""
    if campaign.when.on is not None:
        raise Refused(
            f"Campaign {name!r} begins {say_event(campaign.when.on)}, not by hand.",
            hint="Each run gets its plan when that happens; `tillroll status` shows them.",
        )
