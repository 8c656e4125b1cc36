"""Bring customers into the store's customer group of their tier, if `rules/tiers.yaml` names groups.

Only who is in the group General, or in a group of some tier, is moved: whom the shop put into another (wholesale) stays there.
Each customer is read first, so a process that dies between the call and its record finds them in step, and moves nobody twice.
Without the scope `update_customers` nobody is moved, which is said once and tried again a day later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from tillroll.batches.session import StoreSession
from tillroll.campaign.figures.tiers import GroupMoveOutcome
from tillroll.campaign.states import ItemKind, Stage
from tillroll.ecwid.http.errors import StoreRefusal, StoreSaysNotFound
from tillroll.errors import OutcomeUnknown, Refused, ScopeMissing
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.boundary import contained
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.mirror.loyalty import TierCounting, load_counting, standings_of
from tillroll.ledger.tables import tier_group_moves, tier_rules
from tillroll.track.waiting import WITHOUT_SCOPE, WaitingRows

log = structlog.get_logger("tillroll.track")

_WAITING = WaitingRows(table=tier_group_moves)
_WITHOUT_GROUP = timedelta(hours=1)
_MOST = 100  # in one turn
_GENERAL = 0  # the number of the group that everybody else is in


@dataclass(frozen=True, kw_only=True)
class _Move:
    """A customer who waits."""

    id: int
    customer_id: int
    attempts: int  # in vain


@dataclass(frozen=True, kw_only=True)
class _MoveResult:
    """What became of a move."""

    outcome: GroupMoveOutcome
    was: str = ""
    group: str = ""


def keep_groups(session: StoreSession, *, until: datetime) -> datetime | None:
    """Bring the customers who wait into their groups, until then. Return when to continue, or None if nobody is due."""
    with reading(session.engine) as connection:
        counting = load_counting(connection, session.store_id)
        waiting = _due(connection, session.store_id, session.clock.now()) if counting is not None else []
    if counting is None or not counting.groups or not waiting:
        return None
    numbers = {str(group.name): group.group_id for group in session.client.customers.groups()}
    trouble, brought = _say_missing(counting, numbers), 0
    try:
        for move in waiting:
            if session.clock.now() >= until:
                break
            _bring(session, counting, numbers, move)
            brought += 1
    except ScopeMissing as missing:
        _WAITING.put_off(session.engine, session.store_id, session.clock.now() + WITHOUT_SCOPE)
        trouble, brought = f"{missing.message} {missing.hint}".strip(), len(waiting)
    _tell_trouble(session, counting, trouble)
    return session.clock.now() if brought < len(waiting) or len(waiting) == _MOST else None


def _due(connection: Connection, store_id: int, now: datetime) -> Sequence[_Move]:
    columns = tier_group_moves.c
    query = (
        sa.select(columns.id, columns.customer_id, columns.attempts)
        .where(*_WAITING.due(store_id, now))
        .order_by(columns.id)
        .limit(_MOST)
    )
    return [_Move(**row._mapping) for row in connection.execute(query)]


def _say_missing(counting: TierCounting, numbers: Mapping[str, int]) -> str:
    """Return which groups the store doesn't have, as sentences for people; empty if it has all."""
    missing = sorted({*counting.groups.values()} - numbers.keys())
    return " ".join(f"The store has no customer group {name}: make it in the store." for name in missing)


def _bring(session: StoreSession, counting: TierCounting, numbers: Mapping[str, int], move: _Move) -> None:
    """Bring one customer into their group. What goes wrong costs the others nothing."""
    name = f"group of customer {move.customer_id}"
    item = FaultyItem(store_id=session.store_id, kind=ItemKind.ROW, name=name)
    tier = _tier_of(session, move)
    wanted = counting.groups.get(tier, _general_in(numbers))
    if wanted not in numbers:
        _WAITING.change(session.engine, move.id, {"not_before": session.clock.now() + _WITHOUT_GROUP})
        return
    now, done = session.clock.now(), None
    with contained(session.engine, item, stage=Stage.TIERS, now=now, raised=(Refused,)):
        try:
            done = _move(session, counting, numbers, move.customer_id, wanted)
        except ScopeMissing:
            raise
        except (OutcomeUnknown, StoreRefusal):
            done = None
    if done is None:
        _try_later(session, move)
    else:
        _settle(session, move, done, tier)


def _tier_of(session: StoreSession, move: _Move) -> str:
    """Return the tier that the customer is in now; empty: none."""
    with reading(session.engine) as connection:
        standing = standings_of(connection, session.store_id, [move.customer_id]).get(move.customer_id)
    return standing.tier if standing is not None else ""


def _general_in(numbers: Mapping[str, int]) -> str:
    return next((name for name, number in numbers.items() if number == _GENERAL), "General")


def _move(
    session: StoreSession, counting: TierCounting, numbers: Mapping[str, int], customer_id: int, wanted: str
) -> _MoveResult:
    """Read a customer and move them, unless they are in step or in a group of the shop's own."""
    try:
        was = str(session.client.customers.get(customer_id).group_name)
        if was == wanted:
            return _MoveResult(outcome=GroupMoveOutcome.IN_STEP, was=was, group=wanted)
        if was not in {"", _general_in(numbers), *counting.groups.values(), *counting.past_groups}:
            return _MoveResult(outcome=GroupMoveOutcome.LEFT_ALONE, was=was, group=wanted)
        session.client.customers.set_group(customer_id, numbers[wanted])
    except StoreSaysNotFound:  # deleted meanwhile
        return _MoveResult(outcome=GroupMoveOutcome.GONE, group=wanted)
    return _MoveResult(outcome=GroupMoveOutcome.MOVED, was=was, group=wanted)


def _settle(session: StoreSession, move: _Move, done: _MoveResult, tier: str) -> None:
    """Record what became of a move, unless the customer's tier has changed meanwhile: then they wait on."""
    if _tier_of(session, move) != tier:
        return
    values = {"outcome": done.outcome, "was": done.was, "group_name": done.group}
    _WAITING.change(session.engine, move.id, {"done_at": session.clock.now(), **values})
    if done.outcome is GroupMoveOutcome.MOVED:
        log.info("tier.group_moved", store_id=session.store_id, customer=move.customer_id)


def _try_later(session: StoreSession, move: _Move) -> None:
    """Count an attempt in vain; after several the customer stays where they are."""
    now = session.clock.now()
    if not _WAITING.try_later(session.engine, move.id, move.attempts, now):
        log.error("tier.group_refused", store_id=session.store_id, customer=move.customer_id)
        refused = {"attempts": move.attempts + 1, "done_at": now, "outcome": GroupMoveOutcome.REFUSED}
        _WAITING.change(session.engine, move.id, refused)


def _tell_trouble(session: StoreSession, counting: TierCounting, trouble: str) -> None:
    """Record why customers can't be brought into their groups, and log it once."""
    if trouble == counting.group_trouble:
        return
    with writing(session.engine) as connection:
        of_store = tier_rules.c.store_id == session.store_id
        connection.execute(sa.update(tier_rules).where(of_store).values(group_trouble=trouble))
    if trouble:
        log.warning("tier.groups_not_kept", store_id=session.store_id, reason=trouble)
