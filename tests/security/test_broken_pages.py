"""Every page of a broken thing opens, says what is broken with a reference, and has the button that ends it."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.accounts import add_account
from tests.clocks import FakeClock
from tests.shop import ANA, EVE, NOW, SHOP, run_row
from tests.web.site import PASSWORD, app_for, digest_of, open_shop, plan_run, send_form, sign_in, token_on
from tillroll.campaign.states import FaultState, ItemKind, RunState, Stage
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.rows import FaultyItem, load_fault, record_fault
from tillroll.ledger.tables import audit, plans, revisions, stores


@pytest.fixture
def app(ledger: Engine, tmp_path: Path) -> Flask:
    return app_for(ledger, tmp_path, FakeClock())


@pytest.fixture
def ana(app: Flask) -> FlaskClient:
    client = app.test_client()
    sign_in(client)
    return client


@pytest.fixture
def waiting(ledger: Engine) -> tuple[int, int]:
    """Two runs that wait for approval."""
    store_id = open_shop(ledger, customers=60)
    return plan_run(ledger, store_id, key="1"), plan_run(ledger, store_id, key="2")


def break_plan(engine: Engine, run_id: int) -> None:
    with writing(engine) as connection:
        connection.execute(sa.update(plans).where(plans.c.run_id == run_id).values(body={"odd": [1]}))


def break_revisions(engine: Engine) -> None:
    """Make every recorded revision one that this version can't read."""
    with writing(engine) as connection:
        connection.execute(sa.update(revisions).values(files={"campaigns/winback.yaml": "title: ["}))


def break_values(engine: Engine, run_id: int) -> None:
    """Keep the plan readable, but with a currency that can't be written."""
    with writing(engine) as connection:
        body = connection.scalar(sa.select(plans.c.body).where(plans.c.run_id == run_id))
        body["exposure"]["worst_case"] = "1e999999"
        connection.execute(sa.update(plans).where(plans.c.run_id == run_id).values(body=body))


@pytest.mark.parametrize("page", ["", "runs", "campaigns", "faults", "runs?show=waiting"])
def test_lists_with_one_broken_run_show_the_other(
    ledger: Engine, ana: FlaskClient, waiting: tuple[int, int], page: str
) -> None:
    broken, whole = waiting
    break_plan(ledger, broken)
    answer = ana.get(f"{SHOP}/{page}")
    assert answer.status_code == 200
    if page in {"", "runs", "runs?show=waiting"}:
        assert f"/runs/{broken}" in answer.text
        assert f"/runs/{whole}" in answer.text


def test_a_run_whose_plan_cant_be_read_is_halted_on_its_page(
    ledger: Engine, ana: FlaskClient, waiting: tuple[int, int]
) -> None:
    broken, whole = waiting
    break_plan(ledger, broken)
    page = ana.get(f"{SHOP}/runs/{broken}")
    assert page.status_code == 200
    assert "needs a developer" in page.text
    assert "campaign/frozen/" in page.text
    send_form(ana, broken, "halt", note="broken")
    assert run_row(ledger, broken).state == RunState.HALTED
    assert run_row(ledger, whole).state == RunState.WAITING


@pytest.mark.parametrize("breaks", [lambda engine, _run: break_revisions(engine), break_values])
def test_a_run_that_cant_be_shown_can_be_rejected(
    ledger: Engine, ana: FlaskClient, waiting: tuple[int, int], breaks: object
) -> None:
    assert callable(breaks)
    breaks(ledger, waiting[0])
    page = ana.get(f"{SHOP}/runs/{waiting[0]}")
    assert page.status_code == 200
    assert "needs a developer" in page.text
    send_form(ana, waiting[0], "reject", digest=digest_of(ledger, waiting[0]), note="broken")
    assert run_row(ledger, waiting[0]).state == RunState.REJECTED


