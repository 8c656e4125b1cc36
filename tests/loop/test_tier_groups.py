"""The store's customer groups follow loyalty tiers, and groups that the shop uses otherwise stay as they are."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from tests.shop import NOW
from tests.store import turn
from tests.track.room import call
from tests.track.test_orders_in_any_order import dying
from tests.track.tiers_room import BY_SPEND, changes, order, rules, write
from tillroll.campaign.figures.tiers import GroupMoveOutcome
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.mirror import reach
from tillroll.ledger.mirror.loyalty import count_waiting, load_counting
from tillroll.ledger.tables import looks, tier_group_moves
from tillroll.loop.advance import StoreWorker
from tillroll.sandbox.serve import Sandbox
from tillroll.track.mirror.area_rows import write_customers
from tillroll.track.tiers.follow import follow_tiers, record_tiers
from tillroll.track.tiers.rebuild import rebuild_tiers
from tillroll.track.tiers.to_store import keep_groups

SILVER, GOLD = BY_SPEND["tiers"]
GROUPED = {**BY_SPEND, "tiers": [{**SILVER, "group": "Silver club"}, {**GOLD, "group": "Gold club"}]}


@pytest.fixture
def ids(worker: StoreWorker) -> list[int]:
    """Return five customers of a store with the groups of its tiers; the third is wholesale."""
    engine = worker.services.engine
    with writing(engine) as connection:
        read = {"store_id": 1, "looked_at": NOW, "whole_at": NOW}
        upsert(connection, looks, [{**read, "area": area} for area in (reach.ORDERS, reach.OLD_ORDERS)])
    record_tiers(engine, store_id=1, rules=rules(GROUPED))
    follow_tiers(engine, store_id=1, now=NOW)
    names = ("Silver club", "Gold club", "Trade")
    made = {name: call(worker.client, "POST", "/customer_groups", {"name": name})["id"] for name in names}
    people = [
        customer.customer_id for _, customer in zip(range(5), worker.client.customers.every(), strict=False)
    ]
    for number, customer_id in enumerate(people):
        worker.client.customers.set_group(customer_id, made["Trade"] if number == 2 else 0)
    return people


def spend(worker: StoreWorker, customer_id: int, total: str) -> None:
    write(worker.services.engine, 1, order(f"A{customer_id}", customer_id, total))


def keep(worker: StoreWorker, *, later: timedelta = timedelta(0)) -> None:
    """Count what is due and bring everybody into their group, as if what waits were due."""
    engine = worker.services.engine
    follow_tiers(engine, store_id=1, now=NOW)
    if later:
        with writing(engine) as connection:
            connection.execute(sa.update(tier_group_moves).values(not_before=None))
    while keep_groups(worker.session, until=soon(worker)) is not None:
        pass


def soon(worker: StoreWorker) -> datetime:
    return worker.services.clock.now() + timedelta(seconds=30)


def read_again(worker: StoreWorker, ids: list[int]) -> None:
    """Bring customers into the mirror as the store has them now."""
    people = [worker.client.customers.get(each) for each in ids]
    with writing(worker.services.engine) as connection:
        write_customers(connection, 1, people, NOW)


def groups_of(worker: StoreWorker, ids: list[int]) -> list[str]:
    return [str(worker.client.customers.get(each).group_name) for each in ids]


def outcomes(worker: StoreWorker) -> list[str]:
    with reading(worker.services.engine) as connection:
        query = sa.select(tier_group_moves.c.outcome).order_by(tier_group_moves.c.id)
        return list(connection.scalars(query))


def test_groups_follow_tiers_up_and_down_and_others_stay(worker: StoreWorker, ids: list[int]) -> None:
    for customer_id, total in zip(ids, ("120", "300", "300", "50"), strict=False):
        spend(worker, customer_id, total)
    keep(worker)
    assert groups_of(worker, ids) == ["Silver club", "Gold club", "Trade", "General", "General"]
    assert outcomes(worker) == [GroupMoveOutcome.MOVED, GroupMoveOutcome.MOVED, GroupMoveOutcome.LEFT_ALONE]
    spend(worker, ids[0], "20")
    spend(worker, ids[1], "120")
    keep(worker)
    assert groups_of(worker, ids)[:2] == ["General", "Silver club"]
    keep(worker)
    assert len(outcomes(worker)) == 5, "nobody is moved twice"
    assert list(rebuild_tiers(worker.services.engine, store_id=1, now=NOW)) == []


def test_one_deleted_customer_and_a_missing_group_cost_the_others_nothing(
    worker: StoreWorker, sandbox: Sandbox, ids: list[int]
) -> None:
    for customer_id, total in zip(ids, ("120", "120", "300"), strict=False):
        spend(worker, customer_id, total)
    spend(worker, ids[3], "300")
    call(worker.client, "DELETE", f"/customers/{ids[0]}")
    gold = next(group for group in worker.client.customers.groups() if group.name == "Gold club")
    call(worker.client, "DELETE", f"/customer_groups/{gold.group_id}")
    with capture_logs() as said:
        keep(worker)
        keep(worker)
    assert groups_of(worker, ids[1:4]) == ["Silver club", "Trade", "General"]
    assert [line["reason"] for line in said if line["event"] == "tier.groups_not_kept"] == [
        "The store has no customer group Gold club: make it in the store."
    ]
    call(worker.client, "POST", "/customer_groups", {"name": "Gold club"})
    keep(worker, later=timedelta(hours=1))
    assert groups_of(worker, ids[3:4]) == ["Gold club"]
    with reading(worker.services.engine) as connection:
        counting = load_counting(connection, 1)
        assert count_waiting(connection, 1) == 0
    assert counting is not None
    assert counting.group_trouble == ""


def test_without_the_scope_it_is_said_once_and_done_when_the_scope_is_there(
    worker: StoreWorker, sandbox: Sandbox, ids: list[int]
) -> None:
    for customer_id in ids[:2]:
        spend(worker, customer_id, "120")
    turn(sandbox, missing_scopes=["update_customers"])
    with capture_logs() as said:
        keep(worker)
        keep(worker, later=timedelta(days=1))
    assert [line["event"] for line in said].count("tier.groups_not_kept") == 1
    assert groups_of(worker, ids[:2]) == ["General", "General"]
    turn(sandbox, missing_scopes=[])
    keep(worker, later=timedelta(days=1))
    assert groups_of(worker, ids[:2]) == ["Silver club", "Silver club"]


def test_groups_that_the_file_begins_to_name_or_renames_are_taken_over(
    worker: StoreWorker, ids: list[int]
) -> None:
    engine = worker.services.engine
    record_tiers(engine, store_id=1, rules=rules(BY_SPEND))
    for customer_id in ids[:3]:
        spend(worker, customer_id, "120")
    read_again(worker, ids)
    keep(worker)
    assert outcomes(worker) == []
    record_tiers(engine, store_id=1, rules=rules(GROUPED))
    keep(worker)
    assert groups_of(worker, ids[:4]) == ["Silver club", "Silver club", "Trade", "General"]
    read_again(worker, ids)
    call(worker.client, "POST", "/customer_groups", {"name": "Argent"})
    renamed = {**GROUPED, "tiers": [{**SILVER, "group": "Argent"}, {**GOLD, "group": "Gold club"}]}
    record_tiers(engine, store_id=1, rules=rules(renamed))
    keep(worker)
    assert groups_of(worker, ids[:4]) == ["Argent", "Argent", "Trade", "General"]


def test_a_worker_that_dies_anywhere_brings_everybody_into_their_group(
    worker: StoreWorker, ids: list[int]
) -> None:
    engine = worker.services.engine
    for customer_id in ids[:2]:
        spend(worker, customer_id, "120")
    for transaction in range(1, 14):
        with dying(engine, transaction):
            follow_tiers(engine, store_id=1, now=NOW)
            keep_groups(worker.session, until=soon(worker))
    keep(worker)
    assert groups_of(worker, ids[:2]) == ["Silver club", "Silver club"]
    assert [change[1:3] for change in changes(engine, 1)] == [("", "silver")] * 2
    assert len(outcomes(worker)) == 2
    assert set(outcomes(worker)) <= {GroupMoveOutcome.MOVED, GroupMoveOutcome.IN_STEP}
