"""Who may decide: the accounts that approve plans and act when something stands still."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.approve.decide import MAY_DECIDE
from tillroll.ledger.tables import roles, roles_users, users


def who_decides(connection: Connection) -> list[str]:
    """The e-mail addresses of the active accounts that may approve, in order."""
    query = (
        sa.select(users.c.email)
        .join(roles_users, roles_users.c.user_id == users.c.id)
        .join(roles, roles.c.id == roles_users.c.role_id)
        .where(users.c.active, roles.c.name.in_(sorted(MAY_DECIDE)))
        .distinct()
        .order_by(users.c.email)
    )
    return list(connection.scalars(query))
