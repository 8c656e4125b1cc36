"""What the pages show, and what they mask."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.shop import NOW, SHOP, campaign_text, planned_run, sample_book
from tests.web.site import app_for, open_shop, plan_run, put_under_way, sign_in
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import customers, messages, runs, stores
from tillroll.plan.record.revisions import record_book


def test_the_home_page_without_a_store_says_how_to_connect_one(ana: FlaskClient) -> None:
    page = ana.get("/")
    assert page.status_code == 200
    assert "No store is connected yet." in page.text
    assert ana.get(f"{SHOP}/campaigns").status_code == 404
    assert ana.get(f"{SHOP}/runs").status_code == 404


def test_the_home_page_shows_the_waiting_run(ana: FlaskClient, run_id: int) -> None:
    page = ana.get(f"{SHOP}/").text
    assert "We miss you" in page
    assert f'href="{SHOP}/runs/{run_id}"' in page
    assert "expires in 2 days" in page


def test_the_home_page_reports_lost_access_to_the_store(
    ledger: Engine, ana: FlaskClient, store_id: int
) -> None:
    with ledger.begin() as connection:
        connection.execute(sa.update(stores).values(state="disconnected", reason="403 with an empty body"))
    page = ana.get(f"{SHOP}/").text
    assert "Tillroll has lost access to the store" in page
    assert "403 with an empty body" in page


def test_a_run_page_shows_everything_an_approver_needs(ana: FlaskClient, run_id: int) -> None:
    page = ana.get(f"{SHOP}/runs/{run_id}").text
    for words in (
        "Customers who ordered at least 2 times",
        "Control group",
        "15% off orders of €30 or more",
        "bits",
        "Worst case",
        "Expected",
        "Guardrails",
        "Approve this plan",
        "Plan fingerprint",
    ):
        assert words in page, words
    assert page.count("<iframe sandbox=") == 3
    assert "Mon 23 Nov 2026, 10:00 CET" in page
    assert 'title="2026-11-23 09:00:00 UTC"' in page


def test_addresses_of_customers_are_masked(ana: FlaskClient, run_id: int) -> None:
    page = ana.get(f"{SHOP}/runs/{run_id}").text
    assert re.search(r"•••\d+@mail\.example", page)
    assert not re.search(r"\.(novak|kos|zupan)", page)


def test_the_three_previews_are_filled_in(ana: FlaskClient, run_id: int) -> None:
    assert "EXAMPLE-0000" in ana.get(f"{SHOP}/runs/{run_id}/preview/1").text
    assert ana.get(f"{SHOP}/runs/{run_id}/preview/3").status_code == 200
    assert ana.get(f"{SHOP}/runs/{run_id}/preview/4").status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        f"{SHOP}/runs/999",
        f"{SHOP}/runs/999/preview/1",
        f"{SHOP}/runs/999/messages",
        f"{SHOP}/runs/999/progress",
    ],
)
def test_an_unknown_run_is_not_found(ana: FlaskClient, store_id: int, address: str) -> None:
    answer = ana.get(address)
    assert answer.status_code == 404
    assert "There is no run 999." in answer.text


def test_user_input_is_escaped(ledger: Engine, tmp_path: Path) -> None:
    mark = "<script>alert(1)</script>"
    text = campaign_text("winback").replace("title: We miss you", f'title: "{mark}"')
    _, run_id = planned_run(ledger, book=sample_book(winback=text), customers=3)
    with ledger.begin() as connection:
        connection.execute(sa.text("update recipients set name = :mark").bindparams(mark=mark))
    client = app_for(ledger, tmp_path).test_client()
    sign_in(client)
    for address in (
        f"{SHOP}/",
        f"{SHOP}/runs/{run_id}",
        f"{SHOP}/runs",
        f"{SHOP}/campaigns",
        f"{SHOP}/runs/{run_id}/messages",
    ):
        page = client.get(address).text
        assert mark not in page, address
    assert "&lt;script&gt;alert(1)" in client.get(f"{SHOP}/runs/{run_id}").text


def test_codes_are_masked_everywhere(ledger: Engine, ana: FlaskClient, run_id: int) -> None:
    put_under_way(
        ledger, run_id, RunState.SENDING, live=5, message_states=[("sent", ""), ("held", "consent withdrawn")]
    )
    for address in (
        f"{SHOP}/runs/{run_id}",
        f"{SHOP}/runs/{run_id}/messages",
        f"{SHOP}/runs/{run_id}/progress",
        f"{SHOP}/",
    ):
        assert "SECRET" not in ana.get(address).text, address
    assert "••••••K2" in ana.get(f"{SHOP}/runs/{run_id}/messages").text


def test_progress_shows_counts_and_reasons_and_polls_again(
    ledger: Engine, ana: FlaskClient, run_id: int
) -> None:
    states = [("sent", "")] * 3 + [("held", "consent withdrawn")] * 2
    put_under_way(ledger, run_id, RunState.SENDING, live=7, message_states=states)
    answer = ana.get(f"{SHOP}/runs/{run_id}/progress")
    assert answer.status_code == 200
    assert 'hx-trigger="every 1s"' in answer.text
    assert 'value="7"' in answer.text
    assert "held: consent withdrawn" in answer.text


def test_progress_of_an_ended_run_stops_polling(ledger: Engine, ana: FlaskClient, run_id: int) -> None:
    put_under_way(ledger, run_id, RunState.DONE, live=7, orders=2)
    answer = ana.get(f"{SHOP}/runs/{run_id}/progress")
    assert answer.status_code == 286
    assert "hx-trigger" not in answer.text
    assert "€129.80" in answer.text


def test_polling_after_signing_out_reloads_the_page(stranger: FlaskClient, run_id: int) -> None:
    answer = stranger.get(f"{SHOP}/runs/{run_id}/progress", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (401, "true")


def test_a_campaign_with_errors_shows_them(ledger: Engine, ana: FlaskClient, store_id: int) -> None:
    broken = campaign_text("winback").replace("kind: percent", "kind: percnt")
    record_book(ledger, store_id=store_id, book=sample_book(winback=broken), now=NOW)
    page = ana.get(f"{SHOP}/campaigns").text
    assert "campaigns/winback.yaml:" in page
    assert "percnt" in page
    assert "campaigns have errors" not in ana.get(f"{SHOP}/").text
    assert "1 campaign has errors in the files." in " ".join(
        re.sub(r"<[^>]+>", "", ana.get(f"{SHOP}/").text).split()
    )


def test_a_campaign_shows_its_next_run(ana: FlaskClient, store_id: int) -> None:
    page = ana.get(f"{SHOP}/campaigns").text
    assert "every Monday at 10:00 (Europe/Ljubljana)" in page
    assert "Mon 30 Nov 2026, 10:00 CET" in page


def test_the_list_of_runs_is_paginated_by_keyset(ledger: Engine, ana: FlaskClient, store_id: int) -> None:
    row = {"store_id": store_id, "campaign": "winback", "slot_at": NOW, "state": "skipped"}
    row |= {"created_at": NOW, "changed_at": NOW}
    with ledger.begin() as connection:
        connection.execute(sa.insert(runs), [{**row, "slot_key": f"slot {n}"} for n in range(60)])
    first, second = ana.get(f"{SHOP}/runs").text, ana.get(f"{SHOP}/runs?before=11").text
    assert first.count("<tr>") - 1 == 50
    assert second.count("<tr>") - 1 == 10
    assert f'href="{SHOP}/runs?before=11"' in first
    assert "No runs to show." in ana.get(f"{SHOP}/runs?show=waiting").text


def test_messages_are_paginated_by_keyset_and_filtered_by_state(ledger: Engine, ana: FlaskClient) -> None:
    run_id = plan_run(ledger, open_shop(ledger, customers=160))
    states = [("sent", "")] * 55 + [("unknown", "the answer was lost")]
    put_under_way(ledger, run_id, RunState.SENDING, live=60, message_states=states)
    with ledger.connect() as connection:
        ids = list(connection.scalars(sa.select(messages.c.id).order_by(messages.c.id)))
    assert ana.get(f"{SHOP}/runs/{run_id}/messages").text.count("<tr>") - 1 == 50
    assert ana.get(f"{SHOP}/runs/{run_id}/messages?after={ids[49]}").text.count("<tr>") - 1 == 6
    unknown = ana.get(f"{SHOP}/runs/{run_id}/messages?state=unknown").text
    assert unknown.count("<tr>") - 1 == 1
    assert "the answer was lost" in unknown


def test_healthz_needs_no_session(stranger: FlaskClient) -> None:
    answer = stranger.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_a_bug_shows_a_reference_and_no_traceback(
    app: Flask, ana: FlaskClient, store_id: int, capsys: pytest.CaptureFixture[str]
) -> None:
    app.view_functions["campaigns.campaigns"] = lambda: 1 // 0
    answer = ana.get(f"{SHOP}/campaigns")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    assert "ZeroDivision" not in answer.text
    reference = answer.text.rpartition("<code>")[2].partition("</code>")[0]
    output = capsys.readouterr()
    assert len(reference) == 8
    assert reference in output.out + output.err


def test_a_run_without_recipients_shows_no_e_mail(ledger: Engine, ana: FlaskClient, store_id: int) -> None:
    with ledger.begin() as connection:
        connection.execute(sa.update(customers).values(last_order_at=NOW - timedelta(days=1)))
    run_id = plan_run(ledger, store_id)
    page = ana.get(f"{SHOP}/runs/{run_id}")
    assert page.status_code == 200
    assert "there is no e-mail to preview" in page.text


def test_a_tracking_run_does_not_show_when_it_continues(
    ledger: Engine, ana: FlaskClient, run_id: int
) -> None:
    put_under_way(ledger, run_id, RunState.TRACKING, live=3)
    for state, shown in ((RunState.TRACKING, False), (RunState.SENDING, True)):
        with writing(ledger) as connection:
            later = {"state": state, "not_before": NOW + timedelta(days=365)}
            connection.execute(sa.update(runs).where(runs.c.id == run_id).values(later))
        assert ("Continues in" in ana.get(f"{SHOP}/runs/{run_id}").text) is shown


def test_a_number_out_of_range_is_not_an_error(ana: FlaskClient, run_id: int) -> None:
    for address in (
        f"{SHOP}/runs/{10**20}",
        f"{SHOP}/runs?before={10**30}",
        f"{SHOP}/runs/{run_id}?customer={10**30}",
    ):
        page = ana.get(address)
        assert page.status_code in {200, 404}, address
        assert "Tillroll</title>" in page.text


def test_a_broken_ledger_shows_an_error_page_with_a_reference(
    app: Flask, ledger: Engine, ana: FlaskClient
) -> None:
    with writing(ledger) as connection:
        connection.execute(sa.text("alter table stores rename to elsewhere"))
    try:
        page = ana.get(f"{SHOP}/")
    finally:
        with writing(ledger) as connection:
            connection.execute(sa.text("alter table elsewhere rename to stores"))
    assert page.status_code == 500
    assert "This page failed." in page.text
    assert "Give this number to your administrator" in page.text
