"""Who used each code: digests by which households and buyers are told apart, what was found of each use, and the leaks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity, UtcDateTime

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None

_BOUGHT_WITH_A_CODE = sa.text("buyer != '' and coupon_code != ''")


def upgrade() -> None:
    for table, names in (
        ("customers", ("households", "surnames")),
        ("orders", ("buyer", "households", "surnames")),
    ):
        for name in names:
            op.add_column(table, sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.create_index(
        "ix_orders_store_id_buyer",
        "orders",
        ["store_id", "buyer"],
        sqlite_where=_BOUGHT_WITH_A_CODE,
        postgresql_where=_BOUGHT_WITH_A_CODE,
    )
    op.create_index(op.f("ix_redemptions_store_id_id"), "redemptions", ["store_id", "id"])
    op.create_table(
        "leak_checks",
        sa.Column("redemption_id", Identity, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("used_by", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        *_references("leak_checks"),
        sa.PrimaryKeyConstraint("redemption_id", name=op.f("pk_leak_checks")),
    )
    op.create_index("ix_leak_checks_store", "leak_checks", ["store_id", "redemption_id"])
    op.create_index("ix_leak_checks_campaign", "leak_checks", ["store_id", "campaign", "used_by", "at"])
    op.create_table(
        "leaks",
        sa.Column("id", Identity, primary_key=True, autoincrement=True),
        sa.Column("store_id", Identity, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("redemption_id", Identity, nullable=False),
        sa.Column("found_at", UtcDateTime, nullable=False),
        *_references("leaks"),
        sa.UniqueConstraint("redemption_id", "kind", name=op.f("uq_leaks_redemption_id_kind")),
    )
    op.create_index("ix_leaks_store", "leaks", ["store_id", "id"])
    op.create_index("ix_leaks_campaign", "leaks", ["store_id", "campaign", "id"])


def _references(table: str) -> tuple[sa.ForeignKeyConstraint, ...]:
    """Return the keys to the store and to the use of a code, with which a row goes."""
    return (
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f(f"fk_{table}_store_id")),
        sa.ForeignKeyConstraint(
            ["redemption_id"], ["redemptions.id"], name=op.f(f"fk_{table}_redemption_id"), ondelete="CASCADE"
        ),
    )
