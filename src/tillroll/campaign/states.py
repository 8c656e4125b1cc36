"""The states of a run, a code, a chunk, a change, a message and an entry, and the named sets that queries and pages share.

States are written by the stages with compare-and-set (update where the state is still the one read), so the names
here are also the values in the ledger.
"""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where one occurrence of a campaign stands; in the order of the path."""

    PLANNING = "planning"  # due, or sent back because its files changed: wants a plan
    WAITING = "waiting"  # planned: waits for a person
    APPROVED = "approved"  # the plan's digest has its quorum: minting may begin
    MINTING = "minting"  # begun: follows its frozen plan to the end
    SENDING = "sending"  # every code is live or explained
    TRACKING = "tracking"  # every message is sent, failed or parked; orders still count
    DONE = "done"  # its codes have expired
    REJECTED = "rejected"  # a person said no
    REFUSED = "refused"  # a guardrail or the plan itself says it can't go
    EXPIRED = "expired"  # nobody decided in time
    SKIPPED = "skipped"  # its slot was missed and `if_late` says to let it pass
    HALTED = "halted"  # a person stopped it


RUN_OPEN = frozenset(
    {
        RunState.PLANNING,
        RunState.WAITING,
        RunState.APPROVED,
        RunState.MINTING,
        RunState.SENDING,
        RunState.TRACKING,
    }
)
RUN_FINAL = frozenset(RunState) - RUN_OPEN
RUN_BEGUN = frozenset({RunState.MINTING, RunState.SENDING, RunState.TRACKING})
RUN_NEEDS_A_PERSON = frozenset({RunState.WAITING})
RUN_HOLDS_MONEY = frozenset({RunState.APPROVED, RunState.MINTING, RunState.SENDING, RunState.TRACKING})
"""Runs whose worst case counts against budgets: approved and not yet past their codes' expiry."""


class CodeState(StrEnum):
    """Where one code stands between the ledger and the store."""

    RESERVED = "reserved"  # drawn and recorded; the store hasn't heard of it
    POSTING = "posting"  # in a chunk that is on its way: it may be live already
    LIVE = "live"  # the store answered with a coupon id
    CLASHED = "clashed"  # the store had this code already and it isn't ours: a replacement was drawn
    FAILED = "failed"  # the store refused it for good; the reason says why
    PAUSED = "paused"  # in the store and switched off, or about to be: nothing is sent with it
    REVOKED = "revoked"  # taken out of the store before its time was over, or gone from it
    CLEARED = "cleared"  # its time was over, and it was taken out of the store


CODE_OPEN = frozenset({CodeState.RESERVED, CodeState.POSTING})
CODE_FINAL = frozenset(CodeState) - CODE_OPEN
CODE_IN_STORE = frozenset({CodeState.LIVE, CodeState.PAUSED})


class ChangeKind(StrEnum):
    """What can be done to codes that are in the store."""

    PAUSE = "pause"
    RESUME = "resume"
    EXTEND = "extend"  # they work for longer
    REVOKE = "revoke"  # those that can still be used are deleted in the store
    CLEAR = "clear"  # those whose time is over are deleted in the store
    LAUNCH = "launch"  # those made ahead, switched off, are switched on
    PUT_RIGHT = "put_right"  # the store's coupon becomes again what the ledger says
    RECYCLE = "recycle"  # what a halted run left over becomes another run's


class ChangeState(StrEnum):
    """Where a change stands."""

    GATHERING = "gathering"  # its codes are being written down
    WORKING = "working"  # they are all known; the store is being told
    DONE = "done"  # each is done, passed over or failed


CHANGE_OPEN = frozenset({ChangeState.GATHERING, ChangeState.WORKING})


class PartState(StrEnum):
    """Where one code of a change stands."""

    WANTED = "wanted"  # the store hasn't heard of it
    POSTING = "posting"  # in a chunk that is on its way
    DONE = "done"
    PASSED = "passed"  # nothing was to be done after all; the reason says why
    FAILED = "failed"  # refused for good; the reason says why


PART_OPEN = frozenset({PartState.WANTED, PartState.POSTING})


class DriftKind(StrEnum):
    """How a coupon of the store is not what the ledger says."""

    CHANGED = "changed"  # somebody edited it
    DELETED = "deleted"  # it is gone
    STILL_THERE = "still_there"  # it was taken out of the store, and is there
    CLASH = "clash"  # it has a code that the ledger drew, and isn't ours
    STRAY = "stray"  # the ledger doesn't know it, and it looks like one of ours


class DriftState(StrEnum):
    """What becomes of a drift."""

    OPEN = "open"  # a person decides
    FIXING = "fixing"  # a change puts it right
    FIXED = "fixed"
    ACCEPTED = "accepted"  # the store's way stands
    OVER = "over"  # a later look didn't see it any more


DRIFT_OPEN = frozenset({DriftState.OPEN, DriftState.FIXING})
SWITCHED_OFF_THERE = "switched off in the store"
"""Why a code is paused that nobody here paused: the store's truth wins, and a person decides whether it stands."""

FORGOTTEN = "the store had it, and this ledger had forgotten it"
"""Why a code is in the ledger that was restored from before it was made."""

LEFT_OVER = "left over"
"""Why a code of a halted run is nobody's: it reached nobody, and waits for a run on the same terms."""


class ChunkState(StrEnum):
    """Where one request to the store for up to 500 codes stands."""

    POSTING = "posting"  # the intent is recorded; the request may or may not have arrived
    POSTED = "posted"  # the store gave a ticket
    DONE = "done"  # every answer is recorded
    LOST = "lost"  # the outcome could not be learned from the batch: its codes were looked up one by one


class MessageState(StrEnum):
    """Where one e-mail stands."""

    READY = "ready"  # may go as soon as its code is live and its hour has come
    SENDING = "sending"  # the intent is recorded; it may or may not have left
    SENT = "sent"  # the transport took it
    FAILED = "failed"  # refused for good; the reason says why
    UNKNOWN = "unknown"  # it may have left: never silently repeated or dropped
    HELD = "held"  # may not go (consent withdrawn, no code); the reason says why


MESSAGE_OPEN = frozenset({MessageState.READY, MessageState.SENDING})
MESSAGE_FINAL = frozenset(MessageState) - MESSAGE_OPEN
MESSAGE_NEEDS_A_PERSON = frozenset({MessageState.UNKNOWN})


class EntryState(StrEnum):
    """Where somebody (or a product) that an event brought into a campaign stands."""

    WAITING = "waiting"  # a step is to come; the reason says so if the campaign doesn't act meanwhile
    LEFT = "left"  # gone before the last step; the reason says why
    DONE = "done"  # through all steps


NO_SALE = ("CANCELLED", "REFUNDED", "INCOMPLETE")
"""Payment statuses of the store's orders that are no sale, or none any more."""
