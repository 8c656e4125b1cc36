"""Runs whose recipients were forgotten because they ended long ago."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "forgotten_runs",
        sa.Column("run_id", Identity, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_forgotten_runs_run_id")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_forgotten_runs")),
    )
