"""The campaign files as the engines see them: whether they look different from the last time, and what they say for a store."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from tillroll.campaign import Book
from tillroll.campaign.folder.files import fingerprint, read_book, stores_with_own
from tillroll.errors import TillrollError


class Watched:
    """The campaign folder, looked at again and again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = ""

    def are_new(self) -> bool:
        """Whether the files look different from the last time, the first time included: then every lane wants to know."""
        try:
            seen = fingerprint(self._folder)
        except TillrollError:
            return False  # the lanes say so
        new, self._seen = seen != self._seen, seen
        return new


def book_for(folder: Path, *, environment: str, ecwid_id: int, seen: str) -> Book:
    """What the files say for a store; `seen` is their fingerprint. Stores without campaigns of their own share one reading."""
    own = ecwid_id if ecwid_id in _own(folder, seen) else None
    return _read(folder, environment, own, seen)


@lru_cache(maxsize=2)
def _own(folder: Path, _seen: str) -> frozenset[int]:
    return frozenset(stores_with_own(folder))


@lru_cache(maxsize=4)
def _read(folder: Path, environment: str, ecwid_id: int | None, _seen: str) -> Book:
    return read_book(folder, environment=environment, store=ecwid_id)
