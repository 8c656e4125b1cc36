"""Which changes of rows are events for a CRM, and what of a row an event keeps.

In the expressions, `{n}` stands for the row as it is now and `{o}` for the row as it was. Each is SQL that SQLite and PostgreSQL
both understand, except for `{differs}`, which stands for the database's comparison that knows null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from tillroll.campaign.language.crm import CrmKind
from tillroll.campaign.states import CodeState, StoreUse
from tillroll.ledger.tables import codes, consents, customer_tiers, orders, redemptions

_IN_STORE = f"('{CodeState.LIVE}', '{CodeState.PAUSED}')"


@dataclass(frozen=True, kw_only=True)
class Capture:
    """One kind of change of a table's rows, as events."""

    name: str
    kind: CrmKind
    of: sa.Table
    on: str  # insert, update or delete
    change: str  # the event's type, as SQL: null stands for no event
    subject: str
    customer: str
    email: str
    facts: Mapping[str, str] = field(default_factory=dict)
    nobody: str  # stands for the person of an event without a customer
    watched: tuple[str, ...] = ()  # of an update: columns of which at least one must change

    @property
    def row(self) -> str:
        """Which row the values are of: a deleted one is the row as it was."""
        return "{o}" if self.on == "delete" else "{n}"


def _columns(row: str, *names: str) -> dict[str, str]:
    return {name: f"{row}.{name}" for name in names}


# -- orders

_ORDER = (
    "number",
    "total",
    "subtotal",
    "coupon_discount",
    "coupon_code",
    "payment_status",
    "fulfillment_status",
    "created_at",
    "updated_at",
)


def _order(on: str, change: str) -> Capture:
    row = "{o}" if on == "delete" else "{n}"
    return Capture(
        name=f"orders_{on}",
        kind=CrmKind.ORDERS,
        of=orders,
        on=on,
        change=f"'{change}'",
        subject=f"{row}.order_id",
        customer=f"{row}.customer_id",
        email=f"{row}.email",
        facts=_columns(row, *_ORDER),
        nobody=f"'order ' || {row}.order_id",
        watched=("customer_id", *_ORDER),
    )


# -- codes

_ISSUED = f"{{n}}.recipient_id is not null and {{n}}.state in {_IN_STORE}"
_CODE_CHANGE = f"""case
 when {{n}}.recipient_id is null then null
 when {{n}}.state in {_IN_STORE} and ({{o}}.state not in {_IN_STORE} or {{n}}.recipient_id {{differs}} {{o}}.recipient_id)
 then 'code.issued'
 when {{n}}.state = '{CodeState.REVOKED}' and {{o}}.state in {_IN_STORE} then 'code.revoked'
 when {{n}}.state = '{CodeState.CLASHED}' and {{o}}.state in {_IN_STORE} then 'code.revoked'
 when {{n}}.state not in {_IN_STORE} then null
 when {{n}}.state = '{CodeState.PAUSED}' and {{o}}.state = '{CodeState.LIVE}' then 'code.paused'
 when {{n}}.state = '{CodeState.LIVE}' and {{o}}.state = '{CodeState.PAUSED}' then 'code.resumed'
 when {{n}}.store_use {{differs}} {{o}}.store_use and {{n}}.store_use = '{StoreUse.RETURNED}' then 'code.returned'
 when {{n}}.store_use {{differs}} {{o}}.store_use and {{n}}.store_use = '{StoreUse.USED_UP}' then 'code.used_up'
 when {{n}}.valid_until {{differs}} {{o}}.valid_until then 'code.extended'
 end"""
_GIVEN_AWAY = f"""case
 when {{o}}.recipient_id is not null and {{n}}.recipient_id {{differs}} {{o}}.recipient_id and {{o}}.state in {_IN_STORE}
 then 'code.withdrawn' end"""


def _of_recipient(column: str, recipient: str) -> str:
    return f"(select {column} from recipients where id = {recipient})"  # noqa: S608 - names of ours


def _code(name: str, on: str, change: str, row: str = "{n}") -> Capture:
    recipient = f"{row}.recipient_id"
    return Capture(
        name=name,
        kind=CrmKind.CODES,
        of=codes,
        on=on,
        change=change,
        subject="cast({n}.id as text)",
        customer=_of_recipient("customer_id", recipient),
        email=f"coalesce({_of_recipient('email', recipient)}, '')",
        facts=_columns("{n}", "state", "valid_from", "valid_until"),
        nobody="'code ' || {n}.id",
        watched=("state", "recipient_id", "store_use", "valid_until"),
    )


