"""A change's codes as an errand: what is asked of the store for each, and what the answers mean.

What is asked of a coupon does no harm twice, so the codes of a lost batch are asked for again. A coupon that may have been made
is looked up first: ours, somebody's, or not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import ChangeKind, PartState
from tillroll.chunks.answers import Answers
from tillroll.chunks.errand import Carrier, Errand, Learnt, Tables
from tillroll.ecwid.batches import InnerAnswer, InnerRequest
from tillroll.ecwid.coupons import changed_body
from tillroll.errors import NeedsPerson
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import change_chunks, change_parts, codes
from tillroll.mint.changes.decide import IN_FLIGHT, Action, Became, became
from tillroll.mint.changes.settle import Settled, write_settled
from tillroll.mint.draw import new_key
from tillroll.mint.parts import Mint
from tillroll.mint.wished import Wishes

_One = tuple[sa.Row[Any], Settled]


def carrier_of(mint: Mint) -> Carrier:
    """What a lane's changes are carried out with."""
    return Carrier(engine=mint.engine, batches=mint.client.batches, clock=mint.clock, new_key=new_key)


@dataclass(frozen=True, kw_only=True)
class ChangeErrand(Errand[_One]):
    """One change of a store's codes."""

    mint: Mint
    change: sa.Row[Any]

    tables = Tables(
        chunks=change_chunks, rows=change_parts, chunk="change_chunk_id", waiting=PartState.WANTED
    )
    in_flight = IN_FLIGHT

    @property
    def whose(self) -> Mapping[str, int]:
        return {"change_id": self.change.id}

    def ready(self) -> tuple[sa.ColumnElement[bool], ...]:
        """A code that an earlier change has on its way waits for that answer: what was asked for last must arrive last."""
        earlier = change_parts.alias("earlier")
        on_its_way = sa.exists().where(
            earlier.c.code_id == change_parts.c.code_id,
            earlier.c.id < change_parts.c.id,
            earlier.c.state == PartState.POSTING,
        )
        return (~on_its_way,)

    def seen(self) -> sa.Select[Any]:
        """The codes, with what is asked for them."""
        part = (change_parts.c.id.label("part_id"), change_parts.c.action, change_parts.c.was)
        asked = change_parts.c.attempts.label("asked")
        return sa.select(codes, *part, asked).join(codes, codes.c.id == change_parts.c.code_id)

    def requests(self, rows: Sequence[sa.Row[Any]]) -> list[InnerRequest]:
        with reading(self.mint.engine) as connection:
            wishes = Wishes(connection, self.change)
            return [self._request(row, wishes) for row in rows]

    def _request(self, row: sa.Row[Any], wishes: Wishes) -> InnerRequest:
        coupons, id_ = self.mint.client.coupons, str(row.part_id)
        if row.action == Action.CREATE:
            return coupons.creation(id_, wishes.whole(row))
        if row.action == Action.DELETE:
            return coupons.deletion(id_, row.coupon_id)
        match ChangeKind(self.change.kind):
            case ChangeKind.PAUSE:
                body = changed_body(status="PAUSED")
            case ChangeKind.RESUME | ChangeKind.LAUNCH:
                body = changed_body(status="ACTIVE")
            case ChangeKind.EXTEND:
                body = changed_body(expires_at=self.change.valid_until)
            case ChangeKind.RECYCLE:
                body = wishes.anew(row)
            case _:
                body = wishes.put_right(row)
        return coupons.change(id_, row.coupon_id, body)

    def learn(self, rows: Sequence[sa.Row[Any]], answers: Answers) -> Learnt[_One]:
        settled = {}
        for row in rows:
            if (answer := answers.to(row.part_id)) is not None:
                settled[row.part_id] = _meaning(row, answer)
        known = [row for row in rows if row.part_id in settled]
        settled |= self._look_up([row for row in known if settled[row.part_id].became is Became.LOOK_UP])
        stopped = (one.reason for one in settled.values() if one.became is Became.STOP)
        return Learnt(rows=[(row, settled[row.part_id]) for row in known], stopped=next(stopped, ""))

    def learn_lost(self, rows: Sequence[sa.Row[Any]]) -> Learnt[_One]:
        found = self._look_up([row for row in rows if row.action == Action.CREATE])
        again = Settled(became=Became.AGAIN, reason="its batch was lost")
        return Learnt(rows=[(row, found.get(row.part_id, again)) for row in rows])

    def _look_up(self, rows: Sequence[sa.Row[Any]]) -> dict[int, Settled]:
        """What became of coupons that may have been made: the store's own, by their codes."""
        if not rows:
            return {}
        found = {row.part_id: self.mint.client.coupons.find(row.code) for row in rows}
        with reading(self.mint.engine) as connection:
            wishes = Wishes(connection, self.change)
            settled = {}
            for row in rows:
                coupon = found[row.part_id]
                if coupon is None:
                    settled[row.part_id] = Settled(became=Became.AGAIN, reason="it isn't in the store yet")
                elif wishes.is_it(row, coupon, since=self.change.created_at):
                    settled[row.part_id] = Settled(became=Became.DONE, coupon_id=coupon.coupon_id)
                else:
                    reason = f"the store has a coupon {coupon.coupon_id} with its code that isn't ours"
                    settled[row.part_id] = Settled(became=Became.FAIL, reason=reason)
        return settled

    def write(self, connection: Connection, learnt: Learnt[_One], now: datetime) -> None:
        for row, settled in learnt.rows:
            write_settled(connection, self.change, row, settled, now)

    def trouble(self, stopped: str) -> NeedsPerson:
        return NeedsPerson(
            f"The store changes no coupons for us: {stopped}.",
            hint="Check the store's plan and that the token has the scope update_discount_coupons.",
        )


def _meaning(row: sa.Row[Any], answer: InnerAnswer) -> Settled:
    action = Action(row.action)
    told = _told(action, answer)
    meaning = became(
        action=action, executed=answer.executed, status=answer.status, told=told, attempts=row.asked
    )
    said = f"HTTP {answer.status}" if answer.executed else "the batch ended without it"
    coupon_id = told if action is Action.CREATE else None
    return Settled(became=meaning, reason=answer.message or said, coupon_id=coupon_id)


def _told(action: Action, answer: InnerAnswer) -> int | None:
    key = {Action.CREATE: "id", Action.UPDATE: "updateCount", Action.DELETE: "deleteCount"}[action]
    said = answer.body.get(key) if isinstance(answer.body, dict) else None
    return int(said) if said is not None else None
