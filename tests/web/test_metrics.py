"""`/metrics`: it reports disconnected stores, so that an alert can be set, and needs the token."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.engine import Engine

from tests.web.site import app_for
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import stores
from tillroll.settings import Settings

TOKEN = "let Prometheus in"


@pytest.fixture
def measured(ledger: Engine, tmp_path: Path) -> Flask:
    return app_for(ledger, tmp_path, settings=Settings(home=tmp_path, metrics_token=TOKEN))


def figures(app: Flask) -> dict[tuple[str, str], float]:
    answer = app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    return {
        (sample.name, sample.labels.get("state", "")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_a_disconnected_store_is_shown_as_zero(ledger: Engine, measured: Flask, run_id: int) -> None:
    before = figures(measured)
    assert before["tillroll_store_connected", "connected"] == 1
    assert before["tillroll_runs", "waiting"] == 1
    assert before["tillroll_events_waiting", ""] == 0
    with writing(ledger) as connection:
        connection.execute(sa.update(stores).values(state="disconnected"))
    assert figures(measured)["tillroll_store_connected", "disconnected"] == 0


def test_metrics_need_the_token(measured: Flask, store_id: int) -> None:
    assert measured.test_client().get("/metrics").status_code == 403
    wrong = {"Authorization": "Bearer \u00e9"}
    assert measured.test_client().get("/metrics", headers=wrong).status_code == 403


def test_an_installation_without_a_token_has_no_metrics_page(app: Flask) -> None:
    assert app.test_client().get("/metrics").status_code == 404
