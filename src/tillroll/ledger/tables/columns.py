"""The names of keys and constraints, and the columns that many tables have."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.types import Identity, UtcDateTime

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


_SINGULAR = {"entries": "entry"}


def identity() -> sa.Column[int]:
    """Return the column of a row's own number."""
    return sa.Column("id", Identity, primary_key=True, autoincrement=True)


def of(table: str, *, nullable: bool = False) -> sa.Column[int]:
    """Return a reference to a row of another table, named after it in the singular."""
    return sa.Column(
        f"{_SINGULAR.get(table) or table.removesuffix('s')}_id",
        Identity,
        sa.ForeignKey(f"{table}.id"),
        nullable=nullable,
    )


def text(name: str, default: str | None = None) -> sa.Column[str]:
    """Return a column of text that is never null."""
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def count(name: str) -> sa.Column[int]:
    """Return a column of whole numbers that begins at 0."""
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def chunk(*owners: sa.Column[int]) -> tuple[sa.schema.SchemaItem, ...]:
    """Return the columns of a table of chunks: batch requests of up to 500 API calls, for the owners' rows."""
    return (
        identity(),
        *owners,
        text("state"),  # of `ChunkState`
        text("deduplication_key"),
        text("ticket", ""),
        count("size"),
        sa.Column("poll_at", UtcDateTime),  # when to ask for its result
        count("polls"),
        sa.Column(
            "created_at", UtcDateTime, nullable=False
        ),  # the store remembers the deduplication key for an hour from here
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.UniqueConstraint("deduplication_key"),
    )
