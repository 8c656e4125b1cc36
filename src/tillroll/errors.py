"""The error tree. Each class says what the caller can do next.

    TillrollError                 has a `message` (what happened, and where) and a `hint` (what to do next)
    ├── Refused                   the request is wrong: change it, then try again
    │   ├── FaultyFiles           campaign, rule or template files have faults (all of them are listed)
    │   ├── NotAllowed            this person may not do this
    │   ├── NotFound              there is no such campaign, run, plan or user
    │   └── Conflict              the object has changed since it was read
    ├── TryLater                  the request is right; try again at `retry_at`
    ├── OutcomeUnknown            it may have been done: look it up before doing it again
    └── NeedsPerson               work stops until somebody acts
        ├── StoreDisconnected     the store no longer accepts the token
        ├── PlanLacksApi          the store's plan has no API, or the store is suspended
        ├── ScopeMissing          the token lacks a scope
        ├── StaleLedger           this ledger is a copy or was restored: the store knows of later work
        └── Misconfigured         this installation can't start: settings, database or port

Errors carry attributes, and no code parses their text. Expected results of a decision are values with reasons, not errors.
"""

from __future__ import annotations

from datetime import datetime


class TillrollError(Exception):
    """Base of all errors that are shown to a person; `str()` is the message alone."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Refused(TillrollError):
    """The request can't be carried out; the same request will be refused again."""


class FaultyFiles(Refused):
    """Campaign, rule or template files have faults; `lines` holds each one, rendered for a terminal."""

    def __init__(self, message: str, *, lines: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.lines = lines


class NotAllowed(Refused):
    """This person may not do this."""


class NotFound(Refused):
    """The object that was asked for does not exist."""


class Conflict(Refused):
    """The object has changed since it was read: read it again."""


class TryLater(TillrollError):
    """A temporary failure; `retry_at` (aware UTC) is the earliest sensible time to try again."""

    def __init__(self, message: str, *, retry_at: datetime, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_at = retry_at


class OutcomeUnknown(TillrollError):
    """The answer to a request was lost: the request may or may not have been carried out."""


class NeedsPerson(TillrollError):
    """Work stops until somebody acts; the hint says who must do what."""


class StoreDisconnected(NeedsPerson):
    """The store refuses the token (403 with an empty body for everything: revoked, mistyped, or the app was uninstalled)."""


class PlanLacksApi(NeedsPerson):
    """The store's plan has no API, or the store is suspended (402)."""


class ScopeMissing(NeedsPerson):
    """The token is good but lacks a scope, or a feature is off in the store (403, while the profile is answered)."""


class StaleLedger(NeedsPerson):
    """This ledger is a copy or was restored: work that it counts as open may have been done. See `tillroll rearm`."""


class Misconfigured(NeedsPerson):
    """This installation can't start: a setting, the database or the port is wrong."""
