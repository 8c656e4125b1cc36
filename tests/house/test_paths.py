"""A file that a page, a docstring or a comment names exists: a reader who follows a reference arrives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.source import PACKAGE, ROOT, TESTS

PAGES = (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))
SOURCES = (*PACKAGE.rglob("*.py"), *TESTS.rglob("*.py"), *(ROOT / "bench").rglob("*.py"))
HISTORY = {"CHANGELOG.md", "ecwid-api.md"}
"""Pages that name files of earlier days or of other projects."""

MADE_UP = {"example.py", "keyring.py"}
"""Files that a test makes."""

_MENTION = re.compile(r"(?<![\w/.~*-])((?:[a-z_]+/)*[a-z_0-9]+\.py)(?![\w*])")


def mentions(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each Python file that a text mentions."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        for name in _MENTION.findall(line):
            if name not in MADE_UP:
                yield number, name


def exists(name: str, path: Path) -> bool:
    """Return whether a name leads to a file: from the repository, the package, or the folder of the text and those above it."""
    folders = [ROOT, PACKAGE, TESTS, *(folder for folder in path.parents if folder.is_relative_to(ROOT))]
    return any((folder / name).is_file() for folder in folders)


@pytest.mark.parametrize(
    "path", [path for path in PAGES if path.name not in HISTORY], ids=lambda path: str(path.name)
)
def test_a_file_that_a_page_names_exists(path: Path) -> None:
    rooms = {file.name for file in PACKAGE.rglob("*.py")}
    lost = [(line, name) for line, name in mentions(path) if not exists(name, path) and name not in rooms]
    assert lost == []


def test_a_file_that_a_docstring_or_comment_names_exists() -> None:
    lost = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in SOURCES
        for line, name in mentions(path)
        if path != Path(__file__) and not exists(name, path)
    ]
    assert lost == []
