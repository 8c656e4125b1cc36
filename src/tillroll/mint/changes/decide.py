"""What a change asks of the store for one code, and what the answer does to it, decided from values alone. Pure."""

from __future__ import annotations

from enum import StrEnum

from tillroll.campaign.states import ChangeKind, CodeState

IN_FLIGHT = 2  # batches handed over at a time: minting has the rest of what the store works off in order
MOST_ATTEMPTS = 8

FIRST = (
    ChangeKind.PAUSE,
    ChangeKind.REVOKE,
    ChangeKind.LAUNCH,
    ChangeKind.RESUME,
    ChangeKind.RECYCLE,
)
"""What can't wait for the other changes: it takes money back, or somebody waits for it."""

LAST = (ChangeKind.CLEAR,)

NEEDS_ORDERS = frozenset({ChangeKind.RESUME, ChangeKind.EXTEND, ChangeKind.REVOKE})
"""Changes that pass over codes that were used: the orders must be read up to when they were asked for."""

OVERTAKES = {
    ChangeKind.PAUSE: frozenset({ChangeKind.RESUME, ChangeKind.LAUNCH}),
    ChangeKind.RESUME: frozenset({ChangeKind.PAUSE}),
    ChangeKind.REVOKE: frozenset(ChangeKind),
    ChangeKind.CLEAR: frozenset(ChangeKind),
}
"""Whose parts that the store hasn't heard of are passed over, since a later change wants something else."""

AT_ONCE = {
    ChangeKind.PAUSE: CodeState.PAUSED,
    ChangeKind.REVOKE: CodeState.REVOKED,
    ChangeKind.CLEAR: CodeState.CLEARED,
}
"""What a code is in the ledger as soon as the change is written down: nothing is sent with it from then on."""


class Action(StrEnum):
    """What the store is asked for."""

    UPDATE = "update"
    DELETE = "delete"
    CREATE = "create"


def action_of(kind: ChangeKind) -> Action:
    """What a change asks of the store for each of its codes (putting right may also ask for a new coupon)."""
    return Action.DELETE if kind in {ChangeKind.REVOKE, ChangeKind.CLEAR} else Action.UPDATE


def urgency(kind: ChangeKind) -> int:
    """Which change is worked on first: the lower, the sooner."""
    if kind in FIRST:
        return FIRST.index(kind)
    return len(FIRST) + (kind in LAST)


class Became(StrEnum):
    """What one answer of the store says of one code."""

    DONE = "done"
    GONE = "gone"  # there is no such coupon any more
    LOOK_UP = "look_up"  # it may have been made, or somebody else has made one
    AGAIN = "again"  # it wasn't done, and may be asked for again
    FAIL = "fail"  # refused for good
    STOP = "stop"  # it wasn't done, and nothing will be until somebody acts


def became(*, action: Action, executed: bool, status: int, told: int | None, attempts: int) -> Became:
    """The meaning of one inner answer. `told`: how many coupons it changed, or the id of the one it made; None: it doesn't say.

    A change or a deletion that may have been done is asked for again: doing it twice is doing it once.
    """
    passing = not executed or status in {408, 429} or status >= 500
    if passing:
        if action is Action.CREATE and executed and status != 429:
            return Became.LOOK_UP
        return Became.AGAIN if attempts < MOST_ATTEMPTS else Became.FAIL
    if status == 200:
        return _at_200(action, told)
    if status == 404 and action is not Action.CREATE:
        return Became.GONE if action is Action.UPDATE else Became.DONE
    if status == 409 and action is Action.CREATE:
        return Became.LOOK_UP
    return Became.STOP if status in {402, 403} else Became.FAIL


def _at_200(action: Action, told: int | None) -> Became:
    if action is Action.UPDATE and told == 0:
        return Became.GONE
    if action is Action.CREATE and told is None:
        return Became.LOOK_UP
    return Became.DONE


def pause_before(attempts: int) -> int:
    """Seconds until a code is asked for again: 2, 4, 8, and so on up to a minute."""
    return min(60, int(2 ** max(1, attempts)))
