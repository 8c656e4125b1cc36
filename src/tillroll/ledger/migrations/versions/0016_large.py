"""Where a reading of a long list of the store stands, so that it goes on where it was left."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "readings",
        sa.Column(
            "store_id", Identity, sa.ForeignKey("stores.id", name="fk_readings_store_id"), nullable=False
        ),
        sa.Column("area", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("since", UtcDateTime),
        sa.Column("began_at", UtcDateTime, nullable=False),
        sa.Column("seen_since", UtcDateTime, nullable=False),
        sa.Column("place", sa.JSON, nullable=False),
        sa.Column("went_on_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("store_id", "area", "kind", name="pk_readings"),
    )
