"""How many e-mails left on a day by a transport, over all stores: by what a new sender's limit is measured.

The messages themselves are counted, so nothing gets lost with a process. Days that are over don't change: their counts are kept.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.language.sender import RampUp
from tillroll.campaign.states import MessageState
from tillroll.campaign.timing.ramp import REMEMBERED, allowed_on_a_day
from tillroll.ledger.engine import insert_new, reading, writing
from tillroll.ledger.tables import messages, sender_days, stores

_MAY_HAVE_LEFT = (MessageState.SENDING, MessageState.SENT, MessageState.UNKNOWN)


def note_past_days(engine: Engine, transport: str, now: datetime) -> None:
    """Count the days that are over and have no count yet."""
    today = now.astimezone(UTC).date()
    days = {today - timedelta(days=ago) for ago in range(1, REMEMBERED + 1)}
    with reading(engine) as connection:
        missing = days - _best_days(connection, transport, today).keys()
        rows = [
            {"transport": transport, "day": day.isoformat(), "left": _left_on(connection, transport, day)}
            for day in sorted(missing)
        ]
    if rows:
        with writing(engine) as connection:
            insert_new(connection, sender_days, rows)


def best_day(connection: Connection, transport: str, now: datetime) -> int:
    """Return how many e-mails left on the best of the days that are remembered, without today."""
    return max(_best_days(connection, transport, now.astimezone(UTC).date()).values(), default=0)


def left_today(connection: Connection, transport: str, now: datetime) -> int:
    """Return how many e-mails left today, or may have."""
    return _left_on(connection, transport, now.astimezone(UTC).date())


def allowed_today(connection: Connection, transport: str, ramp: RampUp, now: datetime) -> int | None:
    """Return how many e-mails more may leave today; None: any number."""
    allowed = allowed_on_a_day(ramp, best_day(connection, transport, now))
    return None if allowed is None else max(0, allowed - left_today(connection, transport, now))


def next_day(now: datetime) -> datetime:
    """Return when the next day begins."""
    return _begin(now.astimezone(UTC).date() + timedelta(days=1))


def _best_days(connection: Connection, transport: str, today: date) -> dict[date, int]:
    oldest = today - timedelta(days=REMEMBERED)
    query = sa.select(sender_days.c.day, sender_days.c.left).where(
        sender_days.c.transport == transport,
        sender_days.c.day >= oldest.isoformat(),
        sender_days.c.day < today.isoformat(),
    )
    return {date.fromisoformat(row.day): row.left for row in connection.execute(query)}


def _left_on(connection: Connection, transport: str, day: date) -> int:
    query = sa.select(sa.func.count()).where(
        messages.c.store_id.in_(sa.select(stores.c.id)),  # the index begins with it
        messages.c.sending_at >= _begin(day),
        messages.c.sending_at < _begin(day + timedelta(days=1)),
        messages.c.state.in_(_MAY_HAVE_LEFT),
        messages.c.transport == transport,
    )
    return int(connection.scalar(query) or 0)


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(0), UTC)
