"""A row of an undo that can't restore every field gets a column that says so. Until now its reason alone told it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_imports = sa.table("imports", sa.column("id", sa.BigInteger), sa.column("kind", sa.Text))
_rows = sa.table(
    "import_rows",
    sa.column("import_id", sa.BigInteger),
    sa.column("action", sa.Text),
    sa.column("state", sa.Text),
    sa.column("reason", sa.Text),
    sa.column("partial", sa.Boolean),
)


def upgrade() -> None:
    op.add_column("import_rows", sa.Column("partial", sa.Boolean, nullable=False, server_default=sa.false()))
    undos = sa.select(_imports.c.id).where(_imports.c.kind == "undo")
    op.get_bind().execute(
        sa.update(_rows)
        .where(
            _rows.c.import_id.in_(undos),
            _rows.c.action == "update",
            _rows.c.state.in_(("planned", "posting", "unsure")),
            _rows.c.reason != "",
        )
        .values(partial=True)
    )
