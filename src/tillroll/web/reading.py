"""What pages read from the ledger beyond the stages' own overviews: decisions, messages, last runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import MessageState
from tillroll.ledger.tables import approvals, campaigns, codes, messages, plans, recipients, runs

PAGE = 50


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """One plan that waits for a person."""

    run_id: int
    body: dict[str, Any]  # the proposal, as stored
    made_at: datetime
    expires_at: datetime
    agreed: int
    reason: str  # why it waits anew, when somebody had approved another plan of it


def waiting_plans(connection: Connection, run_ids: list[int]) -> list[Waiting]:
    """The plans in force of some runs, the one that expires first in front."""
    agreed = (
        sa.select(sa.func.count())
        .where(approvals.c.plan_id == plans.c.id, approvals.c.decision == "approve")
        .scalar_subquery()
    )
    query = (
        sa.select(
            runs.c.id,
            runs.c.reason,
            plans.c.body,
            plans.c.made_at,
            plans.c.expires_at,
            agreed.label("agreed"),
        )
        .join(plans, plans.c.id == runs.c.plan_id)
        .where(runs.c.id.in_(run_ids))
        .order_by(plans.c.expires_at, runs.c.id)
    )
    return [
        Waiting(
            run_id=row.id,
            body=row.body,
            made_at=row.made_at,
            expires_at=row.expires_at,
            agreed=row.agreed,
            reason=row.reason,
        )
        for row in connection.execute(query)
    ]


def decisions(connection: Connection, run_id: int) -> list[sa.Row[Any]]:
    """Who said what about the run's plans, first to last."""
    return list(
        connection.execute(
            sa.select(approvals).where(approvals.c.run_id == run_id).order_by(approvals.c.id)
        ).all()
    )


def held_reasons(connection: Connection, run_id: int) -> list[sa.Row[Any]]:
    """Why messages were not sent: state, reason and how many, the most frequent first."""
    stopped = (MessageState.HELD, MessageState.FAILED, MessageState.UNKNOWN)
    many = sa.func.count().label("n")
    query = (
        sa.select(messages.c.state, messages.c.reason, many)
        .where(messages.c.run_id == run_id, messages.c.state.in_(stopped))
        .group_by(messages.c.state, messages.c.reason)
        .order_by(many.desc(), messages.c.state, messages.c.reason)
        .limit(12)
    )
    return list(connection.execute(query).all())


def message_page(
    connection: Connection, run_id: int, *, state: MessageState | None, after: int, limit: int = PAGE
) -> list[sa.Row[Any]]:
    """The messages of a run in the order they were made; `after` a message's number pages on."""
    query = (
        sa.select(messages, recipients.c.email, codes.c.code, codes.c.state.label("code_state"))
        .join(recipients, recipients.c.id == messages.c.recipient_id)
        .outerjoin(codes, codes.c.id == messages.c.code_id)
        .where(messages.c.run_id == run_id, messages.c.id > after)
        .order_by(messages.c.id)
        .limit(limit)
    )
    if state is not None:
        query = query.where(messages.c.state == state)
    return [*connection.execute(query)]


def message_counts(connection: Connection, run_id: int) -> dict[MessageState, int]:
    """How many messages of a run are in each state, reminders among them."""
    query = sa.select(messages.c.state, sa.func.count()).where(messages.c.run_id == run_id)
    return {MessageState(state): n for state, n in connection.execute(query.group_by(messages.c.state))}


def last_runs(connection: Connection, store_id: int) -> dict[str, sa.Row[Any]]:
    """The latest run of every campaign of a store, by the campaign's name."""
    latest = sa.select(sa.func.max(runs.c.id)).where(runs.c.store_id == store_id).group_by(runs.c.campaign)
    columns: list[sa.Column[Any]] = [runs.c.id, runs.c.campaign, runs.c.state, runs.c.slot_at]
    query = sa.select(*columns).where(runs.c.id.in_(latest))
    return {row.campaign: row for row in connection.execute(query)}


def halted_campaigns(connection: Connection, store_id: int) -> dict[str, sa.Row[Any]]:
    """The halted campaigns of a store, by name: since when, and by whom."""
    where = (campaigns.c.store_id == store_id, campaigns.c.halted_at.is_not(None))
    return {row.name: row for row in connection.execute(sa.select(campaigns).where(*where))}
