"""What a row wants against what the store has, what each answer does to a row, and what an undo may put back. Pure.

A row's fields have one name everywhere: name, price, cost_price, quantity (None: unlimited), low_stock_at, enabled,
discounts_allowed, categories (ids, sorted). A row holds only the fields that its file names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

Value = str | Decimal | int | bool | tuple[int, ...] | None
Fields = Mapping[str, Value]
Options = tuple[tuple[str, str], ...]

IN_FLIGHT = 3  # batches handed over at a time: the store works them off in order
MOST_ATTEMPTS = 5
SETTLES = timedelta(seconds=6)  # the store's search shows a write after 1.5 to 5 seconds
_SKEW = timedelta(seconds=5)
_CANT_UNSET = {"cost_price", "low_stock_at", "price", "name"}  # the API has no way to take these away again


class Kind(StrEnum):
    """What a row is about."""

    PRODUCT = "product"
    VARIATION = "variation"


class Action(StrEnum):
    """What is to be done to a row's product or variation."""

    UNDECIDED = ""
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    NOTHING = "nothing"


class ImportState(StrEnum):
    """Where an import, or the undo of one, stands."""

    READING = "reading"  # the file and the store are being read; nothing was sent
    APPLYING = "applying"  # every row is decided and journalled; calls are going out
    DONE = "done"


class RowState(StrEnum):
    """Where one row stands."""

    READ = "read"  # journalled, not yet compared with the store
    PLANNED = "planned"  # to be sent
    POSTING = "posting"  # in a batch that is on its way: it may be applied already
    UNSURE = "unsure"  # the batch can't tell: to be looked up before anything else
    DONE = "done"
    UNCHANGED = "unchanged"  # the store had it so
    FAILED = "failed"  # the reason says why


ROW_OPEN = frozenset({RowState.READ, RowState.PLANNED, RowState.POSTING, RowState.UNSURE})


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What becomes of a row."""

    state: RowState
    action: Action
    old: Fields | None = None  # the store's values of the fields the row names; None where there was nothing
    wanted: Fields | None = None  # None: as the row has it
    reason: str = ""  # why it failed; of a planned row: what it will not have done


def failed(reason: str, action: Action = Action.NOTHING) -> Decision:
    """A row that can't be done."""
    return Decision(state=RowState.FAILED, action=action, reason=reason)


def only(fields: Fields, names: Mapping[str, object]) -> dict[str, Value]:
    """The fields of these names; one that isn't there is None."""
    return {name: fields.get(name) for name in names}


def changes(wanted: Fields, old: Fields) -> dict[str, Value]:
    """The fields that differ, with their wanted values."""
    return {name: value for name, value in wanted.items() if not same(value, old.get(name))}


def same(one: Value, other: Value) -> bool:
    """Whether two values mean the same; True is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def for_existing(wanted: Fields, present: Fields) -> Decision:
    """A row whose product or variation the store has."""
    old = only(present, wanted)
    if changes(wanted, old):
        return Decision(state=RowState.PLANNED, action=Action.UPDATE, old=old)
    return Decision(state=RowState.UNCHANGED, action=Action.NOTHING, old=old)


def for_variation(wanted: Fields, options: Options, present: Fields, present_options: Options) -> Decision:
    """A variation's row whose SKU its product has; its options are never changed."""
    if options and sorted(options) != sorted(present_options):
        return failed(f"in the store it has the options {say_options(present_options)}")
    return for_existing(wanted, present)


def for_new(kind: Kind, sku: str, wanted: Fields, options: Options) -> Decision:
    """A row whose SKU the store doesn't have."""
    if kind is Kind.PRODUCT:
        missing = [name for name in ("name", "price") if wanted.get(name) is None]
        if missing:
            return failed(f"the store has no product {sku}, and a new one needs a {' and a '.join(missing)}")
    elif not options:
        return failed(f"the product has no variation {sku}, and a new one needs options like Size=100 g")
    return Decision(state=RowState.PLANNED, action=Action.CREATE)


class Outcome(StrEnum):
    """What one inner answer does to its row."""

    DONE = "done"
    LOOK_UP = "look_up"  # it may or may not have been done
    AGAIN = "again"  # nothing was done
    FAIL = "fail"
    STOP = "stop"  # nothing was done, and nothing will be until somebody acts


