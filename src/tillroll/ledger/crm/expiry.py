"""Events of codes whose period ended before anybody used them: time passes without a change of a row, so they are looked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.language.crm import CrmKind
from tillroll.campaign.states import CodeState
from tillroll.ledger.crm.feeds import CrmFeed, change_feed
from tillroll.ledger.queries.predicates import was_used
from tillroll.ledger.tables import codes, crm_events, recipients, runs
from tillroll.ledger.tables.types import UtcDateTime

_PIECE = 500
_EVERY = timedelta(minutes=1)
_EXPIRE = (CodeState.LIVE, CodeState.PAUSED, CodeState.CLEARED)


@dataclass(frozen=True, kw_only=True)
class ExpiryPlace:
    """How far a look for expired codes has come: first those with a period of their own, then those of runs that ended."""

    to: datetime  # the look is for codes that expired up to here
    until: datetime | None  # own periods up to here are done; none: all of them
    run_id: int = 0
    code_id: int = 0

    @classmethod
    def of(cls, feed: CrmFeed, now: datetime) -> ExpiryPlace:
        """Return where the look goes on, or begins."""
        if not feed.place:
            return cls(to=now, until=feed.expired_to)
        raw = feed.place
        until = datetime.fromisoformat(raw["until"]) if raw["until"] else None
        return cls(
            to=datetime.fromisoformat(raw["to"]), until=until, run_id=raw["run_id"], code_id=raw["code_id"]
        )

    def as_json(self) -> dict[str, object]:
        until = self.until.isoformat() if self.until else None
        return {"to": self.to.isoformat(), "until": until, "run_id": self.run_id, "code_id": self.code_id}


def add_expired_piece(connection: Connection, feed: CrmFeed, *, now: datetime) -> bool:
    """Add the events of some expired codes, and record how far the look has come. Returns whether there may be more."""
    since = feed.expired_to
    if since is None or (not feed.place and now - since < _EVERY):
        return False
    place = ExpiryPlace.of(feed, now)
    found = (
        _of_own_periods(connection, feed, place) if place.until else _of_runs(connection, feed, place, since)
    )
    if found is None:
        change_feed(connection, feed, expired_to=place.to, place=None)
        return False
    change_feed(connection, feed, place=found.as_json())
    return True


def _of_own_periods(connection: Connection, feed: CrmFeed, place: ExpiryPlace) -> ExpiryPlace:
    key = sa.tuple_(codes.c.valid_until, codes.c.id)
    query = (
        _codes(feed)
        .where(
            codes.c.valid_until.is_not(None),
            codes.c.valid_until <= place.to,
            key > sa.tuple_(sa.literal(place.until, UtcDateTime()), place.code_id),
        )
        .order_by(codes.c.valid_until, codes.c.id)
    )
    rows = connection.execute(query.limit(_PIECE)).all()
    _add(connection, feed, rows)
    if len(rows) < _PIECE:
        return ExpiryPlace(to=place.to, until=None)
    return ExpiryPlace(to=place.to, until=rows[-1].valid_until, code_id=rows[-1].id)


def _of_runs(
    connection: Connection, feed: CrmFeed, place: ExpiryPlace, since: datetime
) -> ExpiryPlace | None:
    """Add codes of the next run that ended. Returns None once there is no more such run."""
    ended = (runs.c.store_id == feed.store_id, runs.c.valid_until > since, runs.c.valid_until <= place.to)
    run_id = connection.scalar(
        sa.select(runs.c.id).where(*ended, runs.c.id >= place.run_id).order_by(runs.c.id).limit(1)
    )
    if run_id is None:
        return None
    after = place.code_id if run_id == place.run_id else 0
    of_run = (codes.c.run_id == run_id, codes.c.valid_until.is_(None), codes.c.id > after)
    rows = connection.execute(_codes(feed).where(*of_run).order_by(codes.c.id).limit(_PIECE)).all()
    _add(connection, feed, rows)
    if len(rows) < _PIECE:
        return ExpiryPlace(to=place.to, until=None, run_id=run_id + 1)
    return ExpiryPlace(to=place.to, until=None, run_id=run_id, code_id=rows[-1].id)


def _codes(feed: CrmFeed) -> sa.Select[tuple[int, datetime | None, int, str]]:
    return (
        sa.select(codes.c.id, codes.c.valid_until, recipients.c.customer_id, recipients.c.email)
        .join(recipients, recipients.c.id == codes.c.recipient_id)
        .where(codes.c.store_id == feed.store_id, codes.c.state.in_(_EXPIRE), ~was_used())
    )


def _add(
    connection: Connection, feed: CrmFeed, rows: Sequence[sa.Row[tuple[int, datetime | None, int, str]]]
) -> None:
    values = [
        {
            "store_id": feed.store_id,
            "kind": CrmKind.CODES,
            "change": "code.expired",
            "subject": str(row.id),
            "person": str(row.customer_id),
            "customer_id": row.customer_id,
            "email": row.email,
            "facts": {"valid_until": row.valid_until.isoformat() if row.valid_until else None},
        }
        for row in rows
    ]
    if values:
        connection.execute(sa.insert(crm_events), values)
