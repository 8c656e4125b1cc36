"""The sample files with changes, and the findings about them."""

from __future__ import annotations

from tests.shop import sample_files
from tillroll.campaign import Book, Finding, parse_book

WINBACK = "campaigns/winback.yaml"
Content = str | bytes | None


def changed(*replacements: tuple[str, str], file: str = WINBACK) -> dict[str, bytes]:
    """Return the sample files with words of one file replaced; every word must be in the file."""
    files = sample_files()
    text = files[file].decode()
    for old, new in replacements:
        assert old in text, f"{file} doesn't say {old!r}"
        text = text.replace(old, new)
    return {**files, file: text.encode()}


def with_files(files: dict[str, Content]) -> Book:
    """Read the sample files with these added; None removes a file."""
    everything: dict[str, bytes] = sample_files()
    for name, content in files.items():
        if content is None:
            del everything[name]
        else:
            everything[name] = content.encode() if isinstance(content, str) else content
    return parse_book(everything)


def only(book: Book) -> Finding:
    """Return the only finding of a book."""
    assert len(book.findings) == 1, [finding.render() for finding in book.findings]
    return book.findings[0]


def place(text: str, word: str) -> tuple[int, int]:
    """Return line and column (from 1) of a word's first occurrence in a text."""
    before = text[: text.index(word)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