@pytest.mark.parametrize(
    "broken",
    [
        "{{ '{}{}'.format(1) }}",
        "{{ 9 ** (9 ** 9) }}",
        "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
    ],
    ids=["raises", "a number without end", "loops without end"],
)
def test_a_template_that_raises_or_never_ends_breaks_only_the_previews(
    ledger: Engine, ana: FlaskClient, waiting: tuple[int, int], broken: str
) -> None:
    with writing(ledger) as connection:
        files = connection.scalar(sa.select(revisions.c.files).where(revisions.c.campaign == "winback"))
        for path in files:
            if path.startswith("templates/"):
                files[path] = files[path].replace("</mj-body>", f"{broken}</mj-body>")
        connection.execute(sa.update(revisions).where(revisions.c.campaign == "winback").values(files=files))
    page = ana.get(f"{SHOP}/runs/{waiting[0]}")
    assert page.status_code == 200
    assert "Worst case" in page.text
    send_form(ana, waiting[0], "reject", digest=digest_of(ledger, waiting[0]), note="it raises")
    assert run_row(ledger, waiting[0]).state == RunState.REJECTED


def test_a_campaign_that_cant_be_read_is_shown_as_such_and_can_be_halted(
    ledger: Engine, ana: FlaskClient, waiting: tuple[int, int]
) -> None:
    break_revisions(ledger)
    page = ana.get(f"{SHOP}/campaigns")
    assert page.status_code == 200
    assert "can&#39;t be read" in page.text or "can't be read" in page.text
    assert "Halt winback" in page.text
    form = {"csrf_token": token_on(page), "note": "broken"}
    ana.post(f"{SHOP}/campaigns/winback/halt", data=form)
    assert run_row(ledger, waiting[0]).state == RunState.HALTED


def test_a_time_zone_that_no_one_knows_closes_no_page(
    ledger: Engine, ana: FlaskClient, waiting: tuple[int, int]
) -> None:
    with writing(ledger) as connection:
        connection.execute(sa.update(stores).values(timezone="Mars/Olympus"))
    for page in ("", "runs", "campaigns", "faults", f"runs/{waiting[0]}"):
        assert ana.get(f"{SHOP}/{page}").status_code == 200, page


def aside(engine: Engine, run_id: int) -> int:
    """Set a run aside, as after three faults."""
    item = FaultyItem(store_id=1, kind=ItemKind.RUN, name=str(run_id), run_id=run_id, campaign="winback")
    for _ in range(3):
        fault = record_fault(
            engine, item, stage=Stage.PLAN, error="KeyError", place="plan/make.py:9", now=NOW
        )
    assert fault.state is FaultState.SET_ASIDE
    return fault.id


def test_what_is_set_aside_is_told_and_an_approver_has_it_tried_again(
    ledger: Engine, app: Flask, ana: FlaskClient, waiting: tuple[int, int]
) -> None:
    fault_id = aside(ledger, waiting[0])
    add_account(ledger, email=EVE.email, password=PASSWORD, role_names=("viewer",), now=NOW)
    eve = app.test_client()
    sign_in(eve, EVE.email)
    for client in (ana, eve):
        assert "1 item needs a developer" in " ".join(client.get(f"{SHOP}/").text.split())
        page = client.get(f"{SHOP}/runs/{waiting[0]}")
        assert f"<code>F{fault_id}</code>" in page.text
        assert (f"Try F{fault_id} again" in page.text) is (client is ana)
    form = {"csrf_token": token_on(eve.get(f"{SHOP}/"))}
    assert eve.post(f"{SHOP}/faults/{fault_id}/retry", data=form).status_code == 403
    form = {"csrf_token": token_on(ana.get(f"{SHOP}/faults"))}
    answer = ana.post(f"{SHOP}/faults/{fault_id}/retry", data=form, follow_redirects=True)
    assert "is tried again within a minute" in answer.text
    with reading(ledger) as connection:
        assert load_fault(connection, fault_id).state is FaultState.RELEASED
        actor = connection.scalar(sa.select(audit.c.actor).where(audit.c.action == "fault.released"))
    assert actor == ANA.email
