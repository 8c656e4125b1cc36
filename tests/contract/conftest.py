"""A client whose calls are recorded, to check that a test drives the rows of the dossier that it names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.rows import Calls, NotedSession
from tests.store import client_of
from tillroll.ecwid.client import Client
from tillroll.sandbox.serve import Sandbox


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def client(sandbox: Sandbox, calls: Calls) -> Iterator[Client]:
    with client_of(sandbox) as made:
        made.connection._session = NotedSession(made.connection._session, calls)  # type: ignore[assignment]
        yield made


@pytest.fixture(autouse=True)
def check_driven_rows(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test, check that each row it names was called over HTTP with success."""
    rows = getattr(request.function, "rows", ())
    calls = request.getfixturevalue("calls") if rows else Calls()
    yield
    assert [row for row in rows if not calls.granted(row)] == []
