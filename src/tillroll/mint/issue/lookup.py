"""Looking up codes whose outcome no batch can tell, before anything else is done about them.

Crash points: *given up*: the chunk is `lost` and has a time for its look-up; the next process does it. *looked up*: the results
of a piece are written in one transaction; what isn't written is looked up again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.batches.chunk_row import is_chunk_resting, update_chunk
from tillroll.campaign.states import ChunkState, CodeState, ItemKind, Stage
from tillroll.ecwid.endpoints.coupons import Coupon
from tillroll.ledger.bulk.rows import change_many
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.pieces import write_pieces
from tillroll.ledger.faults.rows import is_resting, release_items
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.records import Chunk, Code
from tillroll.ledger.tables import chunks, codes
from tillroll.mint.context import MintContext
from tillroll.mint.coupon import CouponPattern, is_our_coupon, load_pattern
from tillroll.mint.decide import CODE_RETRIES, SKEW
from tillroll.mint.issue.settle import code_item
from tillroll.mint.pools.pre_minting import state_once_made

PIECE = 50
"""The most calls of one look-up, so that other work does not wait long."""

_PAGE = 100


def give_up(context: MintContext, chunk: Chunk) -> None:
    """Mark a chunk as lost: its batch can no longer tell its outcome, so its codes are to be looked up."""
    now = context.clock.now()
    with writing(context.engine) as connection:
        update_chunk(connection, chunks, chunk, now=now, state=ChunkState.LOST, poll_at=now)


def oldest_lost(context: MintContext) -> Chunk | None:
    """Return the store's oldest lost chunk with codes to look up, or None. A chunk rests while all of its open codes do."""
    now = context.clock.now()
    lost = (chunks.c.store_id == context.store_id, chunks.c.state == ChunkState.LOST)
    resting = is_chunk_resting(chunks, context.store_id, now=now)
    is_open = sa.exists().where(codes.c.chunk_id == chunks.c.id, codes.c.state == CodeState.POSTING)
    waits = sa.and_(is_open, ~is_open.where(_may_be_looked_up(context, now)))
    query = (
        sa.select(chunks)
        .where(*lost, chunks.c.poll_at.is_not(None), ~resting, ~waits)
        .order_by(chunks.c.id)
        .limit(1)
    )
    with reading(context.engine) as connection:
        row = connection.execute(query).first()
    return Chunk.from_row(row) if row is not None else None


def _may_be_looked_up(context: MintContext, now: datetime) -> sa.ColumnElement[bool]:
    return ~is_resting(ItemKind.CODE, context.store_id, codes.c.id, now=now)


def look_up(context: MintContext, chunk: Chunk) -> None:
    """Look up a piece of a lost chunk. A code at which this fails rests and stays open; the others are settled."""
    with reading(context.engine) as connection:
        pattern = load_pattern(connection, load_run(connection, chunk.owner_id))
        unsettled = (codes.c.chunk_id == chunk.id, codes.c.state == CodeState.POSTING)
        now = context.clock.now()
        may_be = sa.select(_may_be_looked_up(context, now).label("now"), codes).where(*unsettled)
        rows = connection.execute(may_be.order_by(codes.c.id)).all()
    open_codes = [Code.from_row(row) for row in rows if row.now]
    piece, coupons = _find(context, chunk, open_codes)
    record_found(context, pattern, chunk, piece, coupons, last=len(piece) == len(rows))


def record_found(
    context: MintContext,
    pattern: CouponPattern,
    chunk: Chunk,
    piece: Sequence[Code],
    coupons: Mapping[str, Coupon],
    *,
    last: bool,
) -> None:
    """Record the results of a piece. After the last piece the chunk no longer has a time for a look-up."""
    now = context.clock.now()
    failed = write_pieces(
        context.engine,
        piece,
        lambda connection, some: _settle_found(connection, pattern, some, coupons, now),
        name=lambda code: code_item(context, code.id, chunk.owner_id),
        stage=Stage.MINT,
        now=now,
    )
    with writing(context.engine) as connection:
        unwritten = {code.id for code, _ in failed}
        found = [str(code.id) for code in piece if code.code in coupons and code.id not in unwritten]
        release_items(connection, context.store_id, ItemKind.CODE, found)  # the others are yet to be posted
        if last and not failed:
            update_chunk(connection, chunks, chunk, now=now, poll_at=None)


def _find(
    context: MintContext, chunk: Chunk, open_codes: Sequence[Code]
) -> tuple[Sequence[Code], dict[str, Coupon]]:
    """Look some of the codes up. Returns those that could be, and the store's coupons by code.

    Reads every coupon created since the chunk if they are few; otherwise asks for each code.
    """
    client = context.client
    if len(open_codes) > 1:
        first_try = all(code.attempts <= 1 for code in open_codes)
        moment = chunk.created_at if first_try else min(code.reserved_at for code in open_codes)
        since = moment + (client.connection.skew or timedelta(0)) - SKEW
        if client.coupons.count(created_from=since) <= min(PIECE, len(open_codes)) * _PAGE:
            wanted = {code.code for code in open_codes}
            every = client.coupons.every(created_from=since)
            by_code = ((coupon.code.upper(), coupon) for coupon in every)
            return open_codes, {code: coupon for code, coupon in by_code if code in wanted}
    asked: list[Code] = []
    found: dict[str, Coupon] = {}
    for code in open_codes[:PIECE]:
        item = code_item(context, code.id, chunk.owner_id)
        with contained(context.engine, item, stage=Stage.MINT, now=context.clock.now()):
            if (coupon := client.coupons.find(code.code)) is not None:
                found[coupon.code.upper()] = coupon
            asked.append(code)
    return asked, found


def _settle_found(
    connection: Connection,
    pattern: CouponPattern,
    piece: Sequence[Code],
    coupons: Mapping[str, Coupon],
    now: datetime,
) -> None:
    """Make codes with our coupon live and those with another coupon clashed; reserve the rest again.

    A code without a coupon clashes after its last attempt, since the store refused to create it every time.
    """
    live, clashed, again = [], [], []
    for code in piece:
        coupon = coupons.get(code.code)
        if coupon is None and not CODE_RETRIES.may_try_again(code.attempts):
            clashed.append((code.id, "the store says that it has this code, but does not show it"))
        elif coupon is None:
            again.append((code.id,))
        elif is_our_coupon(pattern.request(code), coupon, code.reserved_at):
            live.append((code.id, coupon.coupon_id))
        else:
            clashed.append((code.id, f"the store had it: coupon {coupon.coupon_id}"))
    posting = {"state": CodeState.POSTING}
    made = state_once_made(connection, [code.id for code in piece])
    same: dict[str, Any] = {"state": made, "reason": "", "changed_at": now}
    change_many(connection, codes, ["coupon_id"], live, same=same, where=posting)
    same = {"state": CodeState.CLASHED, "changed_at": now}
    change_many(connection, codes, ["reason"], clashed, same=same, where=posting)
    same = {"state": CodeState.RESERVED, "reason": "", "chunk_id": None, "changed_at": now}
    change_many(connection, codes, [], again, same=same, where=posting)
