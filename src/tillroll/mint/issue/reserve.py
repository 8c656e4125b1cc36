"""Reserving codes: every code gets its row before the store hears of it, unique among all codes of the store.

As a rule each recipient gets a code; the codes of a pool have no recipient yet, and a shared code is for all.

Crash points: *a piece drawn*: nothing of it is written; another process draws again. *a piece reserved*: its codes and the
progress through the audience are one transaction; another process continues behind it. Replacements for clashed codes are drawn
last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.campaign.states import CodeState
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.validity import validity
from tillroll.ledger.bulk.rows import add_many
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.plans import load_plan, load_revision
from tillroll.ledger.queries.pools import POOL
from tillroll.ledger.queries.predicates import has_not_clashed, has_own_code
from tillroll.ledger.records import Run
from tillroll.ledger.tables import codes, recipients, runs, stores
from tillroll.mint.draw import draw_codes, shuffled
from tillroll.mint.pools.recycle import recycle_left_over
from tillroll.mint.pools.shared import reserve_shared

_Span = tuple[datetime | None, datetime | None]

PIECE = 10_000
"""Codes of one transaction."""

_COLUMNS = ("code", "recipient_id", "arm", "value", "valid_from", "valid_until")


def reserve(engine: Engine, *, run: Run, now: datetime, most: int | None = None) -> bool:
    """Draw and record the codes that the run's plan wants and that are missing. Returns whether none is missing any more.

    `most`: stop after so many, to continue another time. Safe to repeat.
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
        recycle_left_over(engine, run=run, plan=plan, revision=revision, now=now)
    drawn = 0
    while most is None or drawn < most:
        if run.kind == POOL:
            made = _reserve_piece_of_pool(engine, run, plan, revision, now)
        else:
            made = _reserve_piece(engine, run, plan, revision, spans, now)
        if made is None:
            return True
        drawn += made
    return False


def _reserve_piece(
    engine: Engine,
    run: Run,
    plan: StoredPlan,
    revision: Revision,
    spans: Mapping[str, _Span],
    now: datetime,
) -> int | None:
    """Reserve codes for the next recipients without one. Returns how many, or None if everybody has a code.

    The progress through the audience is a column of the run's row and is written with the codes. Behind it, only recipients whose
    code has clashed are looked for. The ledger's unique rule skips recipients who have a code already.
    """
    with reading(engine) as connection:
        piece = _next_piece(connection, plan.plan_id, _reserved_to(connection, run.id))
        lacking = _recipients_of(connection, piece) if piece else _to_replace(connection, run.id)
    if not lacking:
        return None
    drawn = _drawn(revision, run, len(lacking))
    pairs = zip(shuffled(lacking), drawn, strict=True)
    rows: list[tuple[Any, ...]]
    if len(lacking[0]) == 1:
        rows = [(code, recipient_id) for (recipient_id,), code in pairs]
    else:
        rows = [(code, recipient_id, arm, value, *spans[arm]) for (recipient_id, arm, value), code in pairs]
    with writing(engine) as connection:
        made = add_many(connection, codes, _COLUMNS[: len(rows[0])], rows, same=_common_values(run, now))
        # a row is missing if its code existed or its recipient had one; such pieces are rare, so repeat the piece
        if piece and (made == len(lacking) or not _has_recipient_without_code(connection, piece)):
            done = {"reserved_to": piece.last}
            connection.execute(sa.update(runs).where(runs.c.id == run.id).values(done))
    return made


def _reserve_piece_of_pool(
    engine: Engine, run: Run, plan: StoredPlan, revision: Revision, now: datetime
) -> int | None:
    """Reserve the next codes of a pool, without recipients. Returns how many, or None if the pool has all of them."""
    with reading(engine) as connection:
        drawn = (codes.c.run_id == run.id, has_not_clashed())
        count = int(connection.scalar(sa.select(sa.func.count()).where(*drawn)) or 0)
    missing = min(plan.proposal.code_count - count, PIECE)
    if missing <= 0:
        return None
    rows = [(code, None, "", None, None, None) for code in _drawn(revision, run, missing)]
    with writing(engine) as connection:
        return add_many(connection, codes, _COLUMNS, rows, same=_common_values(run, now))


