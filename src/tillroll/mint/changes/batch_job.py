"""A change to codes as a batch job: what the store is asked for each code, and what its answers mean.

Asking twice for the same update or deletion is harmless, so the codes of a lost batch are simply asked for again. A coupon that
may have been created is looked up first: it may be ours, somebody else's, or not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.batches.answers import Answers
from tillroll.batches.job import BatchJob, JobOutcome, JobTables
from tillroll.batches.session import BatchSession
from tillroll.campaign.states import ChangeKind, ItemKind, PartState, Stage
from tillroll.ecwid.endpoints.batches import InnerAnswer, InnerRequest
from tillroll.ecwid.endpoints.coupons import Coupon, changed_body
from tillroll.ecwid.http.wire import maybe_whole
from tillroll.errors import NeedsPerson
from tillroll.ledger.engine import reading
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.records import Change
from tillroll.ledger.tables import change_chunks, change_parts
from tillroll.mint.changes.code_part import CodePart, load_parts
from tillroll.mint.changes.decide import IN_FLIGHT, CouponAction, PartResult, part_result
from tillroll.mint.changes.settle import PartOutcome, write_settled
from tillroll.mint.context import MintContext
from tillroll.mint.desired_coupon import DesiredCoupons
from tillroll.mint.draw import new_key

_Settled = tuple[CodePart, PartOutcome]


def batch_session(context: MintContext) -> BatchSession:
    """Return the session that a store's changes are sent with."""
    return BatchSession(
        engine=context.engine,
        client=context.client,
        store_id=context.store_id,
        clock=context.clock,
        new_key=new_key,
    )