# -- redemptions

_REDEMPTION = ("code_id", "run_id", "told_run_id", "order_total", "discount", "payment_status", "at")


def _of_order(column: str, row: str) -> str:
    where = f"store_id = {row}.store_id and order_id = {row}.order_id"
    return f"(select {column} from orders where {where})"  # noqa: S608 - names of ours


def _redemption(on: str, change: str) -> Capture:
    row = "{o}" if on == "delete" else "{n}"
    return Capture(
        name=f"redemptions_{on}",
        kind=CrmKind.REDEMPTIONS,
        of=redemptions,
        on=on,
        change=f"'redemption.{change}'",
        subject=f"{row}.order_id",
        customer=_of_order("customer_id", row),
        email=f"coalesce({_of_order('email', row)}, '')",
        facts=_columns(row, *_REDEMPTION),
        nobody=f"'order ' || {row}.order_id",
        watched=("code_id", "order_total", "discount", "payment_status"),
    )


def _used(on: str, change: str) -> Capture:
    """Return the use of a code as an event of the code, for its own recipient: the buyer may be somebody else."""
    row = "{o}" if on == "delete" else "{n}"
    recipient = f"(select recipient_id from codes where id = {row}.code_id)"  # noqa: S608 - names of ours
    return Capture(
        name=f"uses_{on}",
        kind=CrmKind.CODES,
        of=redemptions,
        on=on,
        change=f"case when {recipient} is not null then '{change}' end",
        subject=f"cast({row}.code_id as text)",
        customer=_of_recipient("customer_id", recipient),
        email=f"coalesce({_of_recipient('email', recipient)}, '')",
        facts=_columns(row, "order_id", "at"),
        nobody=f"'code ' || {row}.code_id",
    )


# -- consent

_CONSENTS = Capture(
    name="consents_insert",
    kind=CrmKind.CONSENT,
    of=consents,
    on="insert",
    change="'consent.changed'",
    subject="cast({n}.id as text)",
    customer="(select min(customer_id) from customers where store_id = {n}.store_id and mailbox = {n}.mailbox"
    " and mailbox <> '')",
    email="{n}.address",
    facts={
        "agreed": "case when {n}.agreed then 1 else 0 end",
        **_columns("{n}", "source", "at"),
    },
    nobody="'mailbox ' || {n}.mailbox",
)

# -- tiers


def _tier(on: str, was: str, tier: str) -> Capture:
    """Return a change of a customer's tier, whatever its cause: by orders, or by new rules."""
    row = "{o}" if on == "delete" else "{n}"
    where = f"store_id = {row}.store_id and customer_id = {row}.customer_id"
    return Capture(
        name=f"tiers_{on}",
        kind=CrmKind.TIERS,
        of=customer_tiers,
        on=on,
        change=f"case when ({was}) <> ({tier}) then 'tier.changed' end",
        subject=f"cast({row}.customer_id as text)",
        customer=f"{row}.customer_id",
        email=f"coalesce((select email from customers where {where}), '')",  # noqa: S608 - names of ours
        facts={"was": was, "tier": tier, **_columns(row, "figure", "since")},
        nobody="''",
        watched=("tier",),
    )


CAPTURES: tuple[Capture, ...] = (
    _order("insert", "order.changed"),
    _order("update", "order.changed"),
    _order("delete", "order.deleted"),
    _code("codes_given_away", "update", _GIVEN_AWAY, "{o}"),
    _code("codes_insert", "insert", f"case when {_ISSUED} then 'code.issued' end"),
    _code("codes_update", "update", _CODE_CHANGE),
    _redemption("insert", "recorded"),
    _redemption("update", "changed"),
    _redemption("delete", "reversed"),
    _used("insert", "code.used"),
    _used("delete", "code.use_undone"),
    _CONSENTS,
    _tier("insert", "''", "{n}.tier"),
    _tier("update", "{o}.tier", "{n}.tier"),
    _tier("delete", "{o}.tier", "''"),
)
"""In the order in which the changes of one statement are recorded."""
