"""Looking up one code: what the ledger knows of a code that a customer reads out or writes to the shop, however it was typed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.frozen.recipient import mask_code
from tillroll.campaign.sentences.causes import say_code_cause
from tillroll.campaign.states import CODE_IN_STORE, StoreUse
from tillroll.ledger import audit
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.changes import Scope
from tillroll.ledger.queries.given import works_from, works_until
from tillroll.ledger.queries.select_codes import is_spent
from tillroll.ledger.records import Code
from tillroll.ledger.tables import codes, messages, recipients, redemptions, runs

Form = tuple[str, CodeFormat, str]
"""A campaign, and how its codes are built: the format and the prefix."""

_MOST_USES = 5


class Standing(StrEnum):
    """What a code is worth now: its state, or that it was used up, whatever its orders became."""

    RESERVED = "reserved"
    POSTING = "posting"
    LIVE = "live"
    CLASHED = "clashed"
    FAILED = "failed"
    PAUSED = "paused"
    REVOKED = "revoked"
    CLEARED = "cleared"
    USED_UP = "used_up"  # in the store, where nobody can use it again
    UNCLEAR = "unclear"  # in the store; an order that used it was undone, and the store was not asked yet

    @property
    def words(self) -> str:
        """The standing as people read it."""
        return self.value.replace("_", " ")


_UNDONE = {
    StoreUse.USED_UP: "the store says that it was used up, although no order that counts used it",
    StoreUse.UNCLEAR: "an order that used it was undone; the store is asked whether it works again",
}


@dataclass(frozen=True, kw_only=True)
class Use:
    """An order that used a code."""

    order_id: str
    at: datetime
    discount: Decimal


@dataclass(frozen=True, kw_only=True)
class CodeLookup:
    """One code of the ledger."""

    code: str
    state: Standing
    reason: str
    campaign: str
    run_id: int
    email: str  # of its recipient; empty: it has none yet, or is shared by all
    sent_at: datetime | None  # when its e-mail left
    works_from: datetime | None
    works_until: datetime | None
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
        body = {
            "code": mask_code(found.code) if found is not None else None,
            "run": found.run_id if found is not None else None,
            "in_clear": in_clear,
        }
        audit.record(
            connection, at=now, actor=person, action="code.looked_up", subject=f"store {store_id}", body=body
        )
    return found if found is None or in_clear else replace(found, code=mask_code(found.code))


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
    query = (
        sa.select(codes, runs.c.campaign, recipients.c.email)
        .add_columns(works_from().label("works_from"), works_until().label("works_until"))
        .join(runs, runs.c.id == codes.c.run_id)
        .outerjoin(recipients, recipients.c.id == codes.c.recipient_id)
        .where(codes.c.store_id == store_id, codes.c.code.in_(dict.fromkeys(candidates)))
    )
    rows = {row.code: row for row in connection.execute(query)}
    row = next((rows[code] for code in candidates if code in rows), None)
    if row is None:
        return None
    code = Code.from_row(row)
    uses, standing = _uses(connection, code.id), _standing(connection, code, row.campaign)
    undone = _UNDONE.get(code.store_use, "") if code.state in CODE_IN_STORE and not uses else ""
    return CodeLookup(
        code=code.code,
        state=standing,
        reason=say_code_cause(code.cause, code.reason) or undone,
        campaign=row.campaign,
        run_id=code.run_id,
        email=row.email or "",
        sent_at=_sent_at(connection, code),
        works_from=row.works_from,
        works_until=row.works_until,
        uses=uses,
    )


def _standing(connection: Connection, code: Code, campaign: str) -> Standing:
    """Return what a code is worth: the store's word on its uses counts, and a use by an order if it works only once."""
    if code.state not in CODE_IN_STORE:
        return Standing(code.state.value)
    scope = Scope(store_id=code.store_id, campaign=campaign, run_id=code.run_id)
    query = sa.select(is_spent(connection, scope)).select_from(codes).join(runs, runs.c.id == codes.c.run_id)
    if connection.scalar(query.where(codes.c.id == code.id)):
        return Standing.USED_UP
    return Standing.UNCLEAR if code.store_use is StoreUse.UNCLEAR else Standing(code.state.value)


def mistyped_campaigns(typed: str, forms: Iterable[Form]) -> tuple[str, ...]:
    """Return the campaigns whose codes look like this one, except that their check character doesn't match."""
    names = (
        name
        for name, form, prefix in forms
        if form.check_symbol and form.symbols_in(prefix, typed) and form.read(prefix, typed) is None
    )
    return tuple(dict.fromkeys(names))


def _sent_at(connection: Connection, code: Code) -> datetime | None:
    """Return when the e-mail with a recipient's own code left."""
    if code.recipient_id is None:
        return None
    query = sa.select(sa.func.min(messages.c.sent_at)).where(messages.c.code_id == code.id)
    sent_at: datetime | None = connection.scalar(query)
    return sent_at


def _uses(connection: Connection, code_id: int) -> tuple[Use, ...]:
    query = (
        sa.select(redemptions.c.order_id, redemptions.c.at, redemptions.c.discount)
        .where(redemptions.c.code_id == code_id)
        .order_by(redemptions.c.at.desc())
        .limit(_MOST_USES)
    )
    return tuple(Use(**row._mapping) for row in connection.execute(query))
