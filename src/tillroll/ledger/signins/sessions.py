"""Sessions: who is signed in, from where, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.records import WebSession
from tillroll.ledger.tables import sessions, users

PENDING_FOR = timedelta(minutes=10)
"""How long a session waits for the second factor. Nobody is signed in by it until then."""


@dataclass(frozen=True, kw_only=True)
class SessionLimits:
    """How long a session lasts, whatever is done with it and when nothing is done with it."""

    absolute: timedelta
    idle: timedelta

    def still_open(self, now: datetime) -> sa.ColumnElement[bool]:
        """Return the condition of the sessions that haven't reached a limit."""
        started = sa.case(
            (sessions.c.user_id.is_(None), sessions.c.created_at > now - PENDING_FOR),
            else_=sessions.c.created_at > now - self.absolute,
        )
        return sa.and_(started, sessions.c.seen_at > now - self.idle)


def open_session(
    connection: Connection, digest: str, limits: SessionLimits, now: datetime
) -> WebSession | None:
    """Return the session with a digest, or None if it was ended, has reached a limit or its account is closed."""
    query = (
        sa.select(sessions)
        .outerjoin(users, users.c.id == sessions.c.user_id)
        .where(sessions.c.digest == digest, limits.still_open(now))
        .where(sa.or_(sessions.c.user_id.is_(None), users.c.active))
    )
    row = connection.execute(query).first()
    return WebSession.from_row(row) if row is not None else None


def insert_session(
    connection: Connection,
    *,
    session_key: str | None,
    digest: str,
    address: str,
    agent: str,
    data: str,
    now: datetime,
) -> None:
    """Insert a session of the account with this key; without a key it awaits the second factor.

    Inserts none if the key is an account's no longer: all its sessions were ended a moment ago.
    """
    user_id = None
    if session_key is not None:
        user_id = connection.scalar(sa.select(users.c.id).where(users.c.fs_uniquifier == session_key))
        if user_id is None:
            return
    connection.execute(
        sa.insert(sessions).values(
            user_id=user_id,
            digest=digest,
            created_at=now,
            seen_at=now,
            address=address,
            agent=agent,
            data=data,
        )
    )


def replace_session_data(connection: Connection, session_id: int, data: str) -> None:
    """Replace what a session remembers. Does nothing if it was ended in the meantime."""
    connection.execute(sa.update(sessions).where(sessions.c.id == session_id).values(data=data))


def note_session_use(connection: Connection, session_id: int, address: str, now: datetime) -> None:
    """Note that a session was used just now, and from where."""
    values = {"seen_at": now, "address": address}
    connection.execute(sa.update(sessions).where(sessions.c.id == session_id).values(values))


def sessions_of(
    connection: Connection, user_id: int, limits: SessionLimits, now: datetime
) -> list[WebSession]:
    """Return the open sessions of an account, the one used last first."""
    query = (
        sa.select(sessions)
        .where(sessions.c.user_id == user_id, limits.still_open(now))
        .order_by(sessions.c.seen_at.desc(), sessions.c.id.desc())
    )
    return [WebSession.from_row(row) for row in connection.execute(query)]


def end_session(connection: Connection, session_id: int, *, user_id: int | None = None) -> bool:
    """End a session, and return whether it was there. With `user_id`, only if it is that account's."""
    ended = sa.delete(sessions).where(sessions.c.id == session_id)
    if user_id is not None:
        ended = ended.where(sessions.c.user_id == user_id)
    return connection.execute(ended).rowcount > 0


def end_sessions(connection: Connection, user_id: int, *, keep: int | None = None) -> int:
    """End all sessions of an account, but the one that is kept, and return how many there were."""
    ended = sa.delete(sessions).where(sessions.c.user_id == user_id)
    if keep is not None:
        ended = ended.where(sessions.c.id != keep)
    return connection.execute(ended).rowcount


def sweep_sessions(connection: Connection, limits: SessionLimits, now: datetime) -> int:
    """Delete the sessions that have reached a limit, and return how many there were."""
    return connection.execute(sa.delete(sessions).where(sa.not_(limits.still_open(now)))).rowcount
