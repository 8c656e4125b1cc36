"""Accounts, their sessions, and what people decided about plans."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tillroll.ledger.records.record import Record


@dataclass(frozen=True, kw_only=True)
class Account(Record):
    """Somebody who may sign in. The password's hash stays in the table."""

    id: int
    email: str  # lower case, unique
    active: bool  # False: the account is closed and cannot sign in
    create_datetime: datetime  # when it was opened
    tf_primary_method: str | None  # of the second factor: authenticator, or None without one


@dataclass(frozen=True, kw_only=True)
class WebSession(Record):
    """A browser that is signed in, or that awaits the second factor."""

    id: int
    user_id: int | None  # None: the password was right, and the second factor is awaited
    created_at: datetime
    seen_at: datetime  # when it was used last, to about a minute
    address: str  # of the client, at its last use
    agent: str  # the browser's description of itself, cut short
    data: str  # what it remembers, sealed


class CountedBy(StrEnum):
    """What failed sign-ins are counted by."""

    ACCOUNT = "account"  # the address that was typed, whether there is such an account or not
    CLIENT = "client"  # the network address that it came from
    PAIR = "pair"  # both
    CODE = "code"  # the account whose second factor was wrong


@dataclass(frozen=True, kw_only=True)
class SignInCount(Record):
    """The failed sign-ins of one account, one client, or one account from one client."""

    id: int
    kind: CountedBy  # what is counted by
    digest: str  # SHA-256 of the account's or client's address, or of both
    failures: int  # how many, since the last that succeeded
    first_at: datetime  # the first of the failures that are counted together
    last_at: datetime  # the last attempt
    succeeded_at: datetime | None  # the last one that succeeded


@dataclass(frozen=True, kw_only=True)
class PersonalKey(Record):
    """A key by which commands know their person. The key itself is with its owner only."""

    id: int
    user_id: int  # whose it is
    account_key: str  # what sessions named its account by when it was made; a new password ends both
    machine: str  # where it was made
    created_at: datetime  # when its owner signed in
    expires_at: datetime  # from then on it is refused
    used_at: datetime | None  # the last time, to the minute; None: never
    revoked_at: datetime | None  # refused since


@dataclass(frozen=True, kw_only=True)
class PlanDecision(Record):
    """One person's approval or rejection of one plan. Unique by plan and person."""

    id: int
    run_id: int  # the run of the plan
    plan_id: int  # the plan that was decided on; the run may have another one by now
    digest: str  # of that plan, as the person saw it
    decision: str  # approve or reject
    person: str  # who decided
    note: str  # why, in their own words
    at: datetime  # when they decided
