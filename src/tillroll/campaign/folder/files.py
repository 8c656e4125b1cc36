"""Reading the campaign folder: the one module of this room that touches files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tillroll.campaign.folder.book import Book, parse_book
from tillroll.campaign.frozen.revision import LIVE
from tillroll.campaign.segments.lists import MOST_LIST_BYTES
from tillroll.campaign.text.source import MOST_BYTES
from tillroll.errors import FaultyFiles

_PLACES = (
    # in folders of its own too: nothing reads those, which is worth telling
    ("campaigns", ("**/*.yaml", "**/*.yml")),
    ("rules", ("**/*.yaml", "**/*.yml", "**/*.csv", "lists/*")),
    ("templates", ("*/*.j2", "*/message.*")),  # message.mjml without .j2 too: a slip that is worth telling
)
_OF_STORE = re.compile(r"campaigns/([1-9][0-9]*)/([^/]+)\Z")
_BACKUPS = ("~", "#", ".bak", ".orig", ".swp", ".tmp")


def read_book(root: Path, *, environment: str = LIVE, store: int | None = None) -> Book:
    """Everything under `campaigns/`, `rules/` and `templates/`. `FaultyFiles` when there is no `campaigns/` folder.

    `store`: with the campaigns that are this store's alone, in `campaigns/<its number>/`. One of them that has a name of the
    shared ones stands in its place.
    """
    files: dict[str, bytes] = {}
    unreadable: dict[str, str] = {}
    inside = root.resolve()
    own: dict[str, str] = {}  # as the book knows it → where it is
    elsewhere: set[str] = set()  # campaigns of other stores
    for relative, path in sorted(_files(root), key=lambda one: bool(_OF_STORE.match(one[0]))):
        if (match := _OF_STORE.match(relative)) is not None:
            if match[1] != str(store):
                elsewhere.add(match[2].rpartition(".")[0])
                continue
            own[f"campaigns/{match[2]}"] = relative
            relative = f"campaigns/{match[2]}"
            unreadable.pop(relative, None)
        try:
            real = path.resolve(strict=True)
            if not real.is_relative_to(inside):
                unreadable[relative] = "it is a link that leads out of the folder"
                continue
            if not real.is_file():  # opening a pipe would wait for somebody to write into it
                unreadable[relative] = "it is a folder" if real.is_dir() else "it is no plain file"
                continue
            with path.open("rb") as file:
                most = MOST_LIST_BYTES if relative.endswith(".csv") else MOST_BYTES
                files[relative] = file.read(most + 1)  # just enough to be refused as too large
        except (OSError, RuntimeError) as fault:  # RuntimeError: links in a circle
            if not path.is_symlink() and isinstance(fault, FileNotFoundError):
                continue  # deleted since it was listed
            unreadable[relative] = getattr(fault, "strerror", None) or "its links lead nowhere"
    book = parse_book(files, unreadable=unreadable, environment=environment, elsewhere=elsewhere)
    said = tuple(replace(one, file=own.get(one.file, one.file)) for one in book.findings)
    return replace(book, findings=said) if own else book


def stores_with_own(root: Path) -> list[int]:
    """The numbers of the stores that have campaigns of their own."""
    return sorted({int(match[1]) for relative, _ in _files(root) if (match := _OF_STORE.match(relative))})


def fingerprint(root: Path) -> str:
    """Changes when a file is added, removed or edited; cheap, since it only looks at names, sizes and times.

    The time of change counts too: unlike the time of writing, no editor and no copy can set it back.
    """
    seen = hashlib.sha256()
    for relative, path in _files(root):
        try:
            status = path.stat()
            figures = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode)
            seen.update(f"{relative}\0{figures}\n".encode())
        except OSError as fault:
            seen.update(f"{relative}\0{fault.errno}\n".encode())
    return seen.hexdigest()


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """What looks like one of ours, by its path under the root; hidden files and editors' backups are not."""
    if not (root / "campaigns").is_dir():
        raise FaultyFiles(
            f"There is no campaigns folder in {root.resolve()}.",
            hint="Start Tillroll where campaigns/, rules/ and templates/ are, or set TILLROLL_FOLDER.",
        )
    for place, patterns in _PLACES:
        for path in sorted({path for pattern in patterns for path in (root / place).glob(pattern)}):
            parts = path.relative_to(root).parts
            hidden = any(part.startswith((".", "#")) for part in parts)
            if not hidden and not path.name.endswith(_BACKUPS):
                # a name that isn't UTF-8 is told by its replacement characters; it is no valid name anyway
                yield "/".join(parts).encode("utf-8", "surrogateescape").decode("utf-8", "replace"), path
