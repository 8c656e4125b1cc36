"""The journal of catalogue imports: what each row wants, what the store had before, and how far it is."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import chunk, count, identity, metadata, of, text
from tillroll.ledger.types import Identity, Moment

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
    sa.Column("force", sa.Boolean, nullable=False),  # an undo that overwrites what somebody changed since
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
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
    count("phase"),  # what builds on another row comes in the phase after it
    text("sku"),
    text("parent_sku", ""),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("product_id", sa.BigInteger),
    sa.Column("variation_id", sa.BigInteger),
    text("action", ""),  # create, update, delete, nothing
    sa.Column("wanted", sa.JSON, nullable=False),  # the fields the file names
    sa.Column("old", sa.JSON),  # their values in the store before any call
    text("state"),
    text("reason", ""),
    count("attempts"),
    of("import_chunks", nullable=True),
    sa.Column("asked_at", Moment),  # by the store's clock, when it was first sent
    sa.Column("not_before", Moment),
    sa.Column("changed_at", Moment, nullable=False),
    sa.UniqueConstraint("import_id", "sku"),
    sa.Index(None, "import_id", "state", "phase"),
    sa.Index(None, "import_id", "parent_sku"),
    sa.Index(None, "import_id", "product_id"),
    sa.Index(None, "import_chunk_id"),
)
