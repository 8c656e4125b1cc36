"""What the ledger's tables are made of: names for keys and constraints, and the columns that come again and again."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.types import Identity, Moment

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
    return sa.Column("id", Identity, primary_key=True, autoincrement=True)


def of(table: str, *, nullable: bool = False) -> sa.Column[int]:
    """A reference to another table's row, named after it in the singular."""
    return sa.Column(
        f"{_SINGULAR.get(table) or table.removesuffix('s')}_id",
        Identity,
        sa.ForeignKey(f"{table}.id"),
        nullable=nullable,
    )


def text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def chunk(*whose: sa.Column[int]) -> tuple[sa.schema.SchemaItem, ...]:
    """What each table of chunks has, whosever its chunks are: one request to the store for up to 500 things at once."""
    return (
        identity(),
        *whose,
        text("state"),  # of `ChunkState`
        text("deduplication_key"),
        text("ticket", ""),
        count("size"),
        sa.Column("poll_at", Moment),  # when to ask after it
        count("polls"),
        sa.Column(
            "created_at", Moment, nullable=False
        ),  # the deduplication key is good for an hour from here
        sa.Column("changed_at", Moment, nullable=False),
        sa.UniqueConstraint("deduplication_key"),
    )
