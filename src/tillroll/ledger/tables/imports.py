"""The journal of catalogue imports: what each row wants, what the store had before, and its state."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import chunk, count, identity, metadata, of, text
from tillroll.ledger.tables.types import Identity, UtcDateTime

imports = sa.Table(
    "imports",
    metadata,
    identity(),
    of("stores"),
    text("kind"),  # import, undo
    sa.Column("undoes", Identity),  # the import that an undo takes back
    text("file"),
    text("digest"),  # SHA-256 of the file
    text("state"),  # reading, applying, done
    text("person"),
    sa.Column("force", sa.Boolean, nullable=False),  # an undo that also overwrites what was changed since
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Index(None, "store_id", "state"),
)

import_chunks = sa.Table(
    "import_chunks", metadata, *chunk(of("imports")), sa.Index(None, "import_id", "state")
)

import_rows = sa.Table(
    "import_rows",
    metadata,
    identity(),
    of("imports"),
    count("line"),  # of the file
    text("kind"),  # product, variation
    count("phase"),  # a row that builds on another comes in a later phase
    text("sku"),
    text("parent_sku", ""),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("product_id", sa.BigInteger),
    sa.Column("variation_id", sa.BigInteger),
    text("action", ""),  # create, update, delete, nothing
    sa.Column("wanted", sa.JSON, nullable=False),  # the fields the file names
    sa.Column("old", sa.JSON),  # their values in the store before any call
    text("state"),
    text("reason", ""),  # for people; never compared
    sa.Column(
        "partial", sa.Boolean, nullable=False, server_default=sa.false()
    ),  # an undo that can't restore all
    count("attempts"),
    of("import_chunks", nullable=True),
    sa.Column("asked_at", UtcDateTime),  # by the store's clock, when it was first sent
    sa.Column("not_before", UtcDateTime),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("import_id", "sku"),
    sa.Index(None, "import_id", "state", "phase"),
    sa.Index(None, "import_id", "parent_sku"),
    sa.Index(None, "import_id", "product_id"),
    sa.Index(None, "import_chunk_id"),
)