def outcome(*, action: Action, executed: bool, status: int, attempts: int) -> Outcome:
    """The meaning of one inner answer. `attempts` counts this one."""
    if not executed or status == 429:
        return Outcome.AGAIN if attempts < MOST_ATTEMPTS else Outcome.FAIL
    if status == 200 or (status == 404 and action is Action.DELETE):
        return Outcome.DONE
    if status >= 500 or status == 408 or (status == 409 and action is Action.CREATE):
        return Outcome.LOOK_UP
    if status in {402, 403}:
        return Outcome.STOP
    return Outcome.FAIL


def after_update(*, wanted: Fields, old: Fields, present: Fields, attempts: int) -> Decision:
    """An update whose answer is not known, by what the store has now. An update is applied whole or not at all."""
    sent = changes(wanted, old)
    if any(same(present.get(name), value) for name, value in sent.items()):
        return Decision(state=RowState.DONE, action=Action.UPDATE, old=old)
    if changes(old, present):
        return failed(
            "it was changed in the store meanwhile, and whether our change came before can't be told",
            Action.UPDATE,
        )
    return _again(Action.UPDATE, old, attempts)


def after_creation(
    *, wanted: Fields, present: Fields | None, made_at: datetime | None, asked_at: datetime, attempts: int
) -> Decision:
    """A creation whose answer is not known or was 409, by what the store has under its SKU; `asked_at` by the store's clock."""
    if present is None:
        return _again(Action.CREATE, None, attempts)
    found = for_existing(wanted, present)
    ours = made_at is None or made_at >= asked_at - _SKEW
    if found.state is RowState.UNCHANGED and ours:
        return Decision(state=RowState.DONE, action=Action.CREATE)
    return found  # somebody else's: brought to the file's values, and its own are journalled


def after_deletion(*, present: bool, attempts: int) -> Decision:
    """A deletion whose answer is not known."""
    if present:
        return _again(Action.DELETE, None, attempts)
    return Decision(state=RowState.DONE, action=Action.DELETE)


def _again(action: Action, old: Fields | None, attempts: int) -> Decision:
    if attempts >= MOST_ATTEMPTS:
        return failed(f"the store failed {attempts} times to do it", action)
    return Decision(state=RowState.PLANNED, action=action, old=old)


def undo_update(*, before: Fields, set_: Fields, present: Fields, variation: bool, force: bool) -> Decision:
    """Putting the values from before the import back, except what somebody changed since or what the API can't take away."""
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
            troubles.append(f"{name} was {was} before, which the store's API can't bring back")
        else:
            back[name] = value
    reason = "; ".join(troubles)
    if back:
        old = only(present, back)
        return Decision(state=RowState.PLANNED, action=Action.UPDATE, old=old, wanted=back, reason=reason)
    return failed(reason) if reason else Decision(state=RowState.UNCHANGED, action=Action.NOTHING)


def undo_creation(*, set_: Fields, present: Fields | None, strangers: int, force: bool) -> Decision:
    """Deleting what the import made; `strangers` counts variations of it that the import didn't make."""
    if present is None:
        return Decision(state=RowState.UNCHANGED, action=Action.NOTHING)
    moved = changes(set_, present)
    if moved and not force:
        said = ", ".join(
            f"{name} (the import set {say(set_[name])}, it is {say(present.get(name))} now)" for name in moved
        )
        return failed(f"not deleted: somebody changed its {said}")
    if strangers and not force:
        return failed("not deleted: it has variations that the import didn't make")
    return Decision(state=RowState.PLANNED, action=Action.DELETE)


def say(value: Value) -> str:
    """A value in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def say_options(options: Options) -> str:
    """Options as the file writes them."""
    return "; ".join(f"{name}={value}" for name, value in options)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many rows stand where."""

    by_state: Mapping[str, int] = field(default_factory=dict)
    created: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def total(self) -> int:
        return sum(self.by_state.values())

    @property
    def done(self) -> int:
        return self.by_state.get(RowState.DONE, 0)

    @property
    def unchanged(self) -> int:
        return self.by_state.get(RowState.UNCHANGED, 0)

    @property
    def failed(self) -> int:
        return self.by_state.get(RowState.FAILED, 0)

    @property
    def open(self) -> int:
        return self.total - self.done - self.unchanged - self.failed
