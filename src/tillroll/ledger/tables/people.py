"""The audit, the accounts that may sign in, their sessions, and the counts of attempts to sign in."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import count, identity, metadata, of, text
from tillroll.ledger.tables.types import UtcDateTime

audit = sa.Table(
    "audit",
    metadata,
    identity(),
    sa.Column("at", UtcDateTime, nullable=False),
    text("actor"),
    text("action"),
    text("subject"),
    text("body"),  # canonical JSON
    text("way", ""),  # of `Way`: how its actor was known; empty: from before this was recorded
    text("previous"),
    text("hash"),
    sa.UniqueConstraint("previous"),  # so that the chain can't fork
    sa.UniqueConstraint("hash"),
)

personal_keys = sa.Table(  # by which commands know on whose behalf they act
    "personal_keys",
    metadata,
    identity(),
    of("users"),
    text("digest"),  # of the key, which only its owner has
    text("account_key"),  # the account's `fs_uniquifier` then: a new password ends its keys
    text("machine", ""),  # where it was made
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("used_at", UtcDateTime),
    sa.Column("revoked_at", UtcDateTime),
    sa.UniqueConstraint("digest"),
    sa.Index(None, "user_id"),
)

users = sa.Table(
    "users",
    metadata,
    identity(),
    sa.Column("email", sa.String(255), nullable=False, unique=True),
    sa.Column("password", sa.String(255)),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("fs_uniquifier", sa.String(64), nullable=False, unique=True),
    sa.Column("create_datetime", UtcDateTime, nullable=False),
    sa.Column("tf_primary_method", sa.String(64)),  # of the second factor: authenticator, or null without one
    sa.Column("tf_totp_secret", sa.Text),  # sealed
    sa.Column("tf_last_counter", sa.BigInteger),  # the period of the last code: it and all before are used up
    sa.Column("mf_recovery_codes", sa.Text),  # sealed: a list as JSON
    sa.Column("fs_webauthn_user_handle", sa.String(64)),  # what passkeys name the account by
    sa.Index(None, "fs_webauthn_user_handle", unique=True),
)

passkeys = sa.Table(  # second factors that a device or a security key keeps (WebAuthn); the ledger has their public halves
    "passkeys",
    metadata,
    identity(),
    of("users"),
    text("name"),  # that its owner gave it
    sa.Column("credential_id", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column(
        "sign_count", sa.BigInteger, nullable=False
    ),  # of the last use; stays 0 with devices that don't count
    sa.Column("transports", sa.JSON, nullable=False),  # how a browser reaches it, as usb or internal
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("used_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("user_id", "name"),
)

roles = sa.Table(
    "roles",
    metadata,
    identity(),
    sa.Column("name", sa.String(80), nullable=False, unique=True),
    sa.Column("description", sa.String(255), nullable=False, server_default=""),
)

roles_users = sa.Table(  # roles for all stores
    "roles_users",
    metadata,
    of("users"),
    of("roles"),
    sa.PrimaryKeyConstraint("user_id", "role_id"),
)

store_roles = sa.Table(  # roles for one store
    "store_roles",
    metadata,
    of("users"),
    of("roles"),
    of("stores"),
    sa.PrimaryKeyConstraint("user_id", "role_id", "store_id"),
)

sessions = sa.Table(
    "sessions",
    metadata,
    identity(),
    of("users", nullable=True),  # null: the password was right, and the second factor is awaited
    text("digest"),  # SHA-256 of the id in the browser's cookie; the id itself is nowhere else
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    text("address", ""),
    text("agent", ""),  # the browser's description of itself, cut short
    text("data", ""),  # sealed
    sa.UniqueConstraint("digest"),
    sa.Index(None, "user_id"),
    sa.Index(None, "created_at"),
)

sign_in_counts = sa.Table(
    "sign_in_counts",
    metadata,
    identity(),
    text("kind"),  # of `CountedBy`
    text("digest"),  # SHA-256 of what is counted by: what somebody typed may be a password, so it isn't kept
    count("failures"),
    sa.Column("first_at", UtcDateTime, nullable=False),  # the first of the failures that are counted together
    sa.Column("last_at", UtcDateTime, nullable=False),  # the last attempt
    sa.Column("succeeded_at", UtcDateTime),  # the last one that succeeded
    sa.UniqueConstraint("kind", "digest"),
    sa.Index(None, "last_at"),
)
