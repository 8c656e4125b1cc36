"""Decisions of an import: what to do with a row, what an answer means for it, and what an undo may restore. Pure.

A row's fields have one name everywhere: name, price, cost_price, quantity (None: unlimited), low_stock_at, enabled,
discounts_allowed, categories (ids, sorted). A row holds only the fields that its file names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from tillroll.campaign.figures.retry import RetryPolicy

Value = str | Decimal | int | bool | tuple[int, ...] | None
Fields = Mapping[str, Value]
Options = tuple[tuple[str, str], ...]

IN_FLIGHT = 3  # batches handed over at a time: the store works them off in order
ROW_RETRIES = RetryPolicy(attempts=5)  # of the call that writes one row; without a pause
SETTLES = timedelta(seconds=6)  # the store's search shows a write after 1.5 to 5 seconds
_SKEW = timedelta(seconds=5)
_CANT_UNSET = {"cost_price", "low_stock_at", "price", "name"}  # the API has no way to take these away again


class RowKind(StrEnum):
    """Whether a row is about a product or a variation."""

    PRODUCT = "product"
    VARIATION = "variation"


class RowAction(StrEnum):
    """What to do with a row's product or variation."""

    UNDECIDED = ""
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    NOTHING = "nothing"


class ImportState(StrEnum):
    """The state of an import or an undo."""

    READING = "reading"  # the file and the store are being read; nothing was sent
    APPLYING = "applying"  # every row is decided and journalled; calls are going out
    DONE = "done"


class RowState(StrEnum):
    """The state of one row."""

    READ = "read"  # journalled, not yet compared with the store
    PLANNED = "planned"  # to be sent
    POSTING = "posting"  # in a batch without an answer: it may have been applied
    UNSURE = "unsure"  # its outcome is unknown: it must be looked up first
    DONE = "done"
    UNCHANGED = "unchanged"  # the store already had these values
    FAILED = "failed"  # the reason says why


ROW_OPEN = frozenset({RowState.READ, RowState.PLANNED, RowState.POSTING, RowState.UNSURE})


@dataclass(frozen=True, kw_only=True)
class RowDecision:
    """The next state of a row, and what to do with it."""

    state: RowState
    action: RowAction
    old: Fields | None = None  # the store's values of the row's fields; None: no such object
    wanted: Fields | None = None  # None: as in the row
    reason: str = ""  # why it failed; of a partial undo: what it can't restore
    partial: bool = False  # an undo that can't restore every field: it fails in the end, with this reason


def failed(reason: str, action: RowAction = RowAction.NOTHING) -> RowDecision:
    """Return the decision that a row fails."""
    return RowDecision(state=RowState.FAILED, action=action, reason=reason)


def only(fields: Fields, names: Mapping[str, object]) -> dict[str, Value]:
    """Return the fields of these names; a missing one is None."""
    return {name: fields.get(name) for name in names}


def changes(wanted: Fields, old: Fields) -> dict[str, Value]:
    """Return the fields that differ, with their wanted values."""
    return {name: value for name, value in wanted.items() if not same(value, old.get(name))}


