"""Uploaded lists of customers (`rules/lists/NAME.csv`), by e-mail address or by the store's customer id.

A list has one column under one heading and is identified by its digest: a changed member makes a new list, and a new revision of
every campaign that uses it. A revision holds only the count and the digest; the ledger holds the members, once per digest.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

from tillroll.campaign.text.clean import Uncleanable, clean_address
from tillroll.campaign.text.findings import MOST_FINDINGS, Finding
from tillroll.campaign.text.source import position_in

MOST_LIST_BYTES = 16 * 1_048_576
MOST_MEMBERS = 250_000

EMAIL, CUSTOMER_ID = "email", "customer_id"
_HEADINGS = {EMAIL: "e-mail addresses", CUSTOMER_ID: "customers by their numbers"}
_LINE_END = re.compile(r"\r\n|\n|\r")
_LONGEST_LINE = 1_000
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_RECORDED = re.compile(r"(?P<count>[0-9]+) (?P<words>.+), sha256 (?P<digest>[0-9a-f]{64})\n?")
_CAPITALS = {capital: capital + 32 for capital in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True, kw_only=True)
class CustomerList:
    """One list. A list read from a revision has no members; they are in the ledger under its digest."""

    column: str  # email or customer_id
    count: int
    digest: str  # SHA-256 over the heading and the members in order
    members: tuple[str, ...] = ()

    def recorded(self) -> str:
        """Return the line that a revision keeps of the list."""
        return f"{self.count} {_HEADINGS[self.column]}, sha256 {self.digest}\n"


def fold_address(text: str) -> str:
    """Return an address in the form that lists are compared in: A to Z in lower case, as both databases do it."""
    plain = text.strip()
    return plain.lower() if plain.isascii() else plain.translate(_CAPITALS)


def recorded_list(text: str) -> CustomerList | None:
    """Read the line of `CustomerList.recorded`; None for any other text."""
    match = _RECORDED.fullmatch(text)
    column = {words: name for name, words in _HEADINGS.items()}.get(match["words"]) if match else None
    if match is None or column is None:
        return None
    return CustomerList(column=column, count=int(match["count"]), digest=match["digest"])


def read_list(file: str, content: bytes) -> tuple[CustomerList | None, list[Finding]]:
    """Return the list in a file, or None and all its faults by line and column."""
    if len(content) > MOST_LIST_BYTES:
        return None, [_finding(file, 1, 1, f"the file is larger than {MOST_LIST_BYTES // 1_048_576} MiB")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        problem = "this character is not UTF-8; save the file as UTF-8"
        return None, [_finding(file, *position_in(content, fault.start), problem)]
    rows = _rows(text)
    heading = next(rows, None)
    if heading is None:
        return None, [_finding(file, 1, 1, "the file is empty")]
    column_name = heading[1].strip().lower()
    if column_name not in _HEADINGS:
        problem = f"the first line must be {EMAIL} or {CUSTOMER_ID}, the heading of the column"
        return None, [_finding(file, heading[0], 1, problem, heading[1])]
    return _members(file, column_name, rows)


def _rows(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers."""
    for number, line in enumerate(_LINE_END.split(text), start=1):
        if line.strip():
            yield number, line


def _members(
    file: str, column: str, rows: Iterator[tuple[int, str]]
) -> tuple[CustomerList | None, list[Finding]]:
    members: dict[str, None] = {}
    findings: list[Finding] = []
    for number, line in rows:
        plain = line.strip()
        if _is_member(column, plain):  # nearly all lines; the others are parsed as CSV
            value, at, problem = fold_address(plain), 1, ""
        else:
            value, at, problem = _value(column, line)
        if problem:
            findings.append(_finding(file, number, at, problem, line))
            if len(findings) >= MOST_FINDINGS:
                return None, findings
            continue
        members[value] = None
        if len(members) > MOST_MEMBERS:
            return None, [_finding(file, number, 1, f"a list has at most {MOST_MEMBERS:,} members")]
    if not members and not findings:
        findings.append(_finding(file, 1, 1, "the list has no members"))
    if findings:
        return None, findings
    return CustomerList(
        column=column, count=len(members), digest=_digest(column, members), members=tuple(members)
    ), []


def _value(column: str, line: str) -> tuple[str, int, str]:
    """Return the value of a line, the column of a fault, and the fault; an empty fault means that the line is valid."""
    if len(line) > _LONGEST_LINE:
        return "", 1, "the line is too long"
    cells = next(csv.reader(StringIO(line)), [])
    if len(cells) != 1:
        comma = next((place for place, char in enumerate(line, start=1) if char == ","), 1)
        return "", comma, f"a list has one column, {column}; found {len(cells)}"
    value, start = cells[0].strip(), len(line) - len(line.lstrip(' \t"')) + 1
    wanted = "a customer id, like 1042" if column == CUSTOMER_ID else "an e-mail address"
    problem = "" if _is_member(column, value) else f"{value[:60]!r} is not {wanted}"
    return value if column == CUSTOMER_ID else fold_address(value), start, problem


def _is_member(column: str, value: str) -> bool:
    if column == CUSTOMER_ID:
        return _NUMBER.fullmatch(value) is not None
    try:
        clean_address(value)
    except Uncleanable:
        return False
    return True


def _digest(column: str, members: dict[str, None]) -> str:
    return hashlib.sha256("\n".join([column, *sorted(members), ""]).encode()).hexdigest()


def _finding(file: str, line: int, column: int, problem: str, source_line: str = "") -> Finding:
    return Finding(
        file=file, line=line, column=column, key="", problem=problem, source_line=source_line[:200]
    )
