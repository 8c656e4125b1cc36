"""The query for the customers of a run's segment, with what excludes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign import Revision
from tillroll.ledger.consent.standing import is_stopped
from tillroll.ledger.queries.exposure import left_lately
from tillroll.ledger.tables import customers
from tillroll.plan.segments.query import SegmentQuery
from tillroll.plan.segments.question import ask

HAD_ENOUGH = 1 << 15
"""A flag beside the number of an exclusion: they had all the e-mails that they may get."""

STOPPED = 1 << 14
"""Another flag: they unsubscribed from the campaign or from all, complained, or can't be reached."""

FLAGS = HAD_ENOUGH | STOPPED

_CENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class AudienceRequest:
    """Whose recipients are selected, and when."""

    store_id: int
    revision: Revision
    step: int = 1
    only: int | None = None  # the customer that the run's event happened to
    facts: Mapping[str, Any] = field(default_factory=dict)  # of that event
    unit: Decimal = _CENT  # the smallest of the store's currency
    key: bytes  # of the splits (`plan.freeze.split_key`)
    now: datetime


class AudienceQuery:
    """The query for a run's segment and exclusions, on one connection."""

    def __init__(self, connection: Connection, request: AudienceRequest) -> None:
        revision = request.revision
        who, segments = revision.campaign.who, revision.segments
        names = (*who.exclude, *([who.segment] if who.segment else []))
        question = ask(
            connection,
            store_id=request.store_id,
            segments=[segments[name] for name in names],
            lists=revision.lists,
            now=request.now,
            only=request.only,
        )
        self._request = request
        self._query = SegmentQuery(question)
        self._excluded = [self._query.flag(segments[name]) for name in who.exclude]
        self._in_segment = self._query.matches(segments[who.segment]) if who.segment else sa.true()
        most = revision.guardrails.messages_per_person_per_week
        self._emails = sa.literal(0) if most is None else _emails_lately(request)
        self._had_enough = sa.false() if most is None else self._emails >= most
        self._stopped = is_stopped(request.store_id, revision.name, request.now)

    def every(self, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
        """Select columns of everybody in the segment, and `flags`, in ascending order of their ids.

        The flags hold the number (from 1) of the first exclusion a customer is in, and `HAD_ENOUGH` and `STOPPED` where they are
        true.
        """
        had_enough = sa.case((self._had_enough, HAD_ENOUGH), else_=0)
        stopped = sa.case((self._stopped, STOPPED), else_=0)
        flags = (self._exclusion + had_enough + stopped).label("flags")
        query = sa.select(*columns, flags).select_from(self._query.source)
        return query.where(self._query.scope, self._in_segment).order_by(customers.c.customer_id)

    def sharing(self, *where: sa.ColumnElement[bool]) -> sa.Select[Any]:
        """Select what tells whether customers are one person, and what excludes them, whether or not the segment has them."""
        in_segment = sa.func.coalesce(self._in_segment, sa.false()).label("in_segment")
        return (
            sa.select(
                *(
                    customers.c[name]
                    for name in ("customer_id", "email", "accepts_marketing", "last_order_at")
                ),
                self._exclusion.label("exclusion"),
                self._emails.label("emails"),
                self._stopped.label("is_stopped"),
                in_segment,
            )
            .select_from(self._query.source)
            .where(self._query.scope, *where)
            .order_by(customers.c.customer_id)
        )

    @property
    def _exclusion(self) -> sa.ColumnElement[int]:
        """The number (from 1) of the first exclusion that a customer is in; 0: none."""
        cases = [(flag, index) for index, flag in enumerate(self._excluded, start=1)]
        return sa.case(*cases, else_=0) if cases else sa.literal(0)

    def included(self, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
        """Select columns of those in the segment whom nothing in the database excludes, in ascending order of their ids."""
        query = sa.select(*columns).select_from(self._query.source)
        return query.where(
            self._query.scope,
            self._in_segment,
            *(sa.not_(flag) for flag in self._excluded),
            customers.c.accepts_marketing.is_(sa.true()),
            customers.c.email.contains("@"),
            sa.not_(self._had_enough),
            sa.not_(self._stopped),
        ).order_by(customers.c.customer_id)


def _emails_lately(request: AudienceRequest) -> sa.ScalarSelect[Any]:
    """Return how many e-mails a customer had in the last 7 days."""
    customer = customers.c.customer_id
    return left_lately(sa.func.count(), store_id=request.store_id, customer=customer, now=request.now)
