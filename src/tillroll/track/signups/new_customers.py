"""Making customers of those who signed up: in the store, and at once in the mirror, where the welcome flow finds them.

The store has one customer for each address and refuses a second (409). A new one is found by a search only some seconds later.
Crash points: *asked to create*, after the state `creating` is written and before the store has answered; *created, not noted*.
After both the store is searched for the address, once its search shows what was made, before anybody is made again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from tillroll.batches.session import StoreSession
from tillroll.campaign.figures.retry import RetryPolicy
from tillroll.campaign.states import SignUpState
from tillroll.ecwid.http.errors import StoreRefusal, StoreSaysConflict
from tillroll.errors import OutcomeUnknown, ScopeMissing
from tillroll.ledger.consent.sign_ups import due_sign_ups, move_sign_up, next_sign_up, rest_sign_ups
from tillroll.ledger.consent.suppress import ask_store
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.records import SignUp
from tillroll.ledger.tables import customers
from tillroll.track.mirror.areas import CUSTOMERS
from tillroll.track.mirror.session import MirrorSession
from tillroll.track.mirror.sync import sync_one

log = structlog.get_logger("tillroll.track")

SEARCH_SHOWS = timedelta(minutes=2)
"""Longer than the store's search lags: a search so long after a creation shows the customer."""

_RETRIES = RetryPolicy(attempts=6, first_pause=timedelta(minutes=2), growth=4)
_WITHOUT_SCOPE = timedelta(days=1)
_MOST = 50  # in one turn
_OPEN = (SignUpState.AGREED, SignUpState.CREATING)


def make_customers(session: StoreSession, *, until: datetime) -> datetime | None:
    """Make the customers that wait for it, until then. Returns when to continue, or None while none waits."""
    with reading(session.engine) as connection:
        waiting = due_sign_ups(connection, session.store_id, _OPEN, session.clock.now(), most=_MOST)
    for sign_up in waiting:
        if session.clock.now() >= until:
            break
        try:
            _make(session, sign_up)
        except ScopeMissing as missing:
            log.warning(
                "sign_up.no_scope", store_id=session.store_id, reason=missing.message, do=missing.hint
            )
            with writing(session.engine) as connection:
                later = session.clock.now() + _WITHOUT_SCOPE
                rest_sign_ups(connection, session.store_id, _OPEN, later)
            break
        except StoreRefusal as refusal:  # of the search
            _count_refusal(session, sign_up, refusal)
    with reading(session.engine) as connection:
        return next_sign_up(connection, session.store_id, _OPEN)


def _make(session: StoreSession, sign_up: SignUp) -> None:
    """Find or make one customer."""
    number = _in_mirror(session, sign_up) or _in_store(session, sign_up)
    if number is not None:
        _note_found(session, sign_up, number)
        return
    now, attempts = session.clock.now(), sign_up.attempts + 1
    with writing(session.engine) as connection:
        wait = {"not_before": now + SEARCH_SHOWS, "attempts": attempts}
        creating = move_sign_up(connection, sign_up, SignUpState.CREATING, now, **wait)
    if creating is None:
        return
    language = creating.language if attempts == 1 else ""  # perhaps one that the store doesn't have
    try:
        number = session.client.customers.create(creating.address, language=language)
    except OutcomeUnknown:
        return  # it stays `creating`, and is searched for
    except StoreRefusal as refusal:
        _count_refusal(session, creating, refusal)
        return
    _sync(session, number)
    with writing(session.engine) as connection:
        move_sign_up(connection, creating, SignUpState.DONE, session.clock.now(), customer_id=number)
    log.info("sign_up.customer_made", store_id=session.store_id, customer=number)


def _in_mirror(session: StoreSession, sign_up: SignUp) -> int | None:
    theirs = (customers.c.store_id == session.store_id, customers.c.mailbox == sign_up.mailbox)
    with reading(session.engine) as connection:
        number: int | None = connection.scalar(sa.select(sa.func.min(customers.c.customer_id)).where(*theirs))
    return number


def _in_store(session: StoreSession, sign_up: SignUp) -> int | None:
    """Return the store's customer with this address, and take them into the mirror."""
    number = session.client.customers.number_of(sign_up.address)
    if number is not None:
        _sync(session, number)
    return number


def _sync(session: StoreSession, number: int) -> None:
    sync_one(MirrorSession.of(session), CUSTOMERS, str(number))


def _note_found(session: StoreSession, sign_up: SignUp, number: int) -> None:
    """Note that the store has the customer: the mirror says that they agree, and the store is told."""
    now = session.clock.now()
    theirs = (customers.c.store_id == session.store_id, customers.c.mailbox == sign_up.mailbox)
    with writing(session.engine) as connection:
        if move_sign_up(connection, sign_up, SignUpState.DONE, now, customer_id=number) is not None:
            connection.execute(sa.update(customers).where(*theirs).values(accepts_marketing=True))
            ask_store(connection, session.store_id, sign_up.mailbox, agreed=True, now=now)


def _count_refusal(session: StoreSession, sign_up: SignUp, refusal: StoreRefusal) -> None:
    """Try again later; after several times nothing follows. A conflict means that the store has them already."""
    now, attempts = session.clock.now(), sign_up.attempts + 1
    is_over = not _RETRIES.may_try_again(attempts)
    pause = SEARCH_SHOWS if isinstance(refusal, StoreSaysConflict) else _RETRIES.pause_before(attempts)
    with writing(session.engine) as connection:
        if is_over:
            reason = f"the store refuses the customer ({refusal.status})"
            move_sign_up(connection, sign_up, SignUpState.DROPPED, now, reason=reason)
        else:
            wait = {"not_before": now + pause, "attempts": attempts}
            move_sign_up(connection, sign_up, sign_up.state, now, **wait)
    if is_over:
        log.error("sign_up.refused", store_id=session.store_id, sign_up=sign_up.id, status=refusal.status)
