"""Crash tests run on SQLite, and on PostgreSQL among the slow tests: each takes many seconds."""

from __future__ import annotations

import pytest

from tests.security.chaos import BOTH_DATABASES


@pytest.fixture(params=BOTH_DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, migrated ledger."""
    return str(request.getfixturevalue(request.param))
