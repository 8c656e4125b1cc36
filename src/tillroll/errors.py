"""The error tree, named by what the caller can do next.

    TillrollError                 has a `message` (what happened, where) and a `hint` (what to do next)
    ├── Refused                   the request itself is wrong: change it, then try again
    │   ├── FaultyFiles           campaign, rule or template files have findings (all of them are listed)
    │   ├── NotAllowed            this person may not do this
    │   ├── NotFound              no such campaign, run, plan or user
    │   └── Conflict              somebody was quicker, or the thing has moved on
    ├── TryLater                  nothing is wrong with the request; `retry_at` says when
    ├── OutcomeUnknown            it may have happened: look it up before doing it again
    └── NeedsPerson               the machine can't go on until somebody acts
        ├── StoreDisconnected     the store no longer accepts the token
        ├── PlanLacksApi          the store's plan has no API, or the store is suspended
        ├── ScopeMissing          the token lacks a scope
        ├── LedgerIsAnother       the store was worked for by another ledger, or by this one at a later time
        └── Misconfigured         settings, database, port: this installation can't start

Errors carry attributes; nobody parses their text. Expected outcomes of a decision are values with reasons, not errors.
"""

from __future__ import annotations

from datetime import datetime


class TillrollError(Exception):
    """Base of everything that is said to a person; `str()` is the message alone."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Refused(TillrollError):
    """The request can't be carried out as it stands; the same request will be refused again."""


class FaultyFiles(Refused):
    """Campaign, rule or template files have faults; `lines` holds each finding, rendered for a terminal."""

    def __init__(self, message: str, *, lines: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.lines = lines


class NotAllowed(Refused):
    """This person may not do this."""


class NotFound(Refused):
    """There is no such thing."""


class Conflict(Refused):
    """The thing has moved on since it was looked at; look again."""


class TryLater(TillrollError):
    """A passing trouble; `retry_at` (aware UTC) is the earliest sensible time for another try."""

    def __init__(self, message: str, *, retry_at: datetime, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_at = retry_at


class OutcomeUnknown(TillrollError):
    """The answer was lost after the request went out: it may or may not have been done."""


class NeedsPerson(TillrollError):
    """Work stops until somebody acts; the hint says who does what."""


class StoreDisconnected(NeedsPerson):
    """The store refuses the token (403 with an empty body: revoked, mistyped, or the app was uninstalled)."""


class PlanLacksApi(NeedsPerson):
    """The store's plan has no API, or the store is suspended (402)."""


class ScopeMissing(NeedsPerson):
    """The token is good but lacks a scope, or a feature is off in the store (403 with a body)."""


class LedgerIsAnother(NeedsPerson):
    """This ledger is a copy, or was restored: what it believes undone may have been done. See `tillroll rearm`."""


class Misconfigured(NeedsPerson):
    """This installation can't start as it is set up."""
