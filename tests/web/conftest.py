"""Fixtures: the app over each kind of ledger, and clients signed in as an approver or a viewer."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.accounts import add_account
from tests.clocks import FakeClock
from tests.shop import EVE, NOW
from tests.web.site import PASSWORD, app_for, open_shop, plan_run, sign_in


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def app(ledger: Engine, tmp_path: Path, clock: FakeClock) -> Flask:
    return app_for(ledger, tmp_path, clock)


@pytest.fixture
def stranger(app: Flask) -> FlaskClient:
    """A client that is not signed in."""
    return app.test_client()


@pytest.fixture
def ana(app: Flask) -> FlaskClient:
    """An approver, signed in."""
    client = app.test_client()
    sign_in(client)
    return client


@pytest.fixture
def eve(app: Flask, ledger: Engine) -> FlaskClient:
    """A viewer, signed in."""
    client = app.test_client()
    add_account(ledger, email=EVE.email, password=PASSWORD, role_names=("viewer",), now=NOW)
    sign_in(client, EVE.email)
    return client


@pytest.fixture
def store_id(ledger: Engine) -> int:
    return open_shop(ledger, customers=60)


@pytest.fixture
def run_id(ledger: Engine, store_id: int) -> int:
    """A win-back run that waits for approval."""
    return plan_run(ledger, store_id)