def same(left: Value, right: Value) -> bool:
    """Return whether two values are equal; True does not equal 1."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def for_existing(wanted: Fields, present: Fields) -> RowDecision:
    """Decide a row whose product or variation exists in the store."""
    old = only(present, wanted)
    if changes(wanted, old):
        return RowDecision(state=RowState.PLANNED, action=RowAction.UPDATE, old=old)
    return RowDecision(state=RowState.UNCHANGED, action=RowAction.NOTHING, old=old)


def for_variation(wanted: Fields, options: Options, present: Fields, present_options: Options) -> RowDecision:
    """Decide the row of a variation that exists. Its options are never changed."""
    if options and sorted(options) != sorted(present_options):
        return failed(f"in the store its options are {say_options(present_options)}")
    return for_existing(wanted, present)


def for_new(kind: RowKind, sku: str, wanted: Fields, options: Options) -> RowDecision:
    """Decide a row whose SKU the store does not have."""
    if kind is RowKind.PRODUCT:
        missing = [name for name in ("name", "price") if wanted.get(name) is None]
        if missing:
            return failed(f"the store has no product {sku}, and a new one needs a {' and a '.join(missing)}")
    elif not options:
        return failed(f"the product has no variation {sku}, and a new one needs options like Size=100 g")
    return RowDecision(state=RowState.PLANNED, action=RowAction.CREATE)


class RowOutcome(StrEnum):
    """What an answer means for its row."""

    DONE = "done"
    LOOK_UP = "look_up"  # it may have been applied
    AGAIN = "again"  # nothing was applied: send it again
    FAIL = "fail"
    STOP = "stop"  # nothing was applied, and nothing will be until somebody acts


def outcome(*, action: RowAction, executed: bool, status: int, attempts: int) -> RowOutcome:
    """Return what an answer inside a batch means. `attempts` includes this one."""
    if not executed or status == 429:
        return RowOutcome.AGAIN if ROW_RETRIES.may_try_again(attempts) else RowOutcome.FAIL
    if status == 200 or (status == 404 and action is RowAction.DELETE):
        return RowOutcome.DONE
    if status >= 500 or status == 408 or (status == 409 and action is RowAction.CREATE):
        return RowOutcome.LOOK_UP
    if status in {402, 403}:
        return RowOutcome.STOP
    return RowOutcome.FAIL


def after_update(*, wanted: Fields, old: Fields, present: Fields, attempts: int) -> RowDecision:
    """Decide an update without an answer by what the store has now. The store applies an update in full or not at all."""
    sent = changes(wanted, old)
    if any(same(present.get(name), value) for name, value in sent.items()):
        return RowDecision(state=RowState.DONE, action=RowAction.UPDATE, old=old)
    if changes(old, present):
        return failed(
            "it was changed in the store meanwhile, and it is unclear whether our change was applied before",
            RowAction.UPDATE,
        )
    return _again(RowAction.UPDATE, old, attempts)


def after_creation(
    *,
    wanted: Fields,
    present: Fields | None,
    made_at: datetime | None,
    asked_at: datetime | None,
    attempts: int,
) -> RowDecision:
    """Decide a creation without an answer, or with a 409, by what the store has under its SKU.

    `asked_at` is when it was first sent, by the store's clock: an object made before that is not ours.
    """
    if present is None:
        return _again(RowAction.CREATE, None, attempts)
    decision = for_existing(wanted, present)
    ours = made_at is None or (asked_at is not None and made_at >= asked_at - _SKEW)
    if decision.state is RowState.UNCHANGED and ours:
        return RowDecision(state=RowState.DONE, action=RowAction.CREATE)
    return decision  # somebody else made it: it is updated, and its old values are journalled


def after_deletion(*, present: bool, attempts: int) -> RowDecision:
    """Decide a deletion without an answer."""
    if present:
        return _again(RowAction.DELETE, None, attempts)
    return RowDecision(state=RowState.DONE, action=RowAction.DELETE)


def _again(action: RowAction, old: Fields | None, attempts: int) -> RowDecision:
    if not ROW_RETRIES.may_try_again(attempts):
        return failed(f"the store failed {attempts} times", action)
    return RowDecision(state=RowState.PLANNED, action=action, old=old)


def undo_update(
    *, before: Fields, set_: Fields, present: Fields, variation: bool, force: bool
) -> RowDecision:
    """Decide an undo of an update: restore the values of `before`; `set_` are those that the import set.

    A field that somebody has changed since stays, unless `force`. So does a field that was empty and that the API can't clear.
    """
    back: dict[str, Value] = {}
    troubles = []
    for name, value in before.items():
        now = present.get(name)
        if same(now, value):
            continue
        if not same(now, set_.get(name)) and not force:
            troubles.append(
                f"{name} was changed since: the import set {say(set_.get(name))}, it is {say(now)} now"
                f" (before: {say(value)})"
            )
        elif value is None and name in _CANT_UNSET:
            was = "the product's own" if variation and name == "price" else "not set"
            troubles.append(f"{name} was {was} before, which the store's API can't restore")
        else:
            back[name] = value
    reason = "; ".join(troubles)
    if back:
        old = only(present, back)
        return RowDecision(
            state=RowState.PLANNED,
            action=RowAction.UPDATE,
            old=old,
            wanted=back,
            reason=reason,
            partial=bool(troubles),
        )
    return failed(reason) if reason else RowDecision(state=RowState.UNCHANGED, action=RowAction.NOTHING)


def undo_creation(*, set_: Fields, present: Fields | None, strangers: int, force: bool) -> RowDecision:
    """Decide an undo of a creation: delete the object. `strangers`: the number of its variations that others have made."""
    if present is None:
        return RowDecision(state=RowState.UNCHANGED, action=RowAction.NOTHING)
    moved = changes(set_, present)
    if moved and not force:
        differences = ", ".join(
            f"{name} (the import set {say(set_[name])}, it is {say(present.get(name))} now)" for name in moved
        )
        return failed(f"not deleted: somebody changed its {differences}")
    if strangers and not force:
        return failed("not deleted: it has variations that the import didn't make")
    return RowDecision(state=RowState.PLANNED, action=RowAction.DELETE)


def say(value: Value) -> str:
    """Return a value in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def say_options(options: Options) -> str:
    """Return options as a file has them."""
    return "; ".join(f"{name}={value}" for name, value in options)
