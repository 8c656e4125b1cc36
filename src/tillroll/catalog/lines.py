"""Reading a catalogue file, CSV or JSON lines, into raw rows, one at a time."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TextIO

from tillroll.catalog.values import COLUMNS
from tillroll.errors import FaultyFiles, NotFound

MOST_BYTES = 200 * 1024 * 1024
MOST_COLUMNS = 100
"""Ten names are known; more columns than this are not a catalogue, and each would cost time."""

_LONGEST_LINE = 1024 * 1024


def raw_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield each row's line number with its columns, or with what is wrong with it."""
    try:
        size = path.stat().st_size
    except OSError as fault:
        raise NotFound(f"{path} can't be read: {fault.strerror or fault}.") from fault
    if not path.is_file():
        raise NotFound(f"{path} is not a file.")
    if size > MOST_BYTES:
        raise FaultyFiles(
            f"{path} is larger than {MOST_BYTES // 1024**2} MB.", hint="Split it into several files."
        )
    readers: dict[str, Callable[[Path], Iterator[tuple[int, dict[str, Any] | str]]]] = {
        ".csv": _csv,
        ".jsonl": _jsonl,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise FaultyFiles(
            f"{path} is neither CSV nor JSON lines.", hint="The file's name must end in .csv or .jsonl."
        )
    try:
        yield from reader(path)
    except UnicodeDecodeError as fault:
        raise FaultyFiles(
            f"{path} is not in UTF-8 (byte {fault.start} of what was read).",
            hint="Save it as “CSV UTF-8”.",
        ) from fault
    except OSError as fault:
        raise NotFound(f"{path} can't be read: {fault.strerror or fault}.") from fault


def _csv(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline(_LONGEST_LINE)
        file.seek(0)
        delimiter = max(",;\t", key=first.count)
        lines = _BoundedLines(file)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        header: list[str] | None = None
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as fault:
                yield line, f"this is not CSV: {fault}"
                return
            except _TooLong:
                yield line, f"a row is over {_LONGEST_LINE:,} characters long; is a quote open?"
                return
            lines.begin_row()
            if len(cells) > MOST_COLUMNS:
                yield line, f"it has {len(cells):,} columns, at most {MOST_COLUMNS} are allowed"
                return
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                fault_ = _header_fault(header)
                if fault_:
                    yield line, fault_
                    return
            elif len(cells) != len(header):
                yield line, f"it has {len(cells)} cells, the first line names {len(header)} columns"
            else:
                yield line, dict(zip(header, cells, strict=True))


class _TooLong(Exception):
    """Raised when a row doesn't end."""


class _BoundedLines:
    """The lines of a CSV file, which count how long the row is that the reader puts together from them."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._left = file, _LONGEST_LINE

    def begin_row(self) -> None:
        """Count from here."""
        self._left = _LONGEST_LINE

    def __iter__(self) -> Iterator[str]:
        while self._left > 0 and (line := self._file.readline(self._left)):
            self._left -= len(line)
            yield line
        if self._left <= 0:
            raise _TooLong


def _header_fault(header: list[str]) -> str:
    if "sku" not in header:
        return f"the first line must name the columns, one of them sku (it has {', '.join(header)[:200]})"
    twice = sorted(name for name, count in Counter(header).items() if count > 1)
    return f"the column {', '.join(twice)} appears twice" if twice else _unknown(header)


def _unknown(names: list[str]) -> str:
    for name in names:
        if name not in COLUMNS:
            near = get_close_matches(name, COLUMNS, n=1)
            guess = f"did you mean {near[0]}?" if near else f"there are {', '.join(COLUMNS)}"
            return f"{name or 'a column without a name'}: unknown column ({guess})"
    return ""


def _jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    with path.open(encoding="utf-8-sig") as file:
        number = 0
        while text := file.readline(_LONGEST_LINE):
            number += 1
            if len(text) >= _LONGEST_LINE:
                yield number, "the line is over a million characters long"
                return
            if not text.strip():
                continue
            try:
                raw = json.loads(text, parse_float=Decimal)
            except (ValueError, RecursionError) as fault:
                yield number, f"this is not JSON: {fault}"
                continue
            if isinstance(raw, dict):
                yield number, _unknown(list(raw)) or raw
            else:
                yield number, 'a line must be a JSON object, like {"sku": "TEA-01", "price": 9.5}'
