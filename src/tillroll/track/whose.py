"""Whose code is this? What the ledger knows of a code that somebody reads out or writes to the shop, however they typed it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.states import CodeState
from tillroll.ledger.given import works_from, works_until
from tillroll.ledger.tables import codes, messages, recipients, redemptions, runs

Form = tuple[str, CodeFormat, str]
"""A campaign, and how its codes are built: the format and the prefix."""

_MOST_USES = 5


@dataclass(frozen=True, kw_only=True)
class Use:
    """An order that used a code."""

    order_id: str
    at: datetime
    discount: Decimal


@dataclass(frozen=True, kw_only=True)
class Whose:
    """One code of the ledger."""

    code: str
    state: CodeState
    reason: str
    campaign: str
    run_id: int
    email: str  # of the one it was made for, or given to; empty: nobody yet, or for all
    sent_at: datetime | None  # when its e-mail left
    works_from: datetime | None
    works_until: datetime | None
    uses: tuple[Use, ...]  # the latest of them


def find_code(connection: Connection, *, store_id: int, typed: str, forms: Iterable[Form]) -> Whose | None:
    """The code that is meant: what was typed as it stands, or read as a code of one of the forms. None: there is no such code."""
    plain = "".join(typed.upper().split())
    meant = [plain, *(read for _, form, prefix in forms if (read := form.read(prefix, typed)) is not None)]
    query = (
        sa.select(codes, runs.c.campaign, recipients.c.email)
        .add_columns(works_from().label("from"), works_until().label("until"))
        .join(runs, runs.c.id == codes.c.run_id)
        .outerjoin(recipients, recipients.c.id == codes.c.recipient_id)
        .where(codes.c.store_id == store_id, codes.c.code.in_(dict.fromkeys(meant)))
    )
    rows = {row.code: row for row in connection.execute(query)}
    row = next((rows[one] for one in meant if one in rows), None)
    return _whose(connection, row) if row is not None else None


def mistyped_of(typed: str, forms: Iterable[Form]) -> tuple[str, ...]:
    """The campaigns whose codes look like this, but whose check symbol says that a symbol is wrong or two changed places."""
    found = (
        name
        for name, form, prefix in forms
        if form.check_symbol and form.symbols_in(prefix, typed) and form.read(prefix, typed) is None
    )
    return tuple(dict.fromkeys(found))


def _whose(connection: Connection, row: sa.Row[Any]) -> Whose:
    sent = sa.select(sa.func.min(messages.c.sent_at)).where(messages.c.code_id == row.id)
    used = (
        sa.select(redemptions.c.order_id, redemptions.c.at, redemptions.c.discount)
        .where(redemptions.c.code_id == row.id)
        .order_by(redemptions.c.at.desc())
        .limit(_MOST_USES)
    )
    given = row._mapping
    return Whose(
        code=row.code,
        state=CodeState(row.state),
        reason=row.reason,
        campaign=row.campaign,
        run_id=row.run_id,
        email=row.email or "",
        sent_at=connection.scalar(sent) if row.recipient_id is not None else None,
        works_from=given["from"],
        works_until=given["until"],
        uses=tuple(Use(**one._mapping) for one in connection.execute(used)),
    )
