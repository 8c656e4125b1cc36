"""A client whose calls are seen, so that a test which says it drives a row of the dossier's tables does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.rows import Calls
from tests.store import client_of
from tillroll.ecwid.client import Client
from tillroll.sandbox.serve import Sandbox


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def client(sandbox: Sandbox, calls: Calls) -> Iterator[Client]:
    with client_of(sandbox) as made:
        made.connection._session.hooks["response"].append(calls.note)
        yield made


@pytest.fixture(autouse=True)
def kept_word(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test: each row that it says it drives was asked for over HTTP, and granted."""
    rows = getattr(request.function, "rows", ())
    calls = request.getfixturevalue("calls") if rows else Calls()
    yield
    assert [row for row in rows if not calls.granted(row)] == []
