"""Reading a catalogue file, CSV or JSON lines, row by row: typed rows, and faults with file and line, all told at once.

A row names a product by `sku`; one with a `parent_sku` is a variation of that product. A field that is empty or missing is left
as it is in the store. The file is read twice, once to judge it and once into the journal, so that memory stays flat.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from tillroll.catalog.decide import Kind, Options, Value
from tillroll.errors import FaultyFiles, NotFound

MOST_BYTES = 200 * 1024 * 1024
MOST_ROWS = 200_000
_LONGEST_LINE = 1024 * 1024
_FAULTS_TOLD = 100
_MOST_MONEY = Decimal(10**9)
_MOST_WHOLE = 10**9
_PLACES = 4
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

Categories = Mapping[str, int]
"""Path like `Tea/Green` → the category's id; 0 when several categories have this path."""


class Fault(ValueError):
    """What is wrong with one value; the text goes behind file and line."""


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
    for line, raw in _raw(path):
        if isinstance(raw, str):
            yield line, raw
            continue
        try:
            yield line, _typed(line, raw, categories)
        except Fault as fault:
            yield line, str(fault)


def _raw(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
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
        if name not in _COLUMNS:
            near = get_close_matches(name, _COLUMNS, n=1)
            guess = f"did you mean {near[0]}?" if near else f"there are {', '.join(_COLUMNS)}"
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


def _typed(line: int, raw: Mapping[str, Any], categories: Categories) -> FileRow:
    given = {name: _plain(value) for name, value in raw.items()}
    given = {name: value for name, value in given.items() if value is not None and value != ""}
    sku, parent = (
        _text("sku", given.pop("sku", ""), 255),
        _text("parent_sku", given.pop("parent_sku", ""), 255),
    )
    if not sku:
        raise Fault("sku: it is missing; every row names a product or a variation by it")
    if sku == parent:
        raise Fault("parent_sku: a variation can't be its own product")
    kind = Kind.VARIATION if parent else Kind.PRODUCT
    options = _options(given.pop("options", ""))
    if options and not parent:
        raise Fault("options: only a variation has them; name its product in parent_sku")
    wanted: dict[str, Value] = {}
    for name, value in given.items():
        if kind is Kind.VARIATION and name not in _OF_A_VARIATION:
            raise Fault(f"{name}: a variation has none of its own; write it in the product's row")
        wanted[name] = _category_ids(value, categories) if name == "categories" else _READ[name](name, value)
    return FileRow(line=line, kind=kind, sku=sku, parent_sku=parent, options=options, wanted=wanted)


def _plain(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _text(name: str, value: Any, most: int = 1024) -> str:
    if not isinstance(value, str):
        raise Fault(f"{name}: expected a text, not {_shown(value)}")
    if len(value) > most:
        raise Fault(f"{name}: it has {len(value)} characters, at most {most} are allowed")
    if any(not char.isprintable() for char in value):
        raise Fault(f"{name}: it holds a character that can't be printed")
    return value


def _money(name: str, value: Any) -> Decimal:
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise InvalidOperation
        amount = Decimal(value)
        if not amount.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise Fault(f"{name}: {_shown(value)} is not an amount; write it like 12.50") from None
    if not 0 <= amount < _MOST_MONEY:
        raise Fault(f"{name}: {_shown(value)} is not between 0 and {_MOST_MONEY}")
    if amount != amount.quantize(Decimal(1).scaleb(-_PLACES)):
        raise Fault(f"{name}: {_shown(value)} has more than {_PLACES} digits after the point")
    return amount


def _whole(name: str, value: Any) -> int:
    text = str(value)
    if isinstance(value, bool | Decimal) or not (text.isascii() and text.isdigit()) or len(text) > 12:
        raise Fault(f"{name}: {_shown(value)} is not a whole number from 0 up")
    if int(text) > _MOST_WHOLE:
        raise Fault(f"{name}: {_shown(value)} is over {_MOST_WHOLE}")
    return int(text)


def _quantity(name: str, value: Any) -> int | None:
    if isinstance(value, str) and value.casefold() == "unlimited":
        return None
    try:
        return _whole(name, value)
    except Fault as fault:
        raise Fault(f"{fault}, nor the word unlimited") from None


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.casefold() in _WORDS:
        return _WORDS[value.casefold()]
    raise Fault(f"{name}: {_shown(value)} is neither yes nor no")


def _category_ids(value: Any, categories: Categories) -> tuple[int, ...]:
    paths = value.split(";") if isinstance(value, str) else value
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise Fault(f"categories: expected paths like Tea/Green; Gifts, not {_shown(value)}")
    found = set()
    for path in paths:
        plain = "/".join(part.strip() for part in path.split("/"))
        if plain not in categories:
            near = get_close_matches(plain, categories, n=1)
            guess = f" (did you mean {near[0]}?)" if near else ""
            raise Fault(f"categories: the store has no category {_shown(plain)}{guess}")
        if not categories[plain]:
            raise Fault(
                f"categories: the store has several categories {_shown(plain)}; it can't be told which is meant"
            )
        found.add(categories[plain])
    return tuple(sorted(found))


def _options(value: Any) -> Options:
    if not value:
        return ()
    pairs: list[tuple[Any, ...]] = [(value,)]
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, str):
        pairs = [tuple(one.split("=", 1)) for one in value.split(";") if one.strip()]
    found: list[tuple[str, str]] = []
    for pair in pairs:
        if len(pair) != 2 or not all(isinstance(one, str) and one.strip() for one in pair):
            raise Fault(f"options: write them like Size=100 g; Colour=Ash, not {_shown(value)}")
        found.append((_text("options", pair[0].strip(), 255), _text("options", pair[1].strip(), 255)))
    names = [name for name, _ in found]
    if len(set(names)) < len(names):
        raise Fault("options: one option is named twice")
    return tuple(found)


def _shown(value: Any) -> str:
    text = repr(str(value) if isinstance(value, Decimal) else value)
    return text if len(text) <= 60 else f"{text[:57]}…"


_READ: Mapping[str, Callable[[str, Any], Value]] = {
    "name": _text,
    "price": _money,
    "cost_price": _money,
    "quantity": _quantity,
    "low_stock_at": _whole,
    "enabled": _flag,
    "discounts_allowed": _flag,
}
_COLUMNS = ("sku", "parent_sku", "options", *_READ, "categories")
_OF_A_VARIATION = {"price", "quantity", "low_stock_at"}
