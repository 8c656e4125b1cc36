"""Who decided what, and who may sign in."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import identity, metadata, of, text
from tillroll.ledger.types import Moment

audit = sa.Table(
    "audit",
    metadata,
    identity(),
    sa.Column("at", Moment, nullable=False),
    text("actor"),
    text("action"),
    text("subject"),
    text("body"),  # canonical JSON
    text("previous"),
    text("hash"),
    sa.UniqueConstraint("previous"),  # the chain can't fork
    sa.UniqueConstraint("hash"),
)

users = sa.Table(
    "users",
    metadata,
    identity(),
    sa.Column("email", sa.String(255), nullable=False, unique=True),
    sa.Column("password", sa.String(255)),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("fs_uniquifier", sa.String(64), nullable=False, unique=True),
    sa.Column("create_datetime", Moment, nullable=False),
)

roles = sa.Table(
    "roles",
    metadata,
    identity(),
    sa.Column("name", sa.String(80), nullable=False, unique=True),
    sa.Column("description", sa.String(255), nullable=False, server_default=""),
)

roles_users = sa.Table(
    "roles_users",
    metadata,
    of("users"),
    of("roles"),
    sa.PrimaryKeyConstraint("user_id", "role_id"),
)
