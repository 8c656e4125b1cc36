"""Reading a catalogue file into typed rows, and reporting all its faults at once.

A row names a product by `sku`; a row with a `parent_sku` is a variation of that product. A field that is empty or missing stays
as it is in the store. The file is read twice, first to check it and then into the journal, so that memory does not grow with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tillroll.campaign.text.counts import count_of
from tillroll.catalog.decide import Options, RowKind, Value
from tillroll.catalog.lines import raw_rows
from tillroll.catalog.values import OF_A_VARIATION, READ, Categories, Fault, category_ids, options_in, sku_of
from tillroll.errors import FaultyFiles

MOST_ROWS = 200_000
_FAULTS_SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class FileRow:
    """One row of the file."""

    line: int
    kind: RowKind
    sku: str
    parent_sku: str
    options: Options
    wanted: Mapping[str, Value]  # the fields that the row names


@dataclass(frozen=True, kw_only=True)
class CheckedFile:
    """A file without faults."""

    digest: str  # SHA-256
    rows: int


def check_file(path: Path, categories: Categories) -> CheckedFile:
    """Read the whole file and return what it holds. Raises `FaultyFiles` with every fault, each with its line."""
    lines: list[str] = []
    count = faults = 0
    skus: dict[str, int] = {}
    options: dict[tuple[str, Options], int] = {}
    for line, row in _typed_rows(path, categories):
        row_faults = [row] if isinstance(row, str) else _repeated(row, skus, options)
        faults += len(row_faults)
        lines.extend(f"{path}:{line} {text}" for text in row_faults[: max(0, _FAULTS_SHOWN - len(lines))])
        count += 1
        if count > MOST_ROWS:
            raise FaultyFiles(
                f"{path} has more than {MOST_ROWS:,} rows.", hint="Split it into several files."
            )
    if faults > len(lines):
        lines.append(f"… and {faults - len(lines)} more")
    if faults:
        raise FaultyFiles(
            f"{path} has {count_of(faults, 'fault')}; nothing was imported.",
            lines=tuple(lines),
            hint="Fix the lines above and run the command again. The columns are described in docs/catalogue.md.",
        )
    if not count:
        raise FaultyFiles(f"{path} has no rows.")
    return CheckedFile(digest=_digest(path), rows=count)


def rows(path: Path, categories: Categories) -> Iterator[FileRow]:
    """Yield the rows of a file that was checked. Raises `FaultyFiles` when it has changed since."""
    for line, row in _typed_rows(path, categories):
        if isinstance(row, str):  # it had no faults a moment ago
            raise FaultyFiles(f"{path} changed while it was read.", lines=(f"{path}:{line} {row}",))
        yield row


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _repeated(row: FileRow, skus: dict[str, int], options: dict[tuple[str, Options], int]) -> list[str]:
    faults = []
    if row.sku in skus:
        faults.append(f"sku: {row.sku!r} is already in line {skus[row.sku]}")
    skus.setdefault(row.sku, row.line)
    if row.options:
        key = (row.parent_sku, tuple(sorted(row.options)))
        if key in options:
            faults.append(
                f"options: {row.parent_sku} already has a variation like this in line {options[key]}"
            )
        options.setdefault(key, row.line)
    return faults


def _typed_rows(path: Path, categories: Categories) -> Iterator[tuple[int, FileRow | str]]:
    for line, raw in raw_rows(path):
        if isinstance(raw, str):
            yield line, raw
            continue
        try:
            yield line, _typed(line, raw, categories)
        except Fault as fault:
            yield line, str(fault)


def _typed(line: int, raw: Mapping[str, Any], categories: Categories) -> FileRow:
    given = {name: _plain(value) for name, value in raw.items()}
    given = {name: value for name, value in given.items() if value is not None and value != ""}
    sku, parent = (
        sku_of("sku", given.pop("sku", "")),
        sku_of("parent_sku", given.pop("parent_sku", "")),
    )
    if not sku:
        raise Fault("sku: it is missing; every row needs one")
    if sku == parent:
        raise Fault("parent_sku: a variation can't be its own product")
    kind = RowKind.VARIATION if parent else RowKind.PRODUCT
    options = options_in(given.pop("options", ""))
    if options and not parent:
        raise Fault("options: only a variation has them; name its product in parent_sku")
    wanted: dict[str, Value] = {}
    for name, value in given.items():
        if kind is RowKind.VARIATION and name not in OF_A_VARIATION:
            raise Fault(f"{name}: a variation has none of its own; write it in the product's row")
        wanted[name] = category_ids(value, categories) if name == "categories" else READ[name](name, value)
    return FileRow(line=line, kind=kind, sku=sku, parent_sku=parent, options=options, wanted=wanted)


def _plain(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
