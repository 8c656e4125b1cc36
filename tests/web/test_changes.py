"""Codes of a run and of a campaign, changed from the pages; drift decided on; by those with the role alone."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from tests.shop import BEN, NOW, run_row
from tests.web.site import put_under_way, token_on
from tillroll.approve.halt import restart
from tillroll.campaign.states import ChangeKind, CodeState, DriftKind, RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import audit, campaigns, changes, codes, drifts, plans, stores
from tillroll.mint.drift.rows import note


@pytest.fixture
def sent(ledger: Engine, run_id: int) -> int:
    """A run whose e-mails have left."""
    put_under_way(ledger, run_id, RunState.TRACKING, live=1_000, message_states=[("sent", "")] * 5)
    return run_id


def submit(client: FlaskClient, page: str, to: str, **fields: object) -> TestResponse:
    token = token_on(client.get(page))
    return client.post(to, data={"csrf_token": token, **fields}, follow_redirects=True)


def asked(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        return [(row.kind, row.note) for row in connection.execute(sa.select(changes))]


def test_an_approver_has_the_codes_of_a_run_paused_and_sees_it(
    ana: FlaskClient, ledger: Engine, sent: int
) -> None:
    page = ana.get(f"/runs/{sent}")
    assert "Pause " in page.text
    assert "Revoke for good" in page.text
    done = submit(ana, f"/runs/{sent}", f"/runs/{sent}/codes/pause", note="wrong price")
    assert "Change 1 is written down" in done.text
    assert asked(ledger) == [(ChangeKind.PAUSE, "wrong price")]
    assert "Pausing codes of run 1" in done.text
    assert 'hx-trigger="every 1s"' in done.text


def test_an_end_is_a_day_by_the_stores_clock(ana: FlaskClient, ledger: Engine, sent: int) -> None:
    done = submit(ana, f"/runs/{sent}", f"/runs/{sent}/codes/extend", note="snow", until="2026-12-31")
    assert "Change 1 is written down" in done.text
    with ledger.connect() as connection:
        until = connection.scalar(sa.select(changes.c.valid_until))
    assert f"{until:%Y-%m-%d %H:%M:%S}" == "2026-12-31 22:59:59"
    done = submit(ana, f"/runs/{sent}", f"/runs/{sent}/codes/extend", note="snow", until="")
    assert "Say until which day." in done.text
    assert submit(ana, f"/runs/{sent}", f"/runs/{sent}/codes/clear", note="").status_code == 404


def test_a_viewer_is_offered_nothing_and_may_do_nothing(eve: FlaskClient, ledger: Engine, sent: int) -> None:
    page = eve.get(f"/runs/{sent}")
    assert "Pause " not in page.text
    for to in (f"/runs/{sent}/codes/pause", "/campaigns/winback/halt", f"/runs/{sent}/restart"):
        assert submit(eve, f"/runs/{sent}", to, note="x").status_code == 403
    assert asked(ledger) == []


def test_a_campaign_is_halted_and_restarted(ana: FlaskClient, ledger: Engine, sent: int) -> None:
    page = submit(ana, "/campaigns", "/campaigns/winback/halt", note="wrong price")
    assert "Halted, and with it 1 run." in page.text
    assert "it makes no runs, and the codes that were paused with it" in page.text
    assert run_row(ledger, sent).state == RunState.HALTED
    assert "Restart this run" in ana.get(f"/runs/{sent}").text
    page = submit(ana, "/campaigns", "/campaigns/winback/restart", note="mended")
    assert "It goes on, and with it 1 run." in page.text
    assert run_row(ledger, sent).state == RunState.TRACKING
    with ledger.connect() as connection:
        assert (
            connection.scalar(sa.select(campaigns.c.halted_at).where(campaigns.c.name == "winback")) is None
        )
        said = connection.scalars(sa.select(audit.c.action)).all()
    assert {"campaign.halted", "campaign.restarted", "run.restarted"} <= set(said)


def test_a_run_that_two_approved_waits_for_a_second_before_it_goes_on(
    ana: FlaskClient, ledger: Engine, sent: int
) -> None:
    with writing(ledger) as connection:
        body = {**connection.execute(sa.select(plans.c.body)).scalar_one(), "approvers": 2}
        connection.execute(sa.update(plans).values(body=body))
    submit(ana, f"/runs/{sent}", f"/runs/{sent}/halt", note="wrong price")
    page = submit(ana, f"/runs/{sent}", f"/runs/{sent}/restart", note="mended")
    assert page.text.count(f"ana@shop.example has agreed to restart run {sent}. It waits for one more") == 2
    assert "Resume takes 2 different approvers" in page.text
    assert run_row(ledger, sent).state == RunState.HALTED
    page = submit(ana, f"/runs/{sent}", f"/runs/{sent}/restart", note="mended")
    assert "it takes 2 different people" in page.text
    restart(ledger, run_id=sent, person=BEN, note="", now=NOW)
    assert run_row(ledger, sent).state == RunState.TRACKING
    assert "It waits for" not in ana.get(f"/runs/{sent}").text


def test_that_no_look_was_made_yet_is_not_told_as_nothing_drifted(
    ana: FlaskClient, ledger: Engine, run_id: int
) -> None:
    page = ana.get("/drift").text
    assert "No look was made yet." in page
    assert "There are no codes yet" in page
    put_under_way(ledger, run_id, RunState.TRACKING, live=1)
    page = ana.get("/drift").text
    assert "The worker makes the first one" in page
    assert "Nothing drifted" not in page
    with writing(ledger) as connection:
        connection.execute(sa.update(stores).values(drift_at=NOW))
    page = ana.get("/drift").text
    assert "Nothing drifted." in page
    assert "No look" not in page


def test_drift_stands_on_the_desk_until_it_is_decided_on(ana: FlaskClient, ledger: Engine, sent: int) -> None:
    assert "not what the ledger says" not in ana.get("/").text
    difference = {"field": "value", "ledger": "10 %", "store": "15 %", "raw": "PERCENT 15"}
    with writing(ledger) as connection:
        code = connection.execute(sa.select(codes).where(codes.c.state == CodeState.LIVE)).first()
        assert code is not None
        note(
            connection,
            store_id=1,
            kind=DriftKind.CHANGED,
            code=code.code,
            code_id=code.id,
            coupon_id=7,
            differences=[difference],
            now=NOW,
        )
    assert "1 coupon is</strong>" in ana.get("/").text or "1 coupon is not" in ana.get("/").text
    page = ana.get("/drift")
    assert "value: 10 % → 15 %" in page.text
    assert code.code not in page.text
    assert "Choose at least one." in submit(ana, "/drift", "/drift/fix", note="x").text
    done = submit(ana, "/drift", "/drift/fix", note="mistake", drift=1)
    assert "1 are put right by the worker." in done.text
    assert asked(ledger) == [(ChangeKind.PUT_RIGHT, "mistake")]
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(drifts.c.state)) == "fixing"
    with writing(ledger) as connection:
        connection.execute(sa.update(drifts).values(state="open", change_id=None))
    done = submit(ana, "/drift", "/drift/accept", note="so be it", drift=1)
    assert "1 accepted: the store&#39;s way stands." in done.text
    assert submit(ana, "/drift", "/drift/ignore", note="x").status_code == 404
