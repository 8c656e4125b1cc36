"""What somebody does with the sign-up form and with the link in the e-mail that confirms it.

Who has unsubscribed is taken back only by a click in an e-mail to them: anybody can fill in a form with their address. What the
page answers says nothing about who is a customer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import ConsentSource, SignUpState, SuppressionCause
from tillroll.campaign.text.addresses import mailbox_of, same_address
from tillroll.ledger.consent.sign_ups import (
    SignUpForm,
    load_sign_up,
    move_sign_up,
    open_sign_up,
    text_version,
)
from tillroll.ledger.consent.standing import active_of
from tillroll.ledger.consent.suppress import Which, agree, lift, note_consent
from tillroll.ledger.engine import lock_store_row, writing
from tillroll.ledger.records import SignUp
from tillroll.ledger.tables import customers, sign_ups

MOST_OF_CLIENT = 20
"""So many wishes from one place within an hour are taken: an office has one address."""

MOST_OF_MAILBOX = 3
"""So many e-mails to confirm go to one mailbox within `_A_WHILE`, whoever asks."""

_HOUR = timedelta(hours=1)
_A_WHILE = timedelta(days=30)
_READER = "reader"  # in the audit


class AskAnswer(StrEnum):
    """What became of a form."""

    TAKEN = "taken"
    TOO_MANY = "too_many"  # from one place


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a form says."""

    address: str
    language: str  # of the text that was agreed to
    client: str  # salted hash of where it came from


def ask(engine: Engine, form: SignUpForm, wanted: Wanted, *, now: datetime) -> AskAnswer:
    """Take a filled-in form. The same form again changes nothing while the first one is under way."""
    mailbox = mailbox_of(wanted.address)
    with writing(engine) as connection:
        lock_store_row(connection, form.store_id)
        if (
            _count(connection, form.store_id, now - _HOUR, sign_ups.c.client == wanted.client)
            >= MOST_OF_CLIENT
        ):
            return AskAnswer.TOO_MANY
        if open_sign_up(connection, form.store_id, mailbox, now) is not None:
            return AskAnswer.TAKEN
        if (
            _count(connection, form.store_id, now - _A_WHILE, sign_ups.c.mailbox == mailbox)
            >= MOST_OF_MAILBOX
        ):
            return AskAnswer.TAKEN
        state, reason = _begin(connection, form, wanted.address, now)
        sign_up = _insert(connection, form, wanted, state, reason, now)
        if state is SignUpState.AGREED:
            _agree(connection, sign_up, now, client=wanted.client)
    return AskAnswer.TAKEN


def _begin(connection: Connection, form: SignUpForm, address: str, now: datetime) -> tuple[SignUpState, str]:
    """Return the state in which a wish begins, and why, if nothing follows."""
    stops = {
        each.cause
        for each in active_of(connection, form.store_id, address, now)
        if each.every_days is None and not each.campaign
    }
    if stops - {SuppressionCause.UNSUBSCRIBED}:
        return SignUpState.DROPPED, "the address is on the list of those who get no e-mails"
    if form.terms.double_opt_in:
        return SignUpState.ASKED, ""
    if stops:
        return (
            SignUpState.DROPPED,
            "they had unsubscribed, and without double opt-in nobody knows that it is them",
        )
    return SignUpState.AGREED, ""


def confirm(
    engine: Engine, store_id: int, number: int, address: str, *, client: str, now: datetime
) -> SignUp | None:
    """Do what the click on a link asks for. Returns the wish as it is then; None if the link no longer works.

    Clicked again it changes nothing.
    """
    with writing(engine) as connection:
        lock_store_row(connection, store_id)
        sign_up = find_confirmable(connection, store_id, number, address, now)
        if sign_up is None or sign_up.confirmed_at is not None:
            return sign_up
        which = Which(causes=frozenset({SuppressionCause.UNSUBSCRIBED}))
        lift(connection, store_id, address, which, now=now, actor=_READER)
        return _agree(connection, sign_up, now, client=client)


def find_confirmable(
    connection: Connection, store_id: int, number: int, address: str, now: datetime
) -> SignUp | None:
    """Return the wish that a link confirms, or has confirmed; None if there is none, or its time is over."""
    sign_up = load_sign_up(connection, store_id, number)
    if sign_up is None or sign_up.address != address:
        return None
    if sign_up.confirmed_at is not None:
        return sign_up
    waits = sign_up.state in {SignUpState.LEAVING, SignUpState.MAILED}
    return sign_up if waits and sign_up.expires_at is not None and sign_up.expires_at > now else None


def _agree(connection: Connection, sign_up: SignUp, now: datetime, *, client: str) -> SignUp | None:
    """Write that somebody agrees: as proof, to the mirror if they are a customer, and for the store."""
    store_id, address = sign_up.store_id, sign_up.address
    detail = f"text {text_version(connection, sign_up.consent_text_id)}"
    theirs = (customers.c.store_id == store_id, customers.c.mailbox == sign_up.mailbox)
    customer_id = connection.scalar(sa.select(sa.func.min(customers.c.customer_id)).where(*theirs))
    if customer_id is not None:
        agree(connection, store_id, address, source=ConsentSource.FORM, now=now, detail=detail)
    else:
        note_consent(
            connection, store_id, address, agreed=True, source=ConsentSource.FORM, now=now, detail=detail
        )
    values = {"confirmed_at": now, "confirmed_client": client, "customer_id": customer_id, "attempts": 0}
    state = SignUpState.AGREED if customer_id is None else SignUpState.DONE
    return move_sign_up(connection, sign_up, state, now, **values)


def _insert(
    connection: Connection, form: SignUpForm, wanted: Wanted, state: SignUpState, reason: str, now: datetime
) -> SignUp:
    row = {
        "store_id": form.store_id,
        "consent_text_id": form.text_id,
        "address": same_address(wanted.address),
        "mailbox": mailbox_of(wanted.address),
        "language": wanted.language,
        "state": state,
        "reason": reason,
        "client": wanted.client,
        "asked_at": now,
        "changed_at": now,
    }
    return SignUp.from_row(connection.execute(sa.insert(sign_ups).values(row).returning(sign_ups)).one())


def _count(connection: Connection, store_id: int, since: datetime, of_them: sa.ColumnElement[bool]) -> int:
    where = (sign_ups.c.store_id == store_id, sign_ups.c.asked_at > since, of_them)
    return connection.scalar(sa.select(sa.func.count()).where(*where)) or 0
