from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import ANA, NOW, campaign_text, planned_run, run_row, sample_book
from tillroll.approve.act import approve
from tillroll.campaign.states import CodeState, RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import approvals, audit, codes, plans, recipients
from tillroll.mint.export import reveal_codes
from tillroll.mint.issue.begin import begin
from tillroll.mint.issue.reserve import reserve
from tillroll.plan.record.revisions import record_book


@pytest.fixture
def approved(ledger: Engine) -> tuple[int, int]:
    store_id, run_id = planned_run(ledger)
    with ledger.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    approve(ledger, run_id=run_id, digest=plan.digest, person=ANA, note="", now=NOW)
    return store_id, run_id


def test_an_approved_run_begins_and_its_codes_get_their_dates(
    ledger: Engine, approved: tuple[int, int]
) -> None:
    assert begin(ledger, run_id=approved[1], now=NOW) is RunState.MINTING
    run = run_row(ledger, approved[1])
    assert run.valid_from == NOW
    assert run.valid_until > NOW


def test_an_unapproved_run_does_not_begin(ledger: Engine) -> None:
    _, run_id = planned_run(ledger)
    assert begin(ledger, run_id=run_id, now=NOW) is RunState.WAITING


def test_an_approved_state_without_an_approval_row_goes_back_to_planning(
    ledger: Engine, approved: tuple[int, int]
) -> None:
    with writing(ledger) as connection:
        connection.execute(sa.delete(approvals))
    assert begin(ledger, run_id=approved[1], now=NOW) is RunState.PLANNING
    assert "approvals are for this plan" in run_row(ledger, approved[1]).reason


def test_an_approval_for_another_digest_does_not_count(ledger: Engine, approved: tuple[int, int]) -> None:
    with writing(ledger) as connection:
        connection.execute(sa.update(approvals).values(digest="0" * 64))
    assert begin(ledger, run_id=approved[1], now=NOW) is RunState.PLANNING


def test_a_changed_audience_goes_back_to_planning(ledger: Engine, approved: tuple[int, int]) -> None:
    with writing(ledger) as connection:
        first = connection.scalar(sa.select(sa.func.min(recipients.c.id)))
        connection.execute(
            sa.update(recipients).where(recipients.c.id == first).values(email="eve@example.com")
        )
    assert begin(ledger, run_id=approved[1], now=NOW) is RunState.PLANNING


def test_a_changed_plan_goes_back_to_planning(ledger: Engine, approved: tuple[int, int]) -> None:
    with writing(ledger) as connection:
        body = dict(connection.scalars(sa.select(plans.c.body)).one())
        connection.execute(sa.update(plans).values(body={**body, "offer": "90% off"}))
    assert begin(ledger, run_id=approved[1], now=NOW) is RunState.PLANNING


def test_changed_files_go_back_to_planning_even_if_the_run_was_missed(
    ledger: Engine, approved: tuple[int, int]
) -> None:
    store_id, run_id = approved
    edited = campaign_text("winback") + "\n# a comment\n"
    record_book(ledger, store_id=store_id, book=sample_book(winback=edited), now=NOW)
    assert begin(ledger, run_id=run_id, now=NOW) is RunState.PLANNING


def test_every_recipient_gets_one_code_even_if_reserve_is_repeated(
    ledger: Engine, approved: tuple[int, int]
) -> None:
    _, run_id = approved
    for _ in range(3):
        reserve(ledger, run=run_row(ledger, run_id), now=NOW)
    with ledger.connect() as connection:
        per_recipient = list(connection.scalars(sa.select(codes.c.recipient_id)))
        wanted = list(connection.scalars(sa.select(recipients.c.id)))
    assert sorted(per_recipient) == sorted(wanted)


def test_a_clashed_code_is_replaced_and_kept_for_the_record(
    ledger: Engine, approved: tuple[int, int]
) -> None:
    _, run_id = approved
    reserve(ledger, run=run_row(ledger, run_id), now=NOW)
    with writing(ledger) as connection:
        first = connection.scalar(sa.select(sa.func.min(codes.c.id)))
        connection.execute(sa.update(codes).where(codes.c.id == first).values(state=CodeState.CLASHED))
    reserve(ledger, run=run_row(ledger, run_id), now=NOW)
    with ledger.connect() as connection:
        states = list(connection.scalars(sa.select(codes.c.state)))
        planned = connection.scalar(sa.select(plans.c.code_count))
    assert states.count(CodeState.RESERVED) == planned
    assert states.count(CodeState.CLASHED) == 1


def test_a_recipient_cannot_have_two_standing_codes(ledger: Engine, approved: tuple[int, int]) -> None:
    _, run_id = approved
    reserve(ledger, run=run_row(ledger, run_id), now=NOW)
    with ledger.connect() as connection:
        row = dict(connection.execute(sa.select(codes).limit(1)).one()._mapping)
    second = {**row, "code": "OTHER", "id": 10_000}
    with pytest.raises(sa.exc.IntegrityError), writing(ledger) as connection:
        connection.execute(sa.insert(codes).values(second))


def test_codes_do_not_follow_the_customers_order(ledger: Engine, approved: tuple[int, int]) -> None:
    _, run_id = approved
    reserve(ledger, run=run_row(ledger, run_id), now=NOW)
    with ledger.connect() as connection:
        by_customer = list(connection.scalars(sa.select(codes.c.code).order_by(codes.c.recipient_id)))
    assert by_customer != sorted(by_customer)


def test_a_reveal_is_audited_before_the_first_code_is_shown(
    ledger: Engine, approved: tuple[int, int]
) -> None:
    _, run_id = approved
    reserve(ledger, run=run_row(ledger, run_id), now=NOW)
    shown = reveal_codes(ledger, run_id=run_id, person="ana@shop.example", now=NOW)
    assert next(shown)["code"].startswith("BACK")
    with ledger.connect() as connection:
        assert "codes.revealed" in list(connection.scalars(sa.select(audit.c.action)))
