"""Reading the campaign folder from disk; no other module of this package touches files."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from tillroll.campaign.folder.book import Book, parse_book
from tillroll.campaign.frozen.revision import LIVE
from tillroll.campaign.segments.lists import MOST_LIST_BYTES
from tillroll.campaign.text.source import MOST_BYTES
from tillroll.errors import FaultyFiles

_PLACES = {
    # in subfolders too: files in them are ignored, which is reported
    "campaigns": re.compile(r".*\.ya?ml", re.DOTALL),
    "rules": re.compile(r".*\.(?:ya?ml|csv)|lists/[^/]*", re.DOTALL),
    # message.mjml without .j2 too: a mistake that is reported
    "templates": re.compile(r".*\.j2|(?:.*/)?message\.[^/]*|_partials/[^/]*", re.DOTALL),
}
_OF_STORE = re.compile(r"campaigns/([1-9][0-9]*)/([^/]+)\Z")
_LINKED = ("lists", "_partials")  # of a link to a folder, these alone are read
_HIDDEN = (".", "#")
_BACKUPS = ("~", "#", ".bak", ".orig", ".swp", ".tmp")


def read_book(root: Path, *, environment: str = LIVE, store: int | None = None) -> Book:
    """Read and check everything under `campaigns/`, `rules/` and `templates/`.

    `store` is a store's number: its own campaigns, in `campaigns/<number>/`, are added, and replace shared campaigns of the
    same name. Raises `FaultyFiles` if there is no `campaigns/` folder.
    """
    files: dict[str, bytes] = {}
    unreadable: dict[str, str] = {}
    inside = root.resolve()
    own: dict[str, str] = {}  # path in the book → path on disk
    elsewhere: set[str] = set()  # campaigns of other stores
    for relative, path in sorted(_files(root), key=lambda entry: bool(_OF_STORE.match(entry[0]))):
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
                unreadable[relative] = "it is a link to outside the folder"
                continue
            if not real.is_file():  # opening a pipe would block until somebody writes to it
                unreadable[relative] = "it is a folder" if real.is_dir() else "it is not a regular file"
                continue
            with path.open("rb") as file:
                most = MOST_LIST_BYTES if relative.endswith(".csv") else MOST_BYTES
                files[relative] = file.read(most + 1)  # one byte more, so that it is refused as too large
        except (OSError, RuntimeError) as fault:  # RuntimeError: links in a circle
            if not path.is_symlink() and isinstance(fault, FileNotFoundError):
                continue  # deleted since it was listed
            unreadable[relative] = getattr(fault, "strerror", None) or "it is a broken link"
    book = parse_book(files, unreadable=unreadable, environment=environment, elsewhere=elsewhere)
    findings = tuple(replace(finding, file=own.get(finding.file, finding.file)) for finding in book.findings)
    return replace(book, findings=findings) if own else book


def stores_with_own(root: Path) -> list[int]:
    """Return the numbers of the stores with campaigns of their own."""
    files = _files_in(root, "campaigns")
    return sorted({int(match[1]) for relative, _ in files if (match := _OF_STORE.match(relative))})


def fingerprint(root: Path) -> str:
    """Return a digest that changes when a file is added, removed or edited, from names, sizes and times only.

    It includes the ctime, which, unlike the mtime, no editor or copy can set back.
    """
    sha = hashlib.sha256()
    for relative, path in _files(root):
        try:
            status = path.stat()
            figures = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode)
            sha.update(f"{relative}\0{figures}\n".encode())
        except OSError as fault:
            sha.update(f"{relative}\0{fault.errno}\n".encode())
    return sha.hexdigest()


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the folder's files with their paths under the root, without hidden files and editors' backups."""
    if not (root / "campaigns").is_dir():
        raise FaultyFiles(
            f"There is no campaigns folder in {root.resolve()}.",
            hint="Start Tillroll in the folder with campaigns/, rules/ and templates/, or set TILLROLL_FOLDER. To make one: "
            "tillroll init",
        )
    for place in _PLACES:
        yield from _files_in(root, place)


def _files_in(root: Path, place: str) -> Iterator[tuple[str, Path]]:
    """Yield what one of the three folders holds under a name of interest, in the order of the names."""
    found: list[tuple[tuple[str, ...], str]] = []
    base = str(root / place)
    linked = [path for name in _LINKED if os.path.islink(path := f"{base}{os.sep}{name}")]
    for folder, subfolders, names in chain.from_iterable(map(os.walk, [base, *linked])):
        parents = tuple(folder[len(base) :].split(os.sep)[1:])
        subfolders[:] = [name for name in subfolders if not name.startswith(_HIDDEN)]
        for name in (*subfolders, *names):
            if (
                not name.startswith(_HIDDEN)
                and not name.endswith(_BACKUPS)
                and _PLACES[place].fullmatch("/".join((*parents, name)))
            ):
                found.append(((place, *parents, name), f"{folder}{os.sep}{name}"))
    for parts, path in sorted(found):
        # a name that isn't UTF-8 is reported with replacement characters; it isn't valid anyway
        yield "/".join(parts).encode("utf-8", "surrogateescape").decode("utf-8", "replace"), Path(path)
