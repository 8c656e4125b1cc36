"""Accounts get a second factor: the sealed secret of an authenticator app, and sealed recovery codes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("tf_primary_method", sa.String(64)))
    op.add_column("users", sa.Column("tf_totp_secret", sa.Text))
    op.add_column("users", sa.Column("tf_last_counter", sa.BigInteger))
    op.add_column("users", sa.Column("mf_recovery_codes", sa.Text))
