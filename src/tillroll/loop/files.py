"""The campaign files as the engines see them: whether they look different from the last time."""

from __future__ import annotations

from pathlib import Path

from tillroll.campaign.folder import fingerprint
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
