"""Fixtures: the app as it is installed, over each kind of ledger, with a clock that tests move."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.web.site import app_for, sign_in
from tillroll.settings import Settings


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def app(ledger: Engine, tmp_path: Path, clock: FakeClock) -> Flask:
    return app_for(ledger, tmp_path, clock, settings=Settings(home=tmp_path))


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
