"""What the campaign language needs: entries of events and flows, arms, values per recipient, shared and pooled codes."""

from __future__ import annotations

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
