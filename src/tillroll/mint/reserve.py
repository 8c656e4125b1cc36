"""Every recipient gets a code row before the store hears of any: unique in the store's whole ledger.

A code for each recipient is the rule; a pool's codes are for nobody yet, and a shared one is for all.

Crash points: *a piece drawn*: nothing of it is written; another process draws anew. *a piece reserved*: its codes and how far the
audience is done are one transaction; another process goes on behind it. Replacements, where a code turned out to be somebody
else's, are drawn last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.campaign.states import CodeState
from tillroll.campaign.timing.validity import validity
from tillroll.ledger.bulk import add_many
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.plans import load_plan, load_revision
from tillroll.ledger.pools import POOL
from tillroll.ledger.tables import codes, recipients, runs, stores
from tillroll.mint.draw import draw_codes, shuffled
from tillroll.mint.recycle import take_left_over
from tillroll.mint.shared import reserve_shared

_Span = tuple[datetime | None, datetime | None]

PIECE = 10_000
"""Codes of one transaction."""

_COLUMNS = ("code", "recipient_id", "arm", "value", "valid_from", "valid_until")


def reserve(engine: Engine, *, run: sa.Row[Any], now: datetime, most: int | None = None) -> bool:
    """Draw the codes that the run's plan wants and that aren't there yet; whether all are there now.

    `most`: leave off after so many, to go on another time. Harmless to repeat.
    """
    with reading(engine) as connection:
        plan = load_plan(connection, run.id)
        if plan is None or plan.proposal.code_count == 0:
            return True
        revision = load_revision(connection, plan.revision_id)
        spans = _spans(connection, run, revision)
    shared = revision.as_run(step=run.step).codes.shared
    if shared is not None:
        reserve_shared(engine, run=run, shared=shared, row=_shared_row(run, shared, now))
        return True
    if run.kind != POOL and run.reserved_to == 0:
        take_left_over(engine, run=run, plan=plan, revision=revision, now=now)
    drawn = 0
    while most is None or drawn < most:
        if run.kind == POOL:
            made = _piece_for_nobody(engine, run, plan, revision, now)
        else:
            made = _piece_for_each(engine, run, plan, revision, spans, now)
        if made is None:
            return True
        drawn += made
    return False


def _piece_for_each(
    engine: Engine,
    run: sa.Row[Any],
    plan: StoredPlan,
    revision: Revision,
    spans: Mapping[str, _Span],
    now: datetime,
) -> int | None:
    """A code each for the next recipients without one; how many, or None when everybody has theirs.

    How far the audience is done stands in the run's row and is written with the codes. Behind that only those are looked for
    whose code turned out to be somebody else's. Who has a code already is passed over by the ledger's unique rule.
    """
    with reading(engine) as connection:
        piece = _next_piece(connection, plan.plan_id, _reserved_to(connection, run.id))
        wanting = _wanting(connection, piece) if piece else _to_replace(connection, run.id)
    if not wanting:
        return None
    drawn = _drawn(revision, run, len(wanting))
    mixed = zip(shuffled(wanting), drawn, strict=True)
    rows: list[tuple[Any, ...]]
    if len(wanting[0]) == 1:
        rows = [(code, one) for (one,), code in mixed]
    else:
        rows = [(code, one, arm, value, *spans[arm]) for (one, arm, value), code in mixed]
    with writing(engine) as connection:
        made = add_many(connection, codes, _COLUMNS[: len(rows[0])], rows, same=_alike(run, now))
        # what lacks now drew a code that was there, or its turn had come before: few, so the piece comes once more
        if piece and (made == len(wanting) or not _lacks(connection, piece)):
            done = {"reserved_to": piece.last}
            connection.execute(sa.update(runs).where(runs.c.id == run.id).values(done))
    return made


def _piece_for_nobody(
    engine: Engine, run: sa.Row[Any], plan: StoredPlan, revision: Revision, now: datetime
) -> int | None:
    with reading(engine) as connection:
        standing = (codes.c.run_id == run.id, codes.c.state != CodeState.CLASHED)
        there = int(connection.scalar(sa.select(sa.func.count()).where(*standing)) or 0)
    lacking = min(plan.proposal.code_count - there, PIECE)
    if lacking <= 0:
        return None
    rows = [(code, None, "", None, None, None) for code in _drawn(revision, run, lacking)]
    with writing(engine) as connection:
        return add_many(connection, codes, _COLUMNS, rows, same=_alike(run, now))


def _drawn(revision: Revision, run: sa.Row[Any], count: int) -> list[str]:
    campaign = revision.as_run(step=run.step)
    return draw_codes(count, code_format=revision.format_of(campaign), prefix=campaign.codes.prefix)


def _alike(run: sa.Row[Any], now: datetime) -> dict[str, Any]:
    """What all codes of a piece have in common."""
    moments = {"reserved_at": now, "changed_at": now}
    return {"store_id": run.store_id, "run_id": run.id, "state": CodeState.RESERVED, **moments}


def _shared_row(run: sa.Row[Any], code: str, now: datetime) -> dict[str, Any]:
    return {**_alike(run, now), **dict.fromkeys(_COLUMNS), "code": code, "arm": ""}


def _spans(connection: Connection, run: sa.Row[Any], revision: Revision) -> dict[str, _Span]:
    """When the codes of each arm work, where several are compared and that isn't when the run's do."""
    if len(revision.arms) == 1:
        return dict.fromkeys(revision.arms, (None, None))
    zone = connection.scalars(sa.select(stores.c.timezone).where(stores.c.id == run.store_id)).one()
    found: dict[str, _Span] = {}
    for arm in revision.arms:
        start, end = validity(revision.offer(step=run.step, arm=arm).valid, ZoneInfo(zone), run.valid_from)
        same = (start, end) == (run.valid_from, run.valid_until)
        found[arm] = (None, None) if same else (start, end)
    return found


def _reserved_to(connection: Connection, run_id: int) -> int:
    """The customer up to whom the audience has its codes."""
    return int(connection.scalars(sa.select(runs.c.reserved_to).where(runs.c.id == run_id)).one())


def _standing() -> sa.ColumnElement[bool]:
    """Whether a recipient has a code that stands."""
    other = codes.alias("standing")
    return sa.exists().where(other.c.recipient_id == recipients.c.id, other.c.state != CodeState.CLASHED)


_Wanting = Sequence[tuple[Any, ...]]
"""Recipients: their numbers alone, or with the arm and the value that differ from one to the next."""


class _Piece(NamedTuple):
    """Neighbours in a plan's audience, by the store's numbers of the customers."""

    plan_id: int
    first: int
    last: int
    people: list[tuple[int]]

    @property
    def between(self) -> tuple[sa.ColumnElement[bool], ...]:
        """The conditions over `recipients`."""
        theirs = recipients.c.customer_id.between(self.first, self.last)
        return recipients.c.plan_id == self.plan_id, theirs


def _next_piece(connection: Connection, plan_id: int, after: int) -> _Piece | None:
    of_plan = (recipients.c.plan_id == plan_id, recipients.c.customer_id > after)
    query = sa.select(recipients.c.customer_id, recipients.c.id).where(*of_plan)
    rows = connection.execute(query.order_by(recipients.c.customer_id).limit(PIECE)).all()
    if not rows:
        return None
    return _Piece(plan_id=plan_id, first=rows[0][0], last=rows[-1][0], people=[(one,) for _, one in rows])


def _wanting(connection: Connection, piece: _Piece) -> _Wanting:
    """The piece's recipients; with their arms and values only if there are any."""
    differ = sa.select(sa.func.count(recipients.c.value), sa.func.max(recipients.c.arm)).where(*piece.between)
    values, arm = connection.execute(differ).one()
    if not values and not arm:
        return piece.people
    query = sa.select(recipients.c.id, recipients.c.arm, recipients.c.value).where(*piece.between)
    return list(map(tuple, connection.execute(query.order_by(recipients.c.customer_id)).all()))


def _lacks(connection: Connection, piece: _Piece) -> bool:
    """Whether somebody of the piece has no code."""
    query = sa.select(recipients.c.id).where(*piece.between, ~_standing()).limit(1)
    return connection.execute(query).first() is not None


def _to_replace(connection: Connection, run_id: int) -> _Wanting:
    """Recipients whose code was somebody else's, and who have no other yet."""
    clashed = (codes.c.run_id == run_id, codes.c.state == CodeState.CLASHED)
    query = (
        sa.select(recipients.c.id, recipients.c.arm, recipients.c.value)
        .distinct()
        .join(codes, codes.c.recipient_id == recipients.c.id)
        .where(*clashed, ~_standing())
        .order_by(recipients.c.id)
        .limit(PIECE)
    )
    return list(map(tuple, connection.execute(query).all()))
