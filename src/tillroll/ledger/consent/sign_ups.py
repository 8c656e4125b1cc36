"""The sign-up form in force, and the rows of those who signed up.

*asked → leaving → mailed → agreed → creating → done* with double opt-in, *agreed → creating → done* without. `SignUpState` says
what each means. Whatever changes a row does so only from the state that it was read in.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.frozen.sign_up import SignUpTerms
from tillroll.campaign.states import SignUpState
from tillroll.ledger.engine import insert_if_new, reading, upsert, writing
from tillroll.ledger.records import SignUp
from tillroll.ledger.tables import consent_texts, sign_up_forms, sign_ups

KEPT_UNCONFIRMED = timedelta(days=60)
"""How long a wish is kept that came to nothing: by it, few e-mails go to one mailbox."""


@dataclass(frozen=True, kw_only=True)
class SignUpForm:
    """A store's form, as it is in force."""

    store_id: int
    text_id: int  # of the texts that people agree to now
    terms: SignUpTerms


def record_form(engine: Engine, *, store_id: int, terms: SignUpTerms | None, now: datetime) -> None:
    """Bring the form in line with the files; None: they have faults, and the form stays as it is. Safe to repeat."""
    with reading(engine) as connection:
        known = load_form(connection, store_id)
    if terms is None or (known is None and not terms.is_open) or (known is not None and known.terms == terms):
        return
    with writing(engine) as connection:
        text_id = _text_id(connection, store_id, terms, now)
        row = {
            "store_id": store_id,
            "consent_text_id": text_id,
            "is_open": terms.is_open,
            "settings": terms.as_json(),
            "read_at": now,
        }
        upsert(connection, sign_up_forms, [row])


def _text_id(connection: Connection, store_id: int, terms: SignUpTerms, now: datetime) -> int:
    row = {"store_id": store_id, "version": terms.version, "texts": dict(terms.texts), "first_used_at": now}
    insert_if_new(connection, consent_texts, row)
    where = (consent_texts.c.store_id == store_id, consent_texts.c.version == terms.version)
    return int(connection.scalars(sa.select(consent_texts.c.id).where(*where)).one())


def load_form(connection: Connection, store_id: int) -> SignUpForm | None:
    """Return a store's form, open or closed; None if it never had one."""
    query = (
        sa.select(sign_up_forms.c.consent_text_id, sign_up_forms.c.is_open, sign_up_forms.c.settings)
        .add_columns(consent_texts.c.texts)
        .join(consent_texts, consent_texts.c.id == sign_up_forms.c.consent_text_id)
        .where(sign_up_forms.c.store_id == store_id)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    terms = SignUpTerms.from_json(row.settings, is_open=row.is_open, texts=row.texts)
    return SignUpForm(store_id=store_id, text_id=row.consent_text_id, terms=terms)


def text_version(connection: Connection, text_id: int) -> str:
    """Return the name of a text that people agreed to."""
    query = sa.select(consent_texts.c.version).where(consent_texts.c.id == text_id)
    return str(connection.scalars(query).one())


def open_sign_up(connection: Connection, store_id: int, mailbox: str, now: datetime) -> SignUp | None:
    """Return a person's wish that is under way: nothing new begins meanwhile."""
    under_way = sign_ups.c.state.in_(
        (SignUpState.ASKED, SignUpState.LEAVING, SignUpState.AGREED, SignUpState.CREATING)
    )
    may_confirm = sa.and_(sign_ups.c.state == SignUpState.MAILED, sign_ups.c.expires_at > now)
    where = (sign_ups.c.store_id == store_id, sign_ups.c.mailbox == mailbox, sa.or_(under_way, may_confirm))
    query = sa.select(sign_ups).where(*where).order_by(sign_ups.c.id.desc()).limit(1)
    row = connection.execute(query).first()
    return SignUp.from_row(row) if row is not None else None


def load_sign_up(connection: Connection, store_id: int, number: int) -> SignUp | None:
    """Return one wish."""
    where = (sign_ups.c.store_id == store_id, sign_ups.c.id == number)
    row = connection.execute(sa.select(sign_ups).where(*where)).first()
    return SignUp.from_row(row) if row is not None else None


def due_sign_ups(
    connection: Connection, store_id: int, states: Collection[SignUpState], now: datetime, *, most: int
) -> Sequence[SignUp]:
    """Return the wishes in these states whose time has come, the oldest first."""
    waits = sign_ups.c.not_before
    where = (
        sign_ups.c.store_id == store_id,
        sign_ups.c.state.in_(sorted(states)),
        sa.or_(waits.is_(None), waits <= now),
    )
    rows = connection.execute(sa.select(sign_ups).where(*where).order_by(sign_ups.c.id).limit(most))
    return [SignUp.from_row(row) for row in rows]


def next_sign_up(connection: Connection, store_id: int, states: Collection[SignUpState]) -> datetime | None:
    """Return when the next wish in these states is due; None if there is none."""
    at = sa.func.coalesce(sign_ups.c.not_before, sign_ups.c.changed_at)
    query = sa.select(sa.func.min(at, type_=sign_ups.c.changed_at.type)).where(
        sign_ups.c.store_id == store_id, sign_ups.c.state.in_(sorted(states))
    )
    due_at: datetime | None = connection.scalar(query)
    return due_at


def move_sign_up(
    connection: Connection, sign_up: SignUp, to: SignUpState, now: datetime, **values: Any
) -> SignUp | None:
    """Change a wish, and return it as it is then; None if another process changed it since it was read."""
    unmoved = (
        sign_ups.c.id == sign_up.id,
        sign_ups.c.state == sign_up.state,
        sign_ups.c.attempts == sign_up.attempts,
    )
    row = {"state": to, "changed_at": now, "not_before": None, **values}
    changed = connection.execute(sa.update(sign_ups).where(*unmoved).values(row).returning(sign_ups)).first()
    return SignUp.from_row(changed) if changed is not None else None


def forget_unconfirmed(engine: Engine, store_id: int, now: datetime) -> None:
    """Delete wishes of long ago that came to nothing."""
    nothing_came = (
        sign_ups.c.store_id == store_id,
        sign_ups.c.state.in_((SignUpState.MAILED, SignUpState.DROPPED)),
        sign_ups.c.confirmed_at.is_(None),
        sign_ups.c.asked_at < now - KEPT_UNCONFIRMED,
    )
    with reading(engine) as connection:
        if not connection.scalar(sa.select(sa.exists().where(*nothing_came))):
            return
    with writing(engine) as connection:
        connection.execute(sa.delete(sign_ups).where(*nothing_came))


def rest_sign_ups(
    connection: Connection, store_id: int, states: Collection[SignUpState], until: datetime
) -> None:
    """Put all wishes in these states off."""
    where = (sign_ups.c.store_id == store_id, sign_ups.c.state.in_(sorted(states)))
    connection.execute(sa.update(sign_ups).where(*where).values(not_before=until))
