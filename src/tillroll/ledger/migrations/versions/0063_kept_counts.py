"""Counts by state and sums of orders, which triggers keep from now on (ledger/counting)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tillroll.ledger.tables.types import Amount, Identity

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None

_TOLD_OF_THEIR_OWN = """
update redemptions set
    told_run_id = (select p.run_id from codes c join recipients r on r.id = c.recipient_id join plans p on p.id = r.plan_id
        where c.id = redemptions.code_id and p.run_id <> c.run_id),
    told_arm = coalesce((select r.arm from codes c join recipients r on r.id = c.recipient_id join plans p on p.id = r.plan_id
        where c.id = redemptions.code_id and p.run_id <> c.run_id), '')"""

_TELLERS = """
from orders o join recipients r on r.customer_id = o.customer_id join messages m on m.recipient_id = r.id
    where o.store_id = redemptions.store_id and o.order_id = redemptions.order_id and m.code_id = redemptions.code_id
    and m.kind = 'offer' and m.run_id <> redemptions.run_id and m.sent_at is not null order by m.id desc limit 1"""
"""Who bought with a shared code, and which run's e-mail told them of it last."""

_TOLD_OF_SHARED = f"""
update redemptions set told_run_id = (select m.run_id {_TELLERS}), told_arm = coalesce((select r.arm {_TELLERS}), '')
    where told_run_id is null
    and exists (select 1 from codes c where c.id = redemptions.code_id and c.recipient_id is null)"""  # noqa: S608 - a constant

_FILLING = (
    """insert into code_counts (store_id, run_id, arm, state, n)
        select store_id, run_id, arm, state, count(*) from codes group by store_id, run_id, arm, state""",
    """insert into message_counts (store_id, run_id, kind, arm, state, n)
        select m.store_id, m.run_id, m.kind, r.arm, m.state, count(*) from messages m
        join recipients r on r.id = m.recipient_id group by m.store_id, m.run_id, m.kind, r.arm, m.state""",
    """insert into entry_counts (store_id, campaign, state, n)
        select store_id, campaign, state, count(*) from entries group by store_id, campaign, state""",
    """insert into run_sums (store_id, run_id, arm, n, revenue, discount)
        select x.store_id, x.run_id, c.arm, count(*), sum(x.order_total), sum(x.discount) from redemptions x
        join codes c on c.id = x.code_id group by x.store_id, x.run_id, c.arm""",
    """insert into run_sums (store_id, run_id, arm, n, revenue, discount)
        select store_id, told_run_id, told_arm, count(*), sum(order_total), sum(discount) from redemptions
        where told_run_id is not null group by store_id, told_run_id, told_arm
        on conflict (run_id, arm, shard) do update set n = run_sums.n + excluded.n,
            revenue = run_sums.revenue + excluded.revenue, discount = run_sums.discount + excluded.discount""",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":  # nobody changes a row between its count and its trigger
        op.execute("lock table codes, messages, entries, redemptions in share row exclusive mode")
    op.add_column("redemptions", sa.Column("told_run_id", sa.BigInteger(), nullable=True))
    op.add_column("redemptions", sa.Column("told_arm", sa.Text(), nullable=False, server_default=""))
    _create("code_counts", "run_id", "arm", "state")
    op.create_index("ix_code_counts_store", "code_counts", ["store_id", "state", "run_id", "n"])
    _create("message_counts", "run_id", "kind", "arm", "state")
    op.create_index("ix_message_counts_store", "message_counts", ["store_id", "state", "n"])
    _create("entry_counts", "store_id", "campaign", "state")
    _create("run_sums", "run_id", "arm", amounts=("revenue", "discount"))
    for statement in (_TOLD_OF_THEIR_OWN, _TOLD_OF_SHARED, *_FILLING):
        op.execute(statement)


def _create(table: str, *keys: str, amounts: tuple[str, ...] = ()) -> None:
    """Create a table of counts; `keys` tell its rows apart, besides the shard."""
    numbers = {"store_id": "stores", "run_id": "runs"}
    owners = [name for name in numbers if name == "store_id" or name in keys]
    op.create_table(
        table,
        *(sa.Column(name, Identity, nullable=False) for name in owners),
        *(sa.Column(name, sa.Text(), nullable=False) for name in keys if name not in numbers),
        sa.Column("shard", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("n", sa.BigInteger(), nullable=False, server_default="0"),
        *(sa.Column(name, Amount, nullable=False, server_default="0") for name in amounts),
        *(
            sa.ForeignKeyConstraint([name], [f"{numbers[name]}.id"], name=op.f(f"fk_{table}_{name}"))
            for name in owners
        ),
        sa.PrimaryKeyConstraint(*keys, "shard", name=op.f(f"pk_{table}")),
    )
