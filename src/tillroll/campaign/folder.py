"""Reading the campaign folder: the one module of this room that touches files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from tillroll.campaign.book import Book, parse_book
from tillroll.campaign.source import MOST_BYTES
from tillroll.errors import FaultyFiles

_PLACES = (
    ("campaigns", ("*.yaml", "*.yml")),
    ("rules", ("*.yaml", "*.yml", "*/*.yaml", "*/*.yml")),
    ("templates", ("*/*.j2",)),
)


def read_book(root: Path) -> Book:
    """Everything under `campaigns/`, `rules/` and `templates/`. `FaultyFiles` when there is no `campaigns/` folder."""
    files = {relative: _read(path) for relative, path in _files(root)}
    return parse_book(files)


def fingerprint(root: Path) -> str:
    """Changes when a file is added, removed or edited; cheap, since it only looks at names, sizes and times."""
    seen = hashlib.sha256()
    for relative, path in _files(root):
        status = path.stat()
        seen.update(f"{relative}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return seen.hexdigest()


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    if not (root / "campaigns").is_dir():
        raise FaultyFiles(
            f"There is no campaigns folder in {root.resolve()}.",
            hint="Start Tillroll where campaigns/, rules/ and templates/ are, or set TILLROLL_FOLDER.",
        )
    base = root.resolve()
    for place, patterns in _PLACES:
        paths = sorted({path for pattern in patterns for path in (root / place).glob(pattern)})
        for path in paths:
            inside = path.resolve().is_relative_to(base)  # a link must not lead out of the folder
            if not path.name.startswith((".", "#")) and inside and path.is_file():
                yield path.relative_to(root).as_posix(), path


def _read(path: Path) -> bytes:
    """The content, or just enough of it to be refused as too large; an unreadable file reads as one that isn't YAML."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as fault:
        return f"\x00 {fault.strerror}".encode()
