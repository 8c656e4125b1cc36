"""Looking up one code: what the ledger knows of a code that a customer reads out or writes to the shop, however it was typed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.codes.standing import StandingFacts
from tillroll.campaign.frozen.recipient import mask_code
from tillroll.campaign.sentences.causes import say_code_cause
from tillroll.ledger import audit
from tillroll.ledger.engine import fetch_one, writing
from tillroll.ledger.mirror.standing_facts import StandingReader
from tillroll.ledger.records import Code
from tillroll.ledger.tables import codes, messages, recipients, redemptions, runs
from tillroll.track.lookups.code_forms import Form

_MOST_USES = 5


@dataclass(frozen=True, kw_only=True)
class Use:
    """An order that used a code."""

    order_id: str
    at: datetime
    discount: Decimal


@dataclass(frozen=True, kw_only=True)
class CodeLookup:
    """One code of the ledger."""

    code_id: int
    code: str
    facts: StandingFacts  # what its state follows from
    reason: str
    campaign: str
    run_id: int
    customer_id: int | None  # of its recipient
    email: str  # of its recipient; empty: it has none yet, or is shared by all
    sent_at: datetime | None  # when its e-mail left
    uses: tuple[Use, ...]  # the latest ones, newest first


def look_up(
    engine: Engine,
    *,
    store_id: int,
    typed: str,
    forms: Iterable[Form],
    person: str,
    in_clear: bool,
    now: datetime,
) -> CodeLookup | None:
    """Return the code that a person typed, or None, and record that they looked it up. Unless `in_clear` it is masked."""
    with writing(engine) as connection:
        found = find_code(connection, store_id=store_id, typed=typed, forms=forms)
        _note(connection, found, store_id=store_id, person=person, in_clear=in_clear, now=now)
    return found if found is None or in_clear else replace(found, code=mask_code(found.code))


def note_shown(engine: Engine, code: CodeLookup, *, store_id: int, person: str, now: datetime) -> None:
    """Record that a person sees a code in clear. Call it before the code is shown."""
    with writing(engine) as connection:
        _note(connection, code, store_id=store_id, person=person, in_clear=True, now=now)


def _note(
    connection: Connection,
    code: CodeLookup | None,
    *,
    store_id: int,
    person: str,
    in_clear: bool,
    now: datetime,
) -> None:
    body = {
        "code": mask_code(code.code) if code is not None else None,
        "run": code.run_id if code is not None else None,
        "in_clear": in_clear,
    }
    audit.record(
        connection, at=now, actor=person, action="code.looked_up", subject=f"store {store_id}", body=body
    )


def find_code(
    connection: Connection, *, store_id: int, typed: str, forms: Iterable[Form]
) -> CodeLookup | None:
    """Return the code that a person typed, or None.

    The text is looked up without its spaces, then as each of the forms reads it (which corrects confusable characters).
    """
    plain = "".join(typed.upper().split())
    candidates = [
        plain,
        *(read for _, form, prefix in forms if (read := form.read(prefix, typed)) is not None),
    ]
    query = sa.select(codes.c.id, codes.c.code)
    where = (codes.c.store_id == store_id, codes.c.code.in_(dict.fromkeys(candidates)))
    ids = {row.code: row.id for row in connection.execute(query.where(*where))}
    code_id = next((ids[code] for code in candidates if code in ids), None)
    return load_code(connection, store_id, code_id) if code_id is not None else None


def load_code(connection: Connection, store_id: int, code_id: int) -> CodeLookup:
    """Return one code of a store. Raises `NotFound`."""
    query = (
        sa.select(codes, runs.c.campaign, recipients.c.email, recipients.c.customer_id)
        .join(runs, runs.c.id == codes.c.run_id)
        .outerjoin(recipients, recipients.c.id == codes.c.recipient_id)
        .where(codes.c.store_id == store_id, codes.c.id == code_id)
    )
    row = fetch_one(connection, query, missing=f"There is no code {code_id}.")
    code = Code.from_row(row)
    return CodeLookup(
        code_id=code_id,
        code=code.code,
        facts=StandingReader(connection).of([code_id])[code_id],
        reason=say_code_cause(code.cause, code.reason),
        campaign=row.campaign,
        run_id=code.run_id,
        customer_id=row.customer_id,
        email=row.email or "",
        sent_at=_sent_at(connection, code),
        uses=_uses(connection, code_id),
    )


def _sent_at(connection: Connection, code: Code) -> datetime | None:
    """Return when the e-mail with a recipient's own code left."""
    if code.recipient_id is None:
        return None
    query = sa.select(sa.func.min(messages.c.sent_at)).where(
        messages.c.recipient_id == code.recipient_id,  # by the index
        messages.c.code_id == code.id,
    )
    sent_at: datetime | None = connection.scalar(query)
    return sent_at


def _uses(connection: Connection, code_id: int) -> tuple[Use, ...]:
    query = (
        sa.select(redemptions.c.order_id, redemptions.c.at, redemptions.c.discount)
        .where(redemptions.c.code_id == code_id)
        .order_by(redemptions.c.at.desc(), redemptions.c.id.desc())
        .limit(_MOST_USES)
    )
    return tuple(Use(**row._mapping) for row in connection.execute(query))
