"""What every record shares: it is made from a row by the names of its fields."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Self, cast, get_args, get_type_hints

import sqlalchemy as sa


@dataclass(frozen=True, kw_only=True)
class Record:
    """A row of the ledger. A subclass lists columns as fields, each with a line of meaning; a state is a field of an enum."""

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> Self:
        """Return the record of a row, which may hold more columns.

        Raises `KeyError` for a column that the query left out and `ValueError` for a state that this version does not know.
        """
        columns = row._mapping
        values = {name: columns[name] for name in cls.__dataclass_fields__}
        for name, enum in _enums_of(cast("Any", cls)):
            if values[name] is not None:
                values[name] = enum(values[name])
        return cls(**values)


@cache
def _enums_of(record: type[Any]) -> tuple[tuple[str, type[StrEnum]], ...]:
    """Return the fields of a record whose type is an enum, or an enum or None."""
    return tuple(
        (name, kind)
        for name, hint in get_type_hints(record).items()
        for kind in (get_args(hint) or (hint,))
        if isinstance(kind, type) and issubclass(kind, StrEnum)
    )
