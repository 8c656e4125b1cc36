"""Codes whose outcome no batch can tell: each is looked up in the store before anything is done about it.

Crash points: *given up*: the chunk is `lost` with a time to look it up; the next process does. *looked up*: what was found of
a piece is written in one transaction; what isn't written is looked up again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import ChunkState, CodeState
from tillroll.chunks.row import move
from tillroll.ecwid.client import Client
from tillroll.ecwid.coupons import Coupon
from tillroll.ledger.bulk import change_many
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.runs import load_run
from tillroll.ledger.tables import chunks, codes
from tillroll.mint.ahead import made_as
from tillroll.mint.coupon import Pattern, found_is_ours, pattern
from tillroll.mint.decide import MOST_ATTEMPTS, SKEW
from tillroll.mint.parts import Mint

PIECE = 50
"""Calls that a look takes at most, so that nobody waits long behind it."""

_PAGE = 100


def give_up(mint: Mint, chunk: sa.Row[Any]) -> None:
    """The chunk's outcome can't be learned from its batch any more: its codes are to be looked up."""
    now = mint.clock.now()
    with writing(mint.engine) as connection:
        move(connection, chunks, chunk, now=now, state=ChunkState.LOST, poll_at=now)


def look_up_lost(mint: Mint) -> int | None:
    """Look up a piece of the oldest lost chunk: the run it was of, or None when there is none."""
    with reading(mint.engine) as connection:
        lost = (chunks.c.store_id == mint.store_id, chunks.c.state == ChunkState.LOST)
        query = sa.select(chunks).where(*lost, chunks.c.poll_at.is_not(None)).order_by(chunks.c.id)
        chunk = connection.execute(query.limit(1)).first()
        if chunk is None:
            return None
        request = pattern(connection, load_run(connection, chunk.run_id))
        open_ = (codes.c.chunk_id == chunk.id, codes.c.state == CodeState.POSTING)
        rows = list(connection.execute(sa.select(codes).where(*open_).order_by(codes.c.id)))
    piece, found = _find(mint.client, chunk, rows)
    write_found(mint, request, chunk, piece, found, last=len(piece) == len(rows))
    return int(chunk.run_id)


def write_found(
    mint: Mint,
    request: Pattern,
    chunk: sa.Row[Any],
    piece: Sequence[sa.Row[Any]],
    found: dict[str, Coupon],
    *,
    last: bool,
) -> None:
    """Write what was found of a piece, and after the last one that nothing more is to be looked up."""
    now = mint.clock.now()
    with writing(mint.engine) as connection:
        _settle_found(connection, request, piece, found, now)
        if last:
            move(connection, chunks, chunk, now=now, poll_at=None)


def _find(
    client: Client, chunk: sa.Row[Any], rows: Sequence[sa.Row[Any]]
) -> tuple[Sequence[sa.Row[Any]], dict[str, Coupon]]:
    """Some of the codes, and the store's coupons under them: by reading what was made since if that is little, else by code."""
    if len(rows) > 1:
        first_try = all(row.attempts <= 1 for row in rows)
        moment = chunk.created_at if first_try else min(row.reserved_at for row in rows)
        since = moment + (client.connection.skew or timedelta(0)) - SKEW
        if client.coupons.count(created_from=since) <= min(PIECE, len(rows)) * _PAGE:
            wanted = {row.code for row in rows}
            every = client.coupons.every(created_from=since)
            return rows, {one.code.upper(): one for one in every if one.code.upper() in wanted}
    piece = rows[:PIECE]
    asked = (client.coupons.find(row.code) for row in piece)
    return piece, {coupon.code.upper(): coupon for coupon in asked if coupon is not None}


def _settle_found(
    connection: Connection,
    request: Pattern,
    rows: Sequence[sa.Row[Any]],
    found: dict[str, Coupon],
    now: datetime,
) -> None:
    """Ours is live, somebody's is clashed; what isn't there is reserved again, but not for ever."""
    live, clashed, again = [], [], []
    for row in rows:
        coupon = found.get(row.code)
        if coupon is None and row.attempts >= MOST_ATTEMPTS:
            clashed.append((row.id, "the store says it has it, and doesn't show it"))
        elif coupon is None:
            again.append((row.id,))
        elif found_is_ours(request.of(row), coupon, row.reserved_at):
            live.append((row.id, coupon.coupon_id))
        else:
            clashed.append((row.id, f"the store had it: coupon {coupon.coupon_id}"))
    posting = {"state": CodeState.POSTING}
    same: dict[str, Any] = {"state": made_as(connection, rows), "reason": "", "changed_at": now}
    change_many(connection, codes, ["coupon_id"], live, same=same, where=posting)
    same = {"state": CodeState.CLASHED, "changed_at": now}
    change_many(connection, codes, ["reason"], clashed, same=same, where=posting)
    same = {"state": CodeState.RESERVED, "reason": "", "chunk_id": None, "changed_at": now}
    change_many(connection, codes, [], again, same=same, where=posting)
