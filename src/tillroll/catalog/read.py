"""Reading a catalogue file, CSV or JSON lines, row by row: typed rows, and faults with file and line, all told at once.

A row names a product by `sku`; one with a `parent_sku` is a variation of that product. A field that is empty or missing is left
as it is in the store. The file is read twice, once to judge it and once into the journal, so that memory stays flat.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tillroll.catalog.decide import Kind, Options, Value
from tillroll.catalog.lines import raw_rows
from tillroll.catalog.values import OF_A_VARIATION, READ, Categories, Fault, category_ids, options_in, text_of
from tillroll.errors import FaultyFiles

MOST_ROWS = 200_000
_FAULTS_TOLD = 100


@dataclass(frozen=True, kw_only=True)
class FileRow:
    """One row of the file, typed."""

    line: int
    kind: Kind
    sku: str
    parent_sku: str
    options: Options
    wanted: Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a sound file holds."""

    digest: str
    rows: int


def judge(path: Path, categories: Categories) -> Judged:
    """Read the whole file and raise `FaultyFiles` with everything that is wrong with it, or say what it holds."""
    lines: list[str] = []
    count = faults = 0
    skus: dict[str, int] = {}
    options: dict[tuple[str, Options], int] = {}
    for line, row in _judged(path, categories):
        found = [row] if isinstance(row, str) else _repeated(row, skus, options)
        faults += len(found)
        lines.extend(f"{path}:{line} {text}" for text in found[: max(0, _FAULTS_TOLD - len(lines))])
        count += 1
        if count > MOST_ROWS:
            raise FaultyFiles(f"{path} has more than {MOST_ROWS} rows.", hint="Split it into several files.")
    if faults > len(lines):
        lines.append(f"… and {faults - len(lines)} more")
    if faults:
        raise FaultyFiles(
            f"{path} has {faults} fault{'s' * (faults > 1)}; nothing was imported.",
            lines=tuple(lines),
            hint="Mend the lines above and run it again. The columns are described in docs/catalogue.md.",
        )
    if not count:
        raise FaultyFiles(f"{path} has no rows.")
    return Judged(digest=_digest(path), rows=count)


def rows(path: Path, categories: Categories) -> Iterator[FileRow]:
    """The rows of a file that was judged sound."""
    for line, row in _judged(path, categories):
        if isinstance(row, str):  # it was sound a moment ago
            raise FaultyFiles(f"{path} changed while it was read.", lines=(f"{path}:{line} {row}",))
        yield row


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _repeated(row: FileRow, skus: dict[str, int], options: dict[tuple[str, Options], int]) -> list[str]:
    found = []
    if row.sku in skus:
        found.append(f"sku: {row.sku!r} stands in line {skus[row.sku]} already")
    skus.setdefault(row.sku, row.line)
    if row.options:
        key = (row.parent_sku, tuple(sorted(row.options)))
        if key in options:
            found.append(
                f"options: {row.parent_sku} has a variation like this in line {options[key]} already"
            )
        options.setdefault(key, row.line)
    return found


def _judged(path: Path, categories: Categories) -> Iterator[tuple[int, FileRow | str]]:
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
        text_of("sku", given.pop("sku", ""), 255),
        text_of("parent_sku", given.pop("parent_sku", ""), 255),
    )
    if not sku:
        raise Fault("sku: it is missing; every row names a product or a variation by it")
    if sku == parent:
        raise Fault("parent_sku: a variation can't be its own product")
    kind = Kind.VARIATION if parent else Kind.PRODUCT
    options = options_in(given.pop("options", ""))
    if options and not parent:
        raise Fault("options: only a variation has them; name its product in parent_sku")
    wanted: dict[str, Value] = {}
    for name, value in given.items():
        if kind is Kind.VARIATION and name not in OF_A_VARIATION:
            raise Fault(f"{name}: a variation has none of its own; write it in the product's row")
        wanted[name] = category_ids(value, categories) if name == "categories" else READ[name](name, value)
    return FileRow(line=line, kind=kind, sku=sku, parent_sku=parent, options=options, wanted=wanted)


def _plain(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
