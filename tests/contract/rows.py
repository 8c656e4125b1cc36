"""Marking which rows of the dossier's endpoint tables a contract test drives; `conftest.py` checks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, TypeVar

import pytest

from tillroll.ecwid.client import Client
from tillroll.ecwid.http.errors import StoreRefusal
from tillroll.ecwid.http.session import HttpAnswer, HttpSession

Test = TypeVar("Test", bound=Callable[..., Any])

_AN_ID = "(?!(?:deleted|last|invite|filters|search|async)$)[^/]+"  # words at the place of an id
ROW = re.compile(r"(GET|POST|PUT|DELETE) (/\S+)")


def drives(*rows: str) -> Callable[[Test], Test]:
    """Mark a test as calling these rows, like `GET /orders/{orderId}`, each with success."""
    assert rows
    assert all(ROW.fullmatch(row) for row in rows)

    def mark(test: Test) -> Test:
        test.rows = rows  # type: ignore[attr-defined]
        return test

    return mark


@contextmanager
def refused(status: int, code: str = "", words: str = "") -> Iterator[None]:
    """Expect a refusal with this status, and with this code and text if they are given."""
    with pytest.raises(StoreRefusal) as refusal:
        yield
    assert refusal.value.status == status
    assert not code or refusal.value.code == code
    assert words in str(refusal.value)


def send(client: Client, method: str, path: str, content: bytes = b"", kind: str = "") -> HttpAnswer:
    """Send bytes, and return an answer that need not be JSON."""
    answer: HttpAnswer = client.connection._session.call(
        method, path, body=content or None, kind=kind, seconds=20
    )
    return answer


class Calls:
    """The calls of a client that succeeded."""

    def __init__(self) -> None:
        self._granted: set[tuple[str, str]] = set()

    def note(self, method: str, path: str, answer: HttpAnswer) -> None:
        """Record an answer."""
        if answer.status in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
            self._granted.add((method, path.partition("?")[0]))

    def granted(self, row: str) -> bool:
        """Return whether the row was called with success, with any ids."""
        method, _, path = row.partition(" ")
        pattern = re.compile(re.sub(r"\{\w+\}", lambda _: _AN_ID, path))
        return any(method == sent and pattern.fullmatch(at) for sent, at in self._granted)


class NotedSession:
    """A session whose answers are recorded."""

    def __init__(self, session: HttpSession, calls: Calls) -> None:
        self._session, self._calls = session, calls

    def call(self, method: str, path: str, **named: Any) -> HttpAnswer:
        answer = self._session.call(method, path, **named)
        self._calls.note(method, path, answer)
        return answer

    def close(self) -> None:
        self._session.close()
