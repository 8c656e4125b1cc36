"""Limits on failed sign-ins: by account, by client, and by both.

An attempt is counted as failed before its password is looked at, and taken back when it was right: so attempts made at the same
time, also by several processes, can't pass a limit together.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

from email_validator import EmailNotValidError, validate_email
from sqlalchemy.engine import Engine

from tillroll.ledger.engine import reading, writing
from tillroll.ledger.records import CountedBy, SignInCount
from tillroll.ledger.signins.counts import (
    CountKey,
    clear_counts,
    lock_counts,
    read_counts,
    save_count,
    sweep_counts,
)

_WITHIN = timedelta(minutes=5)
_MOST_WITHIN = {CountedBy.PAIR: 10, CountedBy.CLIENT: 60}
"""So many failures within five minutes shut a key out until the five minutes are over."""

_FREE = {CountedBy.ACCOUNT: 20, CountedBy.CODE: 5}
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=15)
_FORGOTTEN_AFTER = timedelta(days=1)
"""After so many failures an account waits after each further one, from half a minute to a quarter of an hour, so that its owner
gets a turn. A client from which it has signed in lately doesn't wait with the others, so nobody locks the owner out."""

_KNOWN_FOR = timedelta(days=90)
_MOST_ROWS = 50_000
_SWEPT_EVERY = 100  # rows


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Whether an attempt may be made."""

    shut_until: datetime | None = None  # None: it may
    is_last: bool = False  # if it fails, the next one has to wait


class Throttle:
    """The limits on sign-ins with one account from one client. With `code`, on codes of its second factor."""

    def __init__(self, engine: Engine, *, email: str, client: str, code: bool = False) -> None:
        account, network = account_key(email), _network(client)
        self._engine = engine
        self._pair = _key(CountedBy.PAIR, f"{network} {account}")
        self._account = _key(CountedBy.CODE if code else CountedBy.ACCOUNT, account)
        self._of_account = counts_of_account(email)
        self._keys = (self._pair, self._account, _key(CountedBy.CLIENT, network))

    def begin(self, now: datetime) -> Admission:
        """Count an attempt as failed, unless it has to wait. `take_back` when it was right."""
        with reading(self._engine) as connection:
            waiting = _shut_until(read_counts(connection, self._keys), now)
        if waiting is not None:
            return Admission(shut_until=waiting)
        with writing(self._engine) as connection:
            counts = lock_counts(connection, self._keys, now)
            if (waiting := _shut_until(counts, now)) is not None:
                return Admission(shut_until=waiting)
            counted = [self._counted(count, counts, now) for count in counts]
            for count in counted:
                save_count(connection, count)
            if any(count.id % _SWEPT_EVERY == 0 for count in counts):
                sweep_counts(
                    connection,
                    failed_before=now - _FORGOTTEN_AFTER,
                    succeeded_before=now - _KNOWN_FOR,
                    most=_MOST_ROWS,
                )
        return Admission(is_last=_shut_until(counted, now) is not None)

    def take_back(self, now: datetime) -> None:
        """Take back the attempt that `begin` counted: it was right, though a second factor may still be needed."""
        with writing(self._engine) as connection:
            counts = lock_counts(connection, self._keys, now)
            known = _is_known(counts, now)
            for count in counts:
                if not (known and count.kind in _FREE):
                    save_count(connection, replace(count, failures=max(0, count.failures - 1)))

    def signed_in(self, now: datetime) -> None:
        """Forget the failures of the account, and remember that it is used from this client."""
        with writing(self._engine) as connection:
            clear_counts(connection, self._of_account)
            (pair,) = lock_counts(connection, (self._pair,), now)
            save_count(connection, replace(pair, failures=0, last_at=now, succeeded_at=now))

    @staticmethod
    def _counted(count: SignInCount, counts: Sequence[SignInCount], now: datetime) -> SignInCount:
        """Return a count with one failure more."""
        if count.kind in _FREE and _is_known(counts, now):
            return count
        lasting = _FORGOTTEN_AFTER if count.kind in _FREE else _WITHIN
        is_over = (count.last_at if count.kind in _FREE else count.first_at) <= now - lasting
        if count.failures == 0 or is_over:
            return replace(count, failures=1, first_at=now, last_at=now)
        return replace(count, failures=count.failures + 1, last_at=now)


def account_key(email: str) -> str:
    """Return what an account's failures are counted by: the same for every spelling that signs in to the same account."""
    with suppress(EmailNotValidError):  # such a text signs in to nothing, but is counted all the same
        email = validate_email(email.strip(), check_deliverability=False).normalized
    return unicodedata.normalize("NFKC", email).casefold()


def counts_of_account(email: str) -> tuple[CountKey, ...]:
    """Return the keys of the counts that make an account wait wherever it signs in from."""
    return tuple(_key(kind, account_key(email)) for kind in _FREE)


def _network(client: str) -> str:
    """Return a client's address; of IPv6 the /64, since one client has all of it."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else str(address)


def _key(kind: CountedBy, text: str) -> CountKey:
    return CountKey(kind=kind, digest=sha256(text.encode(errors="replace")).hexdigest())


def _is_known(counts: Sequence[SignInCount], now: datetime) -> bool:
    """Return whether the account has signed in from this client lately."""
    return any(count.succeeded_at is not None and count.succeeded_at > now - _KNOWN_FOR for count in counts)


def _shut_until(counts: Sequence[SignInCount], now: datetime) -> datetime | None:
    """Return until when the next attempt has to wait, or None if it needn't."""
    known = _is_known(counts, now)
    waits = [_wait_of(count) for count in counts if not (known and count.kind in _FREE)]
    return max((until for until in waits if until is not None and until > now), default=None)


def _wait_of(count: SignInCount) -> datetime | None:
    if count.kind in _MOST_WITHIN:
        return count.first_at + _WITHIN if count.failures >= _MOST_WITHIN[count.kind] else None
    over = count.failures - _FREE[count.kind]
    if over < 0:
        return None
    doubled: int = 2 ** min(over, 10)
    return count.last_at + min(_LONGEST_WAIT, _FIRST_WAIT * doubled)
