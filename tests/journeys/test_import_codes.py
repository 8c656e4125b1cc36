"""Codes made elsewhere fill a pool: only those whose coupons give what the offer says, once the plan is approved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from tests.contract.samples import coupon
from tests.journeys.coupons import looked
from tests.journeys.path import agree, compare, finish, go_on, state
from tests.journeys.steps import book_of, plan_of, write_down
from tests.journeys.test_pool import FAIR, pool_run, take
from tests.shop import ANA, run_row
from tillroll.approve.act import reject
from tillroll.campaign.frozen.proposal import Goods
from tillroll.campaign.states import CodeState, RunState
from tillroll.ecwid.client import Client
from tillroll.errors import NotFound, Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import audit, codes, drifts
from tillroll.loop.advance import StoreWorker
from tillroll.mint.context import MintContext
from tillroll.mint.pools.code_file import read_code_file
from tillroll.mint.pools.import_codes import ImportResult, PoolOffer, import_codes, pool_offer
from tillroll.wiring import Services

GOOD = {
    "name": "From the printer",
    "discount_type": "ABS",
    "discount": Decimal(5),
    "minimum_subtotal": None,
    "application_limit": "UNLIMITED",
}


def make(client: Client, code: str, **changed: Any) -> int:
    return client.coupons.create(coupon(code, **{**GOOD, **changed}))


def opened(worker: StoreWorker) -> int:
    """Let the worker read the store and the campaign. Returns the run that would make the pool's codes."""
    write_down(worker, book_of(fair=FAIR))
    return pool_run(worker, "pool 1")


def context_of(services: Services, client: Client) -> MintContext:
    return MintContext(engine=services.engine, client=client, clock=services.clock, store_id=1)


def import_from(services: Services, client: Client, text: str, *, dry_run: bool = False) -> ImportResult:
    context = context_of(services, client)
    with reading(services.engine) as connection:
        store = load_store(connection, 1)
    pool = PoolOffer(store=store, campaign="fair", offer=pool_offer(context, "fair"), goods=Goods())
    file = read_code_file(text.encode())
    assert not file.problem
    return import_codes(context, pool=pool, file=file, name="fair.csv", person=ANA.email, dry_run=dry_run)


def states(services: Services) -> dict[str, str]:
    with reading(services.engine) as connection:
        return {row.code: row.state for row in connection.execute(sa.select(codes.c.code, codes.c.state))}


def waiting(worker: StoreWorker, run_id: int | None) -> int:
    assert run_id is not None
    go_on(worker, until=lambda: state(worker.services, run_id) is RunState.WAITING)
    return run_id


