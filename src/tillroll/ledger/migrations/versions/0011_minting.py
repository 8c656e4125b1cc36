"""Minting at scale: how far a run's codes are reserved, and indexes that a million codes are quick with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("reserved_to", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index(op.f("ix_chunks_store_id_state"), "chunks", ["store_id", "state"])
    op.create_index(op.f("ix_codes_run_id_state_id"), "codes", ["run_id", "state", "id"])
    op.drop_index(op.f("ix_codes_run_id_state"), "codes")
    op.drop_index(op.f("ix_codes_chunk_id"), "codes")
    there = sa.text("chunk_id is not null")  # most codes are in no chunk yet, or their run is long done
    op.create_index(
        op.f("ix_codes_chunk_id"), "codes", ["chunk_id"], sqlite_where=there, postgresql_where=there
    )
