"""What minting one run needs to know of it, read once a turn: its plan is frozen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.effort import CHUNK
from tillroll.campaign.states import CodeState
from tillroll.ledger.engine import reading
from tillroll.ledger.plans import load_plan, load_revision
from tillroll.ledger.pools import POOL
from tillroll.ledger.tables import codes
from tillroll.mint.coupon import Pattern, pattern
from tillroll.mint.parts import Mint


class Way(StrEnum):
    """How a run comes by its codes."""

    MAKE = "make"  # in the store
    POOL = "pool"  # made ahead, handed out now
    NONE = "none"  # its e-mails carry none of their own


@dataclass(kw_only=True)
class Desk:
    """One run that is being minted."""

    run: sa.Row[Any]
    way: Way
    planned: int  # codes to make
    shared: str | None  # the one code, if all recipients share it
    waiting: bool  # there may be codes to hand over, or to hand out
    open: bool = True  # it may have nothing to wait for any more
    reserved: bool = False  # every code is drawn
    _request: Pattern | None = None

    def request(self, mint: Mint) -> Pattern:
        """What its coupons have in common."""
        if self._request is None:
            with reading(mint.engine) as connection:
                self._request = pattern(connection, self.run)
        return self._request

    def wants_codes(self, mint: Mint) -> bool:
        """Whether less is reserved than its next chunk holds: codes are drawn as they are needed, a piece at a time."""
        reserved = (codes.c.run_id == self.run.id, codes.c.state == CodeState.RESERVED)
        some = sa.select(codes.c.id).where(*reserved).limit(CHUNK).subquery()
        with reading(mint.engine) as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0) < CHUNK


def open_desk(mint: Mint, run: sa.Row[Any]) -> Desk:
    """Read what there is to know of a run in `minting`."""
    with reading(mint.engine) as connection:
        way, planned, shared = _way(connection, run)
    return Desk(run=run, way=way, planned=planned, shared=shared, waiting=way is not Way.NONE)


def _way(connection: Connection, run: sa.Row[Any]) -> tuple[Way, int, str | None]:
    """How the run comes by its codes, how many it makes, and the one code if it is shared by all."""
    plan = load_plan(connection, run.id)
    if plan is None:
        return Way.NONE, 0, None
    campaign = load_revision(connection, plan.revision_id).as_run(step=run.step)
    if plan.proposal.code_count:
        return Way.MAKE, plan.proposal.code_count, campaign.codes.shared
    takes = campaign.offer is not None and campaign.codes.pool is not None and run.kind != POOL
    return (Way.POOL if takes else Way.NONE), 0, None