def test_codes_made_elsewhere_are_handed_out_once_their_run_is_approved(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    first = opened(worker)
    for code in ("PRINT-A1", "PRINT-B2", "PRINT-C3"):
        make(client, code)
    tried = import_from(services, client, "code\nprint-a1\nPRINT-B2\nPRINT-C3\n", dry_run=True)
    assert (tried.taken, tried.faults, tried.run_id) == (3, (), None)
    assert states(services) == {}
    result = import_from(services, client, "code\nprint-a1\nPRINT-B2\nPRINT-C3\n")
    run_id = waiting(worker, result.run_id)
    proposal = plan_of(services.engine, run_id).proposal
    assert (proposal.code_count, proposal.exposure.worst_case, proposal.code_example) == (3, 15, "")
    assert proposal.happened == "3 codes that were made elsewhere were imported"
    assert proposal.strength is None
    with pytest.raises(Refused, match="has 0 codes"):
        take(services, 1)
    again = import_from(services, client, "PRINT-A1\nPRINT-B2\n")
    assert (again.taken, again.run_id) == (0, None)
    assert [fault.problem for fault in again.faults] == [
        f"••••A1: run {run_id} (fair) has it already",
        f"••••B2: run {run_id} (fair) has it already",
    ]
    agree(services, run_id)
    finish(worker, run_id)
    assert {row["code"] for row in take(services, 3)} == {"PRINT-A1", "PRINT-B2", "PRINT-C3"}
    assert compare(worker).agrees
    assert looked(worker).drifts == 0
    with reading(services.engine) as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(drifts)) == 0
        told = connection.scalars(sa.select(audit.c.body).where(audit.c.action == "codes.imported")).all()
    assert len(told) == 1
    assert "PRINT" not in told[0]
    assert state(services, first) is RunState.WAITING
    assert sum(1 for each in client.coupons.every() if each.code.startswith("PRINT-")) == 3


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"discount": Decimal(6)}, "value is €6.00, not €5.00"),
        ({"discount_type": "PERCENT"}, "value is 5%, not €5.00"),
        ({"discount_type": "ABS_AND_SHIPPING"}, "value is €5.00 and free shipping, not €5.00"),
        ({"minimum_subtotal": Decimal(20)}, "minimum is from €20.00, not no minimum"),
        ({"uses_limit": "UNLIMITED"}, "uses is any number of times, not once"),
        ({"application_limit": "NEW_CUSTOMER_ONLY"}, "customers is new customers, not everybody"),
        ({"expires_at": None}, "its coupon never ends"),
        ({"expires_at": datetime.now(UTC) + timedelta(hours=20)}, "its coupon ends "),
        ({"expires_at": datetime.now(UTC) + timedelta(days=92)}, "after the offer"),
        ({"launches_at": datetime.now(UTC) + timedelta(days=2)}, "works only from"),
        ({"status": "PAUSED"}, "its coupon is paused in the store"),
    ],
)
def test_a_coupon_that_gives_something_else_is_left_out_with_the_reason(
    worker: StoreWorker, services: Services, client: Client, changed: dict[str, Any], problem: str
) -> None:
    opened(worker)
    make(client, "PRINT-A1")
    make(client, "PRINT-B2", **changed)
    result = import_from(services, client, "code;who\nPRINT-A1;x\n\nPRINT-B2;y\nPRINT-Z9;z\n")
    assert result.taken == 1
    assert [fault.number for fault in result.faults] == [4, 5]
    assert problem in result.faults[0].problem
    assert result.faults[1].problem == "••••Z9: the store has no such coupon"


def test_a_coupon_that_changed_before_the_approval_is_not_handed_out(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    opened(worker)
    make(client, "PRINT-A1")
    changed, gone = make(client, "PRINT-B2"), make(client, "PRINT-C3")
    run_id = waiting(worker, import_from(services, client, "PRINT-A1\nPRINT-B2\nPRINT-C3\n").run_id)
    client.coupons.update(changed, {"discount": 50})
    client.coupons.delete(gone)
    agree(services, run_id)
    finish(worker, run_id)
    assert states(services) == {
        "PRINT-A1": CodeState.LIVE,
        "PRINT-B2": CodeState.FAILED,
        "PRINT-C3": CodeState.FAILED,
    }
    assert len(take(services, 1)) == 1
    with pytest.raises(Refused, match="has 0 codes"):
        take(services, 1)


def test_codes_of_a_rejected_import_can_be_imported_again(
    worker: StoreWorker, services: Services, client: Client
) -> None:
    opened(worker)
    make(client, "PRINT-A1")
    run_id = waiting(worker, import_from(services, client, "PRINT-A1\n").run_id)
    digest = plan_of(services.engine, run_id).digest
    reject(services.engine, run_id=run_id, digest=digest, person=ANA, note="no", now=services.clock.now())
    second = import_from(services, client, "PRINT-A1\n")
    assert second.taken == 1
    again = waiting(worker, second.run_id)
    agree(services, again)
    finish(worker, again)
    assert [row["code"] for row in take(services, 1)] == ["PRINT-A1"]
    assert run_row(services.engine, run_id).state is RunState.REJECTED


def test_codes_need_a_campaign_with_a_pool(worker: StoreWorker, services: Services, client: Client) -> None:
    with pytest.raises(NotFound, match="no campaign 'fair' with a pool"):
        import_from(services, client, "PRINT-A1\n")
