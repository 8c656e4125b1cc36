"""The formats of exports: CSV, JSON lines and Parquet, each written row by row."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

from tillroll.campaign.figures.batched import batched
from tillroll.campaign.text.visible import json_line
from tillroll.cli.support.output import csv_cell
from tillroll.errors import Refused
from tillroll.ledger.views.definitions import ColumnKind

Columns = Sequence[tuple[str, ColumnKind]]
Rows = Iterable[tuple[Any, ...]]
_PIECE = 10_000  # rows of a Parquet row group


class ExportFormat(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


def write_export(target: Path | None, form: ExportFormat, columns: Columns, rows: Rows) -> int:
    """Write the rows to a file, or to stdout without one; return how many.

    A file appears under its name once it is whole. Raises `Refused` when it can't be written, and for Parquet without a file or
    without pyarrow.
    """
    if form is ExportFormat.PARQUET:
        if target is None:
            raise Refused(
                "Parquet is written to a file.", hint="Name one: tillroll export … --format parquet FILE"
            )
        arrow = _arrow()
        with _replaced(target) as part:
            return _write_parquet(arrow, part, columns, rows)
    if target is None:
        return _write_text(sys.stdout, form, columns, rows)
    with _replaced(target) as part, part.open("w", encoding="utf-8", newline="") as stream:
        return _write_text(stream, form, columns, rows)


@contextmanager
def _replaced(target: Path) -> Iterator[Path]:
    """Yield a file beside the target, which takes its place when the block ends well."""
    part = target.with_name(f"{target.name}.part")
    try:
        yield part
        part.replace(target)
    except OSError as fault:
        raise Refused(
            f"{target} can't be written: {fault.strerror or fault}.",
            hint="Name a file in a folder that exists and that you may write to.",
        ) from fault
    finally:
        part.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _write_csv(stream: TextIO, columns: Columns, rows: Rows) -> int:
    writer = csv.writer(stream)
    writer.writerow([name for name, _ in columns])
    count = 0
    for row in rows:
        writer.writerow([csv_cell(_plain(value)) for value in row])
        count += 1
    return count


def _write_json(stream: TextIO, columns: Columns, rows: Rows) -> int:
    count = 0
    for row in rows:
        values = {name: _plain(value) for (name, _), value in zip(columns, row, strict=True)}
        stream.write(f"{json_line(values, default=str)}\n")
        count += 1
    return count


def _write_text(stream: TextIO, form: ExportFormat, columns: Columns, rows: Rows) -> int:
    if form is ExportFormat.CSV:
        return _write_csv(stream, columns, rows)
    return _write_json(stream, columns, rows)


def _arrow() -> Any:
    try:
        import pyarrow  # an extra, and it loads slowly
        import pyarrow.parquet
    except ImportError as fault:
        raise Refused(
            "Parquet needs a package that isn't installed: pyarrow.",
            hint="Install it with: pip install 'tillroll[parquet]'. Or choose --format csv or jsonl.",
        ) from fault
    return pyarrow


def _write_parquet(arrow: Any, target: Path, columns: Columns, rows: Rows) -> int:
    types = {
        ColumnKind.TEXT: arrow.string(),
        ColumnKind.NUMBER: arrow.int64(),
        ColumnKind.AMOUNT: arrow.decimal128(19, 4),
        ColumnKind.MOMENT: arrow.timestamp("us", tz="UTC"),
        ColumnKind.DAY: arrow.date32(),
    }
    schema = arrow.schema([(name, types[kind]) for name, kind in columns])
    count = 0
    with arrow.parquet.ParquetWriter(str(target), schema) as writer:
        for piece in batched(rows, _PIECE):
            values = zip(*piece, strict=True)
            arrays = [arrow.array(column, field.type) for column, field in zip(values, schema, strict=True)]
            writer.write_batch(arrow.record_batch(arrays, schema=schema))
            count += len(piece)
    return count
