"""The people who may decide, and those who asked for what is decided."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.approve.decide import MAY_DECIDE, OwnPlans, people_not_enough
from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.ledger.records import Run
from tillroll.ledger.tables import roles, roles_users, store_roles, users


def approver_addresses(connection: Connection, store_id: int) -> list[str]:
    """Return the e-mail addresses of the active accounts that may approve plans of a store, in order."""
    deciding = sa.select(roles.c.id).where(roles.c.name.in_(sorted(MAY_DECIDE)))
    of_all = sa.select(roles_users.c.user_id).where(roles_users.c.role_id.in_(deciding))
    of_store = sa.select(store_roles.c.user_id).where(
        store_roles.c.role_id.in_(deciding), store_roles.c.store_id == store_id
    )
    may = sa.or_(users.c.id.in_(of_all), users.c.id.in_(of_store))
    return list(
        connection.scalars(sa.select(users.c.email).where(users.c.active, may).order_by(users.c.email))
    )


def people_behind(connection: Connection, run: Run, plan: StoredPlan, own_plans: OwnPlans) -> frozenset[str]:
    """Return the people who asked for a run, if one of them alone must not approve it.

    Who edited the campaign's files is known as far as the files say it: the owner.
    """
    return people_not_enough(
        asker=run.started_by.strip().lower(),
        owner=plan.proposal.owner.strip().lower(),
        approvers=approver_addresses(connection, run.store_id),
        needed=plan.proposal.approvers,
        own_plans=own_plans,
    )
