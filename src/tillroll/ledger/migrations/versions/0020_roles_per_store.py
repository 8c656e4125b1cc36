"""A role may be given for one store. The roles that there are go on for all stores, in `roles_users`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Identity

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "store_roles",
        sa.Column("user_id", Identity, nullable=False),
        sa.Column("role_id", Identity, nullable=False),
        sa.Column("store_id", Identity, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_store_roles_user_id")),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f("fk_store_roles_role_id")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_store_roles_store_id")),
        sa.PrimaryKeyConstraint("user_id", "role_id", "store_id", name=op.f("pk_store_roles")),
    )
