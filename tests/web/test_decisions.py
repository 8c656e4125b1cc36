"""Decisions on a run's page: who may take them, on which plans, and how refusals are shown."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.shop import ANA, NOW, SHOP, campaign_text, run_row, sample_book
from tests.web.site import digest_of, plan_run, put_under_way, send_form, token_on
from tillroll.campaign.states import RunState
from tillroll.ledger.tables import approvals
from tillroll.plan.record.revisions import record_book


def test_an_approver_approves_with_a_note(ledger: Engine, ana: FlaskClient, run_id: int) -> None:
    page = send_form(ana, run_id, "approve", digest=digest_of(ledger, run_id), note="Looks good\r\nto me")
    assert "Approved. The codes are created next." in page.text
    assert run_row(ledger, run_id).state == RunState.APPROVED
    with ledger.connect() as connection:
        row = connection.execute(sa.select(approvals)).one()
    assert (row.person, row.note) == (ANA.email, "Looks good\nto me")


def test_an_approver_rejects(ledger: Engine, ana: FlaskClient, run_id: int) -> None:
    page = send_form(ana, run_id, "reject", digest=digest_of(ledger, run_id), note="Not now")
    assert "Rejected." in page.text
    assert "Not now" in page.text
    assert run_row(ledger, run_id).state == RunState.REJECTED


def test_a_rejection_without_a_reason_is_not_accepted(ledger: Engine, ana: FlaskClient, run_id: int) -> None:
    page = send_form(ana, run_id, "reject", digest=digest_of(ledger, run_id), note="  \r\n")
    assert "A note is required when rejecting" in page.text
    assert "Approve this plan" in page.text
    assert run_row(ledger, run_id).state == RunState.WAITING


def test_a_viewer_sees_no_form_and_cannot_decide(ledger: Engine, eve: FlaskClient, run_id: int) -> None:
    page = eve.get(f"{SHOP}/runs/{run_id}")
    assert "Approve this plan" not in page.text
    assert "You have view-only access. Ask somebody with the approver role to decide." in page.text
    for what in ("approve", "reject", "halt"):
        fields = {"csrf_token": token_on(page), "digest": digest_of(ledger, run_id)}
        assert eve.post(f"{SHOP}/runs/{run_id}/{what}", data=fields).status_code == 403
    assert run_row(ledger, run_id).state == RunState.WAITING


def test_a_stale_digest_is_refused_with_the_reason(ledger: Engine, ana: FlaskClient, run_id: int) -> None:
    page = send_form(ana, run_id, "approve", digest="0" * 64)
    assert page.status_code == 200
    assert "the plan has changed since you looked at it" in page.text
    assert run_row(ledger, run_id).state == RunState.WAITING


def test_an_expired_plan_shows_the_reason_and_no_form(
    ana: FlaskClient, run_id: int, clock: FakeClock
) -> None:
    clock.at += timedelta(days=3)
    page = ana.get(f"{SHOP}/runs/{run_id}").text
    assert "Approve this plan" not in page
    assert "the plan expired at" in page


def test_a_run_in_progress_is_halted_with_a_reason(ledger: Engine, ana: FlaskClient, run_id: int) -> None:
    put_under_way(ledger, run_id, RunState.MINTING, live=3)
    assert "Halt this run" in ana.get(f"{SHOP}/runs/{run_id}").text
    page = send_form(ana, run_id, "halt", note="wrong banner")
    assert "Halted." in page.text
    row = run_row(ledger, run_id)
    assert (row.state, row.reason) == (RunState.HALTED, "wrong banner")


def test_the_first_of_two_approvals_leaves_the_run_waiting(
    ledger: Engine, ana: FlaskClient, store_id: int
) -> None:
    text = campaign_text("winback").replace("approval: {by: 1,", "approval: {by: 2,")
    record_book(ledger, store_id=store_id, book=sample_book(winback=text), now=NOW)
    run_id = plan_run(ledger, store_id)
    page = send_form(ana, run_id, "approve", digest=digest_of(ledger, run_id)).text
    assert "waits for another approver" in page
    assert "1 of 2" in page
    assert "has approved it already" in page
