"""Which rows of the dossier's endpoint tables a contract test drives: said beside the test, and held to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from requests import Response, codes

from tillroll.ecwid.errors import StoreRefusal

Test = TypeVar("Test", bound=Callable[..., Any])

_AN_ID = "(?!(?:deleted|last|invite)$)[^/]+"  # words that stand where an id could
ROW = re.compile(r"(GET|POST|PUT|DELETE) (/\S+)")


def drives(*rows: str) -> Callable[[Test], Test]:
    """The test asks for these, as `GET /orders/{orderId}`, and each is granted. `conftest.py` sees that it was so."""
    assert rows
    assert all(ROW.fullmatch(row) for row in rows)

    def mark(test: Test) -> Test:
        test.rows = rows  # type: ignore[attr-defined]
        return test

    return mark


@contextmanager
def refused(status: int, code: str = "", words: str = "") -> Iterator[None]:
    """The block ends in a refusal of this status, and of this error code and these words if they are given."""
    with pytest.raises(StoreRefusal) as told:
        yield
    assert told.value.status == status
    assert not code or told.value.code == code
    assert words in str(told.value)


class Calls:
    """What a client has sent to its store, and what came back."""

    def __init__(self) -> None:
        self._granted: set[tuple[str, str]] = set()

    def note(self, answer: Response, *_: Any, **__: Any) -> None:
        """A hook of the client's session: called with each answer."""
        if answer.status_code in {codes.ok, codes.accepted}:
            path = re.sub(r"^/api/v3/\d+|\?.*$", "", answer.request.path_url or "")
            self._granted.add((str(answer.request.method), path))

    def granted(self, row: str) -> bool:
        """Whether the row was asked for, under any ids, and answered with success."""
        method, _, path = row.partition(" ")
        pattern = re.compile(re.sub(r"\{\w+\}", lambda _: _AN_ID, path))
        return any(method == sent and pattern.fullmatch(at) for sent, at in self._granted)