@dataclass(frozen=True, kw_only=True)
class ChangeJob(BatchJob[CodePart, _Settled]):
    """One change to a store's codes."""

    context: MintContext
    change: Change

    tables = JobTables(
        chunks=change_chunks, rows=change_parts, chunk="change_chunk_id", waiting=PartState.WANTED
    )
    in_flight = IN_FLIGHT
    stage = Stage.CHANGE

    @property
    def owner(self) -> Mapping[str, int]:
        return {"change_id": self.change.id}

    def ready_conditions(self) -> tuple[sa.ColumnElement[bool], ...]:
        """Hold a code back while an earlier change of it is posted: what was asked for last must reach the store last."""
        earlier = change_parts.alias("earlier")
        is_posted = sa.exists().where(
            earlier.c.code_id == change_parts.c.code_id,
            earlier.c.id < change_parts.c.id,
            earlier.c.state == PartState.POSTING,
        )
        return (~is_posted,)

    def load(self, connection: Connection, *where: sa.ColumnElement[bool]) -> list[CodePart]:
        return load_parts(connection, *where)

    def item(self, row: CodePart) -> FaultyItem:
        return FaultyItem(
            store_id=self.context.store_id,
            kind=ItemKind.CODE,
            name=str(row.id),
            run_id=row.run_id,
            campaign=self.change.campaign,
        )

    def row_id(self, row: CodePart) -> int:
        return row.part_id

    def settled_id(self, outcome: _Settled) -> int:
        return outcome[0].part_id

    def requests(self, rows: Sequence[CodePart]) -> list[InnerRequest]:
        with reading(self.context.engine) as connection:
            desired = DesiredCoupons(connection, self.change)
            return [self._request(part, desired) for part in rows]

    def _request(self, part: CodePart, desired: DesiredCoupons) -> InnerRequest:
        coupons, id_ = self.context.client.coupons, str(part.part_id)
        if part.action is CouponAction.CREATE:
            return coupons.creation(id_, desired.coupon_of(part))
        # unknown if the store made the coupon without naming its number: then the store refuses the call
        coupon_id = cast("int", part.coupon_id)
        if part.action is CouponAction.DELETE:
            return coupons.deletion(id_, coupon_id)
        match self.change.kind:
            case ChangeKind.PAUSE:
                body = changed_body(status="PAUSED")
            case ChangeKind.RESUME | ChangeKind.LAUNCH:
                body = changed_body(status="ACTIVE")
            case ChangeKind.EXTEND:
                body = changed_body(expires_at=self.change.valid_until)
            case ChangeKind.RECYCLE:
                body = desired.recycled_body(part)
            case _:
                body = desired.fixing_body(part)
        return coupons.change(id_, coupon_id, body)

    def interpret(self, rows: Sequence[CodePart], answers: Answers) -> JobOutcome[_Settled]:
        outcomes = {}
        for part in rows:
            if (answer := answers.for_row(part.part_id)) is not None:
                outcomes[part.part_id] = _outcome(part, answer)
        answered = [part for part in rows if part.part_id in outcomes]
        unclear = [part for part in answered if outcomes[part.part_id].result is PartResult.LOOK_UP]
        outcomes |= self._look_up(unclear)
        stopped = (outcome.reason for outcome in outcomes.values() if outcome.result is PartResult.STOP)
        return JobOutcome(
            rows=[(part, outcomes[part.part_id]) for part in answered], stopped=next(stopped, "")
        )

    def interpret_lost(self, rows: Sequence[CodePart]) -> JobOutcome[_Settled]:
        looked_up = self._look_up([part for part in rows if part.action is CouponAction.CREATE])
        again = PartOutcome(result=PartResult.AGAIN, reason="its batch was lost")
        return JobOutcome(rows=[(part, looked_up.get(part.part_id, again)) for part in rows])

    def _look_up(self, parts: Sequence[CodePart]) -> dict[int, PartOutcome]:
        """Return the outcomes of coupons that may have been created, from what the store has under their codes."""
        if not parts:
            return {}
        coupons = {part.part_id: self.context.client.coupons.find(part.code) for part in parts}
        with reading(self.context.engine) as connection:
            desired = DesiredCoupons(connection, self.change)
            return {part.part_id: self._looked_up(part, coupons[part.part_id], desired) for part in parts}

    def _looked_up(self, part: CodePart, coupon: Coupon | None, desired: DesiredCoupons) -> PartOutcome:
        if coupon is None:
            return PartOutcome(result=PartResult.AGAIN, reason="it isn't in the store yet")
        if desired.is_made_by_us(part, coupon, since=self.change.created_at):
            return PartOutcome(result=PartResult.DONE, coupon_id=coupon.coupon_id)
        reason = f"the store has a coupon {coupon.coupon_id} with its code that isn't ours"
        return PartOutcome(result=PartResult.FAIL, reason=reason)

    def write(self, connection: Connection, outcome: JobOutcome[_Settled], now: datetime) -> None:
        for part, part_outcome in outcome.rows:
            write_settled(connection, self.change, part, part_outcome, now)

    def stopped_error(self, reason: str) -> NeedsPerson:
        return NeedsPerson(
            f"The store refuses to change coupons: {reason}.",
            hint="Check the store's plan and that the token has the scope update_discount_coupons.",
        )


def _outcome(part: CodePart, answer: InnerAnswer) -> PartOutcome:
    figure = _figure(part.action, answer)
    result = part_result(
        action=part.action,
        executed=answer.executed,
        status=answer.status,
        figure=figure,
        attempts=part.part_attempts,
    )
    default = f"HTTP {answer.status}" if answer.executed else "the batch ended without it"
    coupon_id = figure if part.action is CouponAction.CREATE else None
    return PartOutcome(result=result, reason=answer.message or default, coupon_id=coupon_id)


def _figure(action: CouponAction, answer: InnerAnswer) -> int | None:
    """Return the number in an answer's body: the new coupon's id, or how many coupons were changed."""
    key = {CouponAction.CREATE: "id", CouponAction.UPDATE: "updateCount", CouponAction.DELETE: "deleteCount"}
    value = answer.body.get(key[action]) if isinstance(answer.body, dict) else None
    return maybe_whole(value)
