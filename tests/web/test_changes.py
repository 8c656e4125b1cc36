"""Changing codes and deciding on drift from the pages, which needs the role of an approver."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from tests.shop import BEN, NOW, SHOP, run_row
from tests.web.site import put_under_way, token_on
from tillroll.approve.halt import restart
from tillroll.campaign.states import ChangeKind, CodeState, DriftKind, RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import audit, campaigns, changes, codes, drifts, plans, stores
from tillroll.mint.reconcile.drift_rows import record_drift


@pytest.fixture
def sent(ledger: Engine, run_id: int) -> int:
    """A run whose e-mails were sent."""
    put_under_way(ledger, run_id, RunState.TRACKING, live=1_000, message_states=[("sent", "")] * 5)
    return run_id


def submit(client: FlaskClient, page: str, to: str, **fields: object) -> TestResponse:
    token = token_on(client.get(page))
    return client.post(to, data={"csrf_token": token, **fields}, follow_redirects=True)


def recorded_changes(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        return [(row.kind, row.note) for row in connection.execute(sa.select(changes))]


def test_an_approver_can_pause_the_codes_of_a_run(ana: FlaskClient, ledger: Engine, sent: int) -> None:
    page = ana.get(f"{SHOP}/runs/{sent}")
    assert "Pause " in page.text
    assert "Revoke " in page.text
    done = submit(ana, f"{SHOP}/runs/{sent}", f"{SHOP}/runs/{sent}/codes/pause", note="wrong price")
    assert "Change 1 is queued." in done.text
    assert recorded_changes(ledger) == [(ChangeKind.PAUSE, "wrong price")]
    assert "Pausing codes of run 1" in done.text
    assert 'hx-trigger="every 1s"' in done.text


def test_a_new_end_is_a_day_in_the_stores_time_zone(ana: FlaskClient, ledger: Engine, sent: int) -> None:
    done = submit(
        ana, f"{SHOP}/runs/{sent}", f"{SHOP}/runs/{sent}/codes/extend", note="snow", until="2026-12-31"
    )
    assert "Change 1 is queued." in done.text
    with ledger.connect() as connection:
        until = connection.scalar(sa.select(changes.c.valid_until))
    assert f"{until:%Y-%m-%d %H:%M:%S}" == "2026-12-31 22:59:59"
    done = submit(ana, f"{SHOP}/runs/{sent}", f"{SHOP}/runs/{sent}/codes/extend", note="snow", until="")
    assert "Choose the new last day." in done.text
    assert submit(ana, f"{SHOP}/runs/{sent}", f"{SHOP}/runs/{sent}/codes/clear", note="").status_code == 404


def test_a_viewer_sees_no_actions_and_may_take_none(eve: FlaskClient, ledger: Engine, sent: int) -> None:
    page = eve.get(f"{SHOP}/runs/{sent}")
    assert "Pause " not in page.text
    for to in (
        f"{SHOP}/runs/{sent}/codes/pause",
        f"{SHOP}/campaigns/winback/halt",
        f"{SHOP}/runs/{sent}/restart",
    ):
        assert submit(eve, f"{SHOP}/runs/{sent}", to, note="x").status_code == 403
    assert recorded_changes(ledger) == []


def test_a_campaign_is_halted_and_restarted(ana: FlaskClient, ledger: Engine, sent: int) -> None:
    page = submit(ana, f"{SHOP}/campaigns", f"{SHOP}/campaigns/winback/halt", note="wrong price")
    assert "Halted, along with 1 run." in page.text
    assert "It creates no runs, and the codes that were paused with it" in page.text
    assert run_row(ledger, sent).state == RunState.HALTED
    assert "Restart this run" in ana.get(f"{SHOP}/runs/{sent}").text
    assert "wrong price" in ana.get(f"{SHOP}/").text, "it stays in sight"
    page = submit(ana, f"{SHOP}/campaigns", f"{SHOP}/campaigns/winback/restart", note="fixed")
    assert "The campaign continues, along with 1 run." in page.text
    assert "wrong price" not in ana.get(f"{SHOP}/").text
    assert run_row(ledger, sent).state == RunState.TRACKING
    with ledger.connect() as connection:
        assert (
            connection.scalar(sa.select(campaigns.c.halted_at).where(campaigns.c.name == "winback")) is None
        )
        actions = connection.scalars(sa.select(audit.c.action)).all()
    assert {"campaign.halted", "campaign.restarted", "run.restarted"} <= set(actions)


def test_a_run_that_needs_two_approvers_waits_for_a_second_one_to_restart(
    ana: FlaskClient, ledger: Engine, sent: int
) -> None:
    with writing(ledger) as connection:
        body = {**connection.execute(sa.select(plans.c.body)).scalar_one(), "approvers": 2}
        connection.execute(sa.update(plans).values(body=body))
    submit(ana, f"{SHOP}/runs/{sent}", f"{SHOP}/runs/{sent}/halt", note="wrong price")
    page = submit(ana, f"{SHOP}/runs/{sent}", f"{SHOP}/runs/{sent}/restart", note="fixed")
    assert page.text.count(f"ana@shop.example has agreed to restart run {sent}. It waits for one more") == 2
    assert "Resume: needs 2 different approvers" in page.text
    assert run_row(ledger, sent).state == RunState.HALTED
    page = submit(ana, f"{SHOP}/runs/{sent}", f"{SHOP}/runs/{sent}/restart", note="fixed")
    assert "it takes 2 different people" in page.text
    restart(ledger, run_id=sent, person=BEN, note="", now=NOW)
    assert run_row(ledger, sent).state == RunState.TRACKING
    assert "It waits for" not in ana.get(f"{SHOP}/runs/{sent}").text


def test_a_missing_comparison_is_not_shown_as_no_differences(
    ana: FlaskClient, ledger: Engine, run_id: int
) -> None:
    page = ana.get(f"{SHOP}/drift").text
    assert "No comparison has been made yet." in page
    assert "There are no codes yet" in page
    put_under_way(ledger, run_id, RunState.TRACKING, live=1)
    page = ana.get(f"{SHOP}/drift").text
    assert "The worker makes the first one" in page
    assert "No differences" not in page
    with writing(ledger) as connection:
        connection.execute(sa.update(stores).values(drift_at=NOW))
    page = ana.get(f"{SHOP}/drift").text
    assert "No differences." in page
    assert "No comparison" not in page


def test_the_home_page_shows_drift_until_it_is_decided_on(
    ana: FlaskClient, ledger: Engine, sent: int
) -> None:
    assert "from the ledger" not in ana.get(f"{SHOP}/").text
    difference = {"field": "value", "ledger": "10%", "store": "15%", "raw": "PERCENT 15"}
    with writing(ledger) as connection:
        code = connection.execute(sa.select(codes).where(codes.c.state == CodeState.LIVE)).first()
        assert code is not None
        record_drift(
            connection,
            store_id=1,
            kind=DriftKind.CHANGED,
            code=code.code,
            code_id=code.id,
            coupon_id=7,
            differences=[difference],
            now=NOW,
        )
    assert "1 coupon differs from the ledger</strong>" in ana.get(f"{SHOP}/").text
    page = ana.get(f"{SHOP}/drift")
    assert "value: 10% → 15%" in page.text
    assert code.code not in page.text
    assert "Choose at least one coupon." in submit(ana, f"{SHOP}/drift", f"{SHOP}/drift/fix", note="x").text
    done = submit(ana, f"{SHOP}/drift", f"{SHOP}/drift/fix", note="mistake", drift=1)
    assert "The worker fixes 1 coupon." in done.text
    assert recorded_changes(ledger) == [(ChangeKind.PUT_RIGHT, "mistake")]
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(drifts.c.state)) == "fixing"
    with writing(ledger) as connection:
        connection.execute(sa.update(drifts).values(state="open", change_id=None))
    done = submit(ana, f"{SHOP}/drift", f"{SHOP}/drift/accept", note="so be it", drift=1)
    assert "1 coupon accepted as in the store." in done.text
    assert submit(ana, f"{SHOP}/drift", f"{SHOP}/drift/ignore", note="x").status_code == 404
