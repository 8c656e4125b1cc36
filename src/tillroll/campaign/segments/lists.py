"""Uploaded lists (`rules/lists/NAME.csv`): who stands on them, by e-mail address or the store's number of the customer.

One column under one heading. A list is known by its digest: another member makes another list, and another revision of every
campaign whose segments ask for it. A revision keeps how many there are and the digest; the members go to the ledger once.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

from tillroll.campaign.text.findings import MOST_FINDINGS, Finding

MOST_LIST_BYTES = 16 * 1_048_576
MOST_MEMBERS = 250_000

EMAIL, CUSTOMER_ID = "email", "customer_id"
_HEADINGS = {EMAIL: "e-mail addresses", CUSTOMER_ID: "customers by their numbers"}
_SIGN = r"[^@\s,;<>\"\x00-\x1f\x7f-\x9f]"
_ADDRESS = re.compile(rf"{_SIGN}{{1,64}}@{_SIGN}{{1,253}}")
_LONGEST_LINE = 1_000
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_RECORDED = re.compile(r"(?P<count>[0-9]+) (?P<words>.+), sha256 (?P<digest>[0-9a-f]{64})\n?")
_CAPITALS = {capital: capital + 32 for capital in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True, kw_only=True)
class CustomerList:
    """One list. Recorded ones come back without their members: those are in the ledger, under the digest."""

    column: str  # email or customer_id
    count: int
    digest: str  # SHA-256 over the heading and the members in order
    members: tuple[str, ...] = ()

    def recorded(self) -> str:
        """What a revision keeps of it."""
        return f"{self.count} {_HEADINGS[self.column]}, sha256 {self.digest}\n"


def folded_address(text: str) -> str:
    """An address as lists are compared by: capital letters from A to Z as small ones, as both databases can do it."""
    plain = text.strip()
    return plain.lower() if plain.isascii() else plain.translate(_CAPITALS)


def recorded_list(text: str) -> CustomerList | None:
    """A list as a revision keeps it; None for any other text."""
    match = _RECORDED.fullmatch(text)
    column = {words: name for name, words in _HEADINGS.items()}.get(match["words"]) if match else None
    if match is None or column is None:
        return None
    return CustomerList(column=column, count=int(match["count"]), digest=match["digest"])


def read_list(file: str, content: bytes) -> tuple[CustomerList | None, list[Finding]]:
    """The list a file holds, or every reason why it holds none, by line and column."""
    if len(content) > MOST_LIST_BYTES:
        return None, [_finding(file, 1, 1, f"the file is larger than {MOST_LIST_BYTES // 1_048_576} MiB")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        before = content[: fault.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        problem = "this character is not UTF-8; save the file as UTF-8"
        return None, [_finding(file, before.count(b"\n") + 1, column, problem)]
    rows = _rows(text)
    heading = next(rows, None)
    if heading is None:
        return None, [_finding(file, 1, 1, "the file is empty")]
    column_name = heading[1].strip().lower()
    if column_name not in _HEADINGS:
        problem = f"the first line must be {EMAIL} or {CUSTOMER_ID}: it says what stands below it"
        return None, [_finding(file, heading[0], 1, problem, heading[1])]
    return _members(file, column_name, rows)


def _rows(text: str) -> Iterator[tuple[int, str]]:
    """Lines that hold something, with their numbers."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, line


def _members(
    file: str, column: str, rows: Iterator[tuple[int, str]]
) -> tuple[CustomerList | None, list[Finding]]:
    members: dict[str, None] = {}
    findings: list[Finding] = []
    form = _ADDRESS if column == EMAIL else _NUMBER
    for number, line in rows:
        plain = line.strip()
        if form.fullmatch(plain):  # nearly all lines; the others are looked at as CSV
            value, at, problem = folded_address(plain), 1, ""
        else:
            value, at, problem = _value(column, line)
        if problem:
            findings.append(_finding(file, number, at, problem, line))
            if len(findings) >= MOST_FINDINGS:
                return None, findings
            continue
        members[value] = None
        if len(members) > MOST_MEMBERS:
            return None, [_finding(file, number, 1, f"more than {MOST_MEMBERS:,} on one list")]
    if not members and not findings:
        findings.append(_finding(file, 1, 1, "nobody is on this list"))
    if findings:
        return None, findings
    return CustomerList(
        column=column, count=len(members), digest=_digest(column, members), members=tuple(members)
    ), []


def _value(column: str, line: str) -> tuple[str, int, str]:
    """What a line says, the column at which it goes wrong, and why; without a reason it is sound."""
    if len(line) > _LONGEST_LINE:
        return "", 1, "the line is far too long for one member"
    cells = next(csv.reader(StringIO(line)), [])
    if len(cells) != 1:
        sign = next((place for place, one in enumerate(line, start=1) if one == ","), 1)
        return "", sign, f"a list has one column, {column}; here are {len(cells)}"
    value, start = cells[0].strip(), len(line) - len(line.lstrip(' \t"')) + 1
    if column == CUSTOMER_ID:
        sound = _NUMBER.fullmatch(value)
        return value, start, "" if sound else f"{value[:60]!r} is not the number of a customer, like 1042"
    sound = _ADDRESS.fullmatch(value)
    problem = "" if sound else f"{value[:60]!r} is not an e-mail address"
    return folded_address(value), start, problem


def _digest(column: str, members: dict[str, None]) -> str:
    return hashlib.sha256("\n".join([column, *sorted(members), ""]).encode()).hexdigest()


def _finding(file: str, line: int, column: int, problem: str, source_line: str = "") -> Finding:
    return Finding(
        file=file, line=line, column=column, key="", problem=problem, source_line=source_line[:200]
    )
