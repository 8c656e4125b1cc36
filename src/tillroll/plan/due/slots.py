"""Turn due slots into runs. A run is unique by campaign and slot, so two workers or a restart cannot create it twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.language.models import Campaign, Status
from tillroll.campaign.sentences.events import say_event
from tillroll.campaign.states import RunState, Stage
from tillroll.campaign.timing.schedule import DueSlots, Slot, due, slots
from tillroll.errors import NotFound, Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.faults.boundary import concerns_everybody, contained
from tillroll.ledger.faults.pieces import write_pieces
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.queries.pools import POOL
from tillroll.ledger.tables import campaigns, revisions, runs, stores
from tillroll.plan.due.pool import only_fills_pool, run_filling_pool
from tillroll.plan.record.revisions import ActiveCampaign, campaign_item, readable_campaigns, without_broken

_SAVE_EVERY = timedelta(minutes=5)  # how often to record that a look found nothing


def create_due_runs(engine: Engine, *, store_id: int, now: datetime) -> int:
    """Write a run for every due slot of every active campaign; return how many are new.

    The campaign's `if_late` and `within` decide what becomes of missed slots; skipped ones are written too, as skipped runs.
    """
    with reading(engine) as connection:
        zone = connection.scalars(sa.select(stores.c.timezone).where(stores.c.id == store_id)).one()
    due_slots = []
    for campaign in readable_campaigns(engine, store_id, stage=Stage.SLOTS, now=now):
        with contained(engine, campaign_item(store_id, campaign.name), stage=Stage.SLOTS, now=now):
            if _waits_for_slots(campaign, now):
                due_slots.append((campaign, _due(campaign, zone, now)))
    if not any(slots_due.run or slots_due.skipped for _, slots_due in due_slots) and all(
        campaign.record.considered_until > _horizon(campaign, now) - _SAVE_EVERY for campaign, _ in due_slots
    ):
        return 0  # most looks find nothing, so they save a transaction: the next one looks from the same moment on
    made: dict[str, int] = {}

    def write(connection: Connection, some: Sequence[tuple[ActiveCampaign, DueSlots]]) -> None:
        for campaign, slots_due in some:
            made[campaign.name] = _write_slots(connection, store_id, campaign, slots_due, now)

    failed = write_pieces(
        engine,
        due_slots,
        write,
        name=lambda each: campaign_item(store_id, each[0].name),
        stage=Stage.SLOTS,
        now=now,
    )
    for (campaign, _), _ in failed:
        made.pop(campaign.name, None)
    return sum(made.values())


def _waits_for_slots(active: ActiveCampaign, now: datetime) -> bool:
    campaign = active.revision.campaign
    is_due = active.record.considered_until < _horizon(active, now)
    return is_due and campaign.when.on is None and not only_fills_pool(campaign)


def _write_slots(
    connection: Connection, store_id: int, campaign: ActiveCampaign, slots_due: DueSlots, now: datetime
) -> int:
    """Write the runs of a campaign's due slots, and up to when slots were looked for. Return how many runs are new."""
    made = 0
    for slot in slots_due.run:
        made += add_run(connection, store_id, campaign.name, slot, RunState.PLANNING, "", now)
    for slot, reason in slots_due.skipped:
        add_run(connection, store_id, campaign.name, slot, RunState.SKIPPED, reason, now)
    until = _horizon(campaign, now)
    connection.execute(
        sa.update(campaigns)
        .where(campaigns.c.id == campaign.record.id, campaigns.c.considered_until < until)
        .values(considered_until=until)
    )
    return made


def _horizon(campaign: ActiveCampaign, now: datetime) -> datetime:
    """Return up to when slots become runs: before their time if their codes are made ahead."""
    ahead = campaign.revision.campaign.codes.ahead
    return now + ahead if ahead is not None else now


def _due(campaign: ActiveCampaign, zone: str, now: datetime) -> DueSlots:
    when = campaign.revision.campaign.when
    return due(
        when,
        zone=when.zone(zone),
        first_seen=campaign.record.first_seen_at,
        considered_until=campaign.record.considered_until,
        now=now,
        ahead=campaign.revision.campaign.codes.ahead,
    )


def next_slot(connection: Connection, store_id: int, now: datetime, until: datetime) -> datetime | None:
    """Return the first slot of the store's active campaigns after `now` and up to `until`; None without any.

    Campaigns whose slots can't be told are left out: `create_due_runs` records them.
    """
    zone = connection.scalars(sa.select(stores.c.timezone).where(stores.c.id == store_id)).one()
    moments = []
    for active in without_broken(connection, store_id):
        when, first = active.revision.campaign.when, active.record.first_seen_at
        try:
            slot = next(slots(when, zone=when.zone(zone), first_seen=first, after=now, until=until), None)
        except Exception as fault:
            if concerns_everybody(fault):
                raise
            continue
        if slot is not None:
            moments.append(slot.at)
    return min(moments, default=None)


def add_run(
    connection: Connection,
    store_id: int,
    name: str,
    slot: Slot,
    state: RunState,
    reason: str,
    now: datetime,
    **columns: str,
) -> bool:
    """Write a run of a slot unless it exists; return whether it is new."""
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
            **columns,
        },
    )


def start_by_hand(
    engine: Engine, *, store_id: int, name: str, person: str, now: datetime, key: str = ""
) -> int:
    """Start a run of a campaign outside its schedule and return its id; the same key returns the same run again.

    Raises `NotFound` for an unknown campaign, and `Refused` for one that is halted, faulty, not active, or waits for events.
    """
    slot = Slot(key=f"by hand {key or now.isoformat()}", at=now)
    with writing(engine) as connection:
        where = (campaigns.c.store_id == store_id, campaigns.c.name == name)
        row = connection.execute(sa.select(campaigns).where(*where)).first()
        if row is None or row.gone_at is not None:
            raise NotFound(
                f"There is no campaign {name!r}.",
                hint="`tillroll status` lists the campaigns that the worker knows.",
            )
        if row.halted_at is not None:
            raise Refused(
                f"Campaign {name!r} is halted, by {row.halted_by}.",
                hint=f"An approver can restart it: tillroll restart {name}",
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
    """Return the kind of a run that is started by hand: `POOL` for a campaign that only fills its pool.

    Raises `Refused` while another run refills the pool, or if the campaign waits for events.
    """
    campaign = load_revision(connection, revision_id).campaign
    if not only_fills_pool(campaign):
        refuse_if_waiting_for_events(name, campaign)
        return ""
    other = run_filling_pool(connection, store_id, name)
    same = (runs.c.store_id == store_id, runs.c.campaign == name, runs.c.slot_key == slot.key)
    if other is not None and other != connection.scalar(sa.select(runs.c.id).where(*same)):
        raise Refused(
            f"Run {other} is already filling the pool of {name!r}.", hint="It may be awaiting approval."
        )
    return POOL


def refuse_if_waiting_for_events(name: str, campaign: Campaign) -> None:
    """Raise `Refused` for a campaign that waits for events: only an event tells whom it is for and what its e-mails say."""
    if campaign.when.on is not None:
        raise Refused(
            f"Campaign {name!r} starts {say_event(campaign.when.on)}, not by hand.",
            hint="Each run is planned when the event happens; `tillroll status` lists the runs.",
        )