def _drawn(revision: Revision, run: Run, count: int) -> list[str]:
    """Draw codes in the format of the run's campaign."""
    campaign = revision.as_run(step=run.step)
    return draw_codes(count, code_format=revision.format_of(campaign), prefix=campaign.codes.prefix)


def _common_values(run: Run, now: datetime) -> dict[str, Any]:
    """Return the values that all codes of a piece share."""
    moments = {"reserved_at": now, "changed_at": now}
    return {"store_id": run.store_id, "run_id": run.id, "state": CodeState.RESERVED, **moments}


def _shared_row(run: Run, code: str, now: datetime) -> dict[str, Any]:
    return {**_common_values(run, now), **dict.fromkeys(_COLUMNS), "code": code, "arm": ""}


def _spans(connection: Connection, run: Run, revision: Revision) -> dict[str, _Span]:
    """Return the period of each arm's codes, as (None, None) where it is the run's."""
    if len(revision.arms) == 1:
        return dict.fromkeys(revision.arms, (None, None))
    zone = connection.scalars(sa.select(stores.c.timezone).where(stores.c.id == run.store_id)).one()
    spans: dict[str, _Span] = {}
    assert run.valid_from is not None  # noqa: S101 - fixed as minting begins
    for arm in revision.arms:
        start, end = validity(revision.offer(step=run.step, arm=arm).valid, zone_of(zone), run.valid_from)
        same = (start, end) == (run.valid_from, run.valid_until)
        spans[arm] = (None, None) if same else (start, end)
    return spans


def _reserved_to(connection: Connection, run_id: int) -> int:
    """Return the last customer of the part of the audience that has its codes."""
    return int(connection.scalars(sa.select(runs.c.reserved_to).where(runs.c.id == run_id)).one())


_Recipients = Sequence[tuple[Any, ...]]
"""Recipients' ids alone, or with their arm and value where these differ. Tuples, since there are thousands."""


class _Piece(NamedTuple):
    """A range of a plan's audience, by the store's customer numbers."""

    plan_id: int
    first: int
    last: int
    recipients: list[tuple[int]]

    @property
    def conditions(self) -> tuple[sa.ColumnElement[bool], ...]:
        """The conditions over `recipients`."""
        in_range = recipients.c.customer_id.between(self.first, self.last)
        return recipients.c.plan_id == self.plan_id, in_range


def _next_piece(connection: Connection, plan_id: int, after: int) -> _Piece | None:
    """Return the next piece of the audience behind a customer, or None at its end."""
    of_plan = (recipients.c.plan_id == plan_id, recipients.c.customer_id > after)
    query = sa.select(recipients.c.customer_id, recipients.c.id).where(*of_plan)
    rows = connection.execute(query.order_by(recipients.c.customer_id).limit(PIECE)).all()
    if not rows:
        return None
    ids = [(recipient_id,) for _, recipient_id in rows]
    return _Piece(plan_id=plan_id, first=rows[0][0], last=rows[-1][0], recipients=ids)


def _recipients_of(connection: Connection, piece: _Piece) -> _Recipients:
    """Return the piece's recipients, with arms and values only if it has any."""
    present = sa.select(sa.func.count(recipients.c.value), sa.func.max(recipients.c.arm))
    values, arm = connection.execute(present.where(*piece.conditions)).one()
    if not values and not arm:
        return piece.recipients
    query = sa.select(recipients.c.id, recipients.c.arm, recipients.c.value).where(*piece.conditions)
    return list(map(tuple, connection.execute(query.order_by(recipients.c.customer_id)).all()))


def _has_recipient_without_code(connection: Connection, piece: _Piece) -> bool:
    """Return whether a recipient of the piece has no code."""
    query = sa.select(recipients.c.id).where(*piece.conditions, ~has_own_code()).limit(1)
    return connection.execute(query).first() is not None


def _to_replace(connection: Connection, run_id: int) -> _Recipients:
    """Return recipients whose code has clashed and who have no other yet."""
    clashed = (codes.c.run_id == run_id, codes.c.state == CodeState.CLASHED)
    query = (
        sa.select(recipients.c.id, recipients.c.arm, recipients.c.value)
        .distinct()
        .join(codes, codes.c.recipient_id == recipients.c.id)
        .where(*clashed, ~has_own_code())
        .order_by(recipients.c.id)
        .limit(PIECE)
    )
    return list(map(tuple, connection.execute(query).all()))
