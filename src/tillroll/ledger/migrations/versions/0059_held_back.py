"""The control group of each plan: who would have been a recipient."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity

revision = "0059"
down_revision = "0057"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "held_back",
        sa.Column("plan_id", Identity, nullable=False),
        sa.Column("customer_id", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_held_back_plan_id")),
        sa.PrimaryKeyConstraint("plan_id", "customer_id", name=op.f("pk_held_back")),
    )
