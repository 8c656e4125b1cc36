"""A CSV file of codes that exist already: its rows, and what is wrong with each. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

MOST_BYTES = 16 * 1_048_576
MOST_CODES = 100_000
_HEADINGS = ("code", "codes", "coupon", "coupon code", "coupon_code")
_CODE = re.compile(r"[A-Z0-9][A-Z0-9._-]{2,63}")
_LONGEST_SHOWN = 40


@dataclass(frozen=True, kw_only=True)
class CodeRow:
    """A row that names a code."""

    number: int  # in the file, from 1
    code: str  # in capitals


@dataclass(frozen=True, kw_only=True)
class RowFault:
    """Why a row is not taken."""

    number: int
    problem: str


@dataclass(frozen=True, kw_only=True)
class CodeFile:
    """What a file holds: each code once, and the rows that are not taken. `problem` is about the file as a whole."""

    rows: tuple[CodeRow, ...] = ()
    faults: tuple[RowFault, ...] = ()
    problem: str = ""


def read_code_file(content: bytes) -> CodeFile:
    """Read a file with a column of codes. The column is the first one, or the one headed `code`."""
    if len(content) > MOST_BYTES:
        return CodeFile(problem=f"it is larger than {MOST_BYTES // 1_048_576} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return CodeFile(problem="it is not UTF-8; save it as CSV in UTF-8")
    if "\0" in text:
        return CodeFile(problem="it is no text; save it as CSV")
    rows: dict[str, CodeRow] = {}
    faults: list[RowFault] = []
    for number, cell in _cells(text):
        code = cell.strip().lstrip("'").upper()  # a spreadsheet's apostrophe, as our own export writes it
        if problem := _problem_with(code, cell, rows.get(code)):
            faults.append(RowFault(number=number, problem=problem))
            continue
        rows[code] = CodeRow(number=number, code=code)
        if len(rows) > MOST_CODES:
            return CodeFile(problem=f"it has more than {MOST_CODES:,} codes; split it")
    problem = "" if rows or faults else "it has no codes"
    return CodeFile(rows=tuple(rows.values()), faults=tuple(faults), problem=problem)


def _cells(text: str) -> Iterator[tuple[int, str]]:
    """Yield the cells of the codes' column that are not blank, with their row numbers; a heading is left out."""
    first_line = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first_line.count)
    column, is_first = 0, True
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as fault:
            yield reader.line_num, f"({fault})"
            continue
        if row is None:
            return
        if not any(cell.strip() for cell in row):
            continue
        if is_first:
            is_first = False
            headings = [cell.strip().lower() for cell in row]
            named = [index for index, heading in enumerate(headings) if heading in _HEADINGS]
            if named:
                column = named[0]
                continue
        yield reader.line_num, row[column] if column < len(row) else ""


def _problem_with(code: str, cell: str, same: CodeRow | None) -> str:
    """Return what is wrong with a row; empty if nothing is."""
    if not code:
        return "it has no code"
    if _CODE.fullmatch(code) is None:
        shown = repr(cell.strip()[:_LONGEST_SHOWN])
        return f"{shown} is no code: 3 to 64 letters, digits, hyphens, dots and underscores"
    if not any(char.isalpha() for char in code):
        return f"{code} has digits only, and could be taken for a coupon's number"
    return f"the same code is in row {same.number}" if same is not None else ""
