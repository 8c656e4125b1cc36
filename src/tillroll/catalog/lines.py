"""The lines of a catalogue file, CSV or JSON lines, one at a time: the columns of each row, or what is wrong with it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from tillroll.catalog.values import COLUMNS
from tillroll.errors import FaultyFiles, NotFound

MOST_BYTES = 200 * 1024 * 1024
_LONGEST_LINE = 1024 * 1024


def raw_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Line and columns of each row, or what is wrong with the row."""
    try:
        size = path.stat().st_size
    except OSError as fault:
        raise NotFound(f"{path} can't be read: {fault.strerror or fault}.") from fault
    if not path.is_file():
        raise NotFound(f"{path} is not a file.")
    if size > MOST_BYTES:
        raise FaultyFiles(f"{path} is over {MOST_BYTES // 1024**2} MB.", hint="Split it into several files.")
    readers: dict[str, Callable[[Path], Iterator[tuple[int, dict[str, Any] | str]]]] = {
        ".csv": _csv,
        ".jsonl": _jsonl,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise FaultyFiles(
            f"{path} is neither CSV nor JSON lines.", hint="Name the file something.csv or something.jsonl."
        )
    try:
        yield from reader(path)
    except UnicodeDecodeError as fault:
        raise FaultyFiles(
            f"{path} is not written in UTF-8 (byte {fault.start} of what was read).",
            hint="Save it as “CSV UTF-8”.",
        ) from fault
    except OSError as fault:
        raise NotFound(f"{path} can't be read: {fault.strerror or fault}.") from fault


def _csv(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline(_LONGEST_LINE)
        file.seek(0)
        delimiter = max(",;\t", key=first.count)
        reader = csv.reader(file, delimiter=delimiter, strict=True)
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


def _header_fault(header: list[str]) -> str:
    if "sku" not in header:
        return f"the first line names the columns, and there must be one called sku (it says {', '.join(header)[:200]})"
    twice = sorted({name for name in header if header.count(name) > 1})
    return f"the column {', '.join(twice)} is there twice" if twice else _unknown(header)


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
