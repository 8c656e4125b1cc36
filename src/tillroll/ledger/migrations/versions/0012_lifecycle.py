"""What is done to codes that are in the store, halted campaigns, codes made ahead, and drift."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

Identity = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _moment(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default="0", nullable=False)


def _of(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, Identity, nullable=nullable)


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    op.add_column("stores", _moment("drift_at"))
    op.add_column("campaigns", _moment("halted_at"))
    op.add_column("campaigns", _text("halted_by", ""))
    op.add_column("runs", _moment("extended_until"))
    op.add_column("runs", _moment("launch_at"))
    op.add_column("runs", _text("halted_in", ""))
    op.add_column("codes", sa.Column("terms", sa.JSON(), nullable=True))
    _changes()
    _drifts()


def _changes() -> None:
    op.create_table(
        "changes",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        _of("store_id"),
        _text("kind"),
        _text("campaign"),
        _of("run_id", nullable=True),
        _text("state"),
        _text("person"),
        _text("note", ""),
        _moment("valid_until"),
        _moment("created_at", nullable=False),
        _moment("changed_at", nullable=False),
        _moment("finished_at"),
        _refers("changes", "store_id", "stores"),
        _refers("changes", "run_id", "runs"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
    )
    op.create_index(op.f("ix_changes_store_id_state"), "changes", ["store_id", "state"])
    op.create_index(op.f("ix_changes_run_id"), "changes", ["run_id"])
    op.create_table(
        "change_chunks",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        _of("change_id"),
        _text("state"),
        _text("deduplication_key"),
        _text("ticket", ""),
        _count("size"),
        _moment("poll_at"),
        _count("polls"),
        _moment("created_at", nullable=False),
        _moment("changed_at", nullable=False),
        _refers("change_chunks", "change_id", "changes"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change_chunks")),
        sa.UniqueConstraint("deduplication_key", name=op.f("uq_change_chunks_deduplication_key")),
    )
    op.create_index(op.f("ix_change_chunks_change_id_state"), "change_chunks", ["change_id", "state"])
    op.create_table(
        "change_parts",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        _of("change_id"),
        _of("code_id"),
        _text("action"),
        _text("state"),
        _text("was"),
        _text("reason", ""),
        _of("change_chunk_id", nullable=True),
        _count("attempts"),
        _moment("not_before"),
        _moment("changed_at", nullable=False),
        _refers("change_parts", "change_id", "changes"),
        _refers("change_parts", "code_id", "codes"),
        _refers("change_parts", "change_chunk_id", "change_chunks"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change_parts")),
        sa.UniqueConstraint("change_id", "code_id", name=op.f("uq_change_parts_change_id_code_id")),
    )
    for columns in (["change_id", "state"], ["change_chunk_id"], ["code_id"]):
        op.create_index(op.f(f"ix_change_parts_{'_'.join(columns)}"), "change_parts", columns)


def _drifts() -> None:
    op.create_table(
        "drifts",
        sa.Column("id", Identity, autoincrement=True, nullable=False),
        _of("store_id"),
        _text("kind"),
        _text("state"),
        _text("code"),
        _of("code_id", nullable=True),
        sa.Column("coupon_id", sa.BigInteger(), nullable=True),
        sa.Column("differences", sa.JSON(), nullable=False),
        _of("change_id", nullable=True),
        _text("person", ""),
        _text("note", ""),
        _moment("found_at", nullable=False),
        _moment("seen_at", nullable=False),
        _moment("decided_at"),
        _refers("drifts", "store_id", "stores"),
        _refers("drifts", "code_id", "codes"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drifts")),
        sa.UniqueConstraint("store_id", "code", name=op.f("uq_drifts_store_id_code")),
    )
    op.create_index(op.f("ix_drifts_store_id_state"), "drifts", ["store_id", "state"])


def downgrade() -> None:
    for table in ("drifts", "change_parts", "change_chunks", "changes"):
        op.drop_table(table)
    op.drop_column("codes", "terms")
    for name in ("halted_in", "launch_at", "extended_until"):
        op.drop_column("runs", name)
    for name in ("halted_by", "halted_at"):
        op.drop_column("campaigns", name)
    op.drop_column("stores", "drift_at")
