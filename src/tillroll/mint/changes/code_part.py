"""A code together with its part of a change: what the store is asked for it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CodeState
from tillroll.ledger.records import Code
from tillroll.ledger.tables import change_parts, codes
from tillroll.mint.changes.decide import CouponAction


@dataclass(frozen=True, kw_only=True)
class CodePart(Code):
    """A code and its part of one change."""

    part_id: int
    action: CouponAction
    was: CodeState  # the code's state before the change
    part_attempts: int  # how often the store was asked for it, this time included


def load_parts(connection: Connection, *where: sa.ColumnElement[bool]) -> list[CodePart]:
    """Return the parts that meet conditions over `change_parts`, in the order of their ids."""
    part = (change_parts.c.id.label("part_id"), change_parts.c.action, change_parts.c.was)
    query = sa.select(codes, *part, change_parts.c.attempts.label("part_attempts"))
    query = query.join(codes, codes.c.id == change_parts.c.code_id).where(*where)
    return [CodePart.from_row(row) for row in connection.execute(query.order_by(change_parts.c.id))]
