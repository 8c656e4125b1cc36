"""Which counts are kept: of which table, by what, and what is summed beside the number of rows."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from tillroll.ledger.tables import (
    code_counts,
    codes,
    entries,
    entry_counts,
    message_counts,
    messages,
    redemptions,
    run_sums,
)

_ARM_OF_RECIPIENT = "(select arm from recipients where id = {row}.recipient_id)"
_ARM_OF_CODE = "(select arm from codes where id = {row}.code_id)"


@dataclass(frozen=True, kw_only=True)
class KeptCount:
    """One table of counts. In its expressions, `{row}` stands for a row that is counted."""

    name: str
    of: sa.Table  # whose rows are counted
    into: sa.Table
    keys: dict[str, str]  # the columns of `into` that tell the counts apart, and what a row says there
    moved_by: tuple[str, ...]  # the columns of `of` on which the keys and the sums depend
    sums: tuple[tuple[str, str], ...] = ()  # columns of `into`, and what of a row is summed there
    only: str = ""  # a condition on the rows that count; empty: all

    @property
    def shares(self) -> tuple[str, ...]:
        """The columns of `into` that are added to."""
        return ("n", *(name for name, _ in self.sums))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of `into`, in the order in which they are given."""
        return (*self.keys, "shard", *self.shares)

    @property
    def on_conflict(self) -> str:
        """The end of an INSERT that adds to the count which is there."""
        unique = ", ".join(column.name for column in self.into.primary_key.columns)
        added = ", ".join(f"{name} = {self.into.name}.{name} + excluded.{name}" for name in self.shares)
        return f"on conflict ({unique}) do update set {added}"


KEPT = (
    KeptCount(
        name="codes",
        of=codes,
        into=code_counts,
        keys={name: f"{{row}}.{name}" for name in ("store_id", "run_id", "arm", "state")},
        moved_by=("run_id", "arm", "state"),
    ),
    KeptCount(
        name="messages",
        of=messages,
        into=message_counts,
        keys={name: f"{{row}}.{name}" for name in ("store_id", "run_id", "kind", "state")}
        | {"arm": _ARM_OF_RECIPIENT},
        moved_by=("run_id", "kind", "state", "recipient_id"),
    ),
    KeptCount(
        name="entries",
        of=entries,
        into=entry_counts,
        keys={name: f"{{row}}.{name}" for name in ("store_id", "campaign", "state")},
        moved_by=("campaign", "state"),
    ),
    KeptCount(
        name="uses",
        of=redemptions,
        into=run_sums,
        keys={"store_id": "{row}.store_id", "run_id": "{row}.run_id", "arm": _ARM_OF_CODE},
        moved_by=("run_id", "code_id", "order_total", "discount"),
        sums=(("revenue", "{row}.order_total"), ("discount", "{row}.discount")),
    ),
    KeptCount(
        name="uses_told",
        of=redemptions,
        into=run_sums,
        keys={"store_id": "{row}.store_id", "run_id": "{row}.told_run_id", "arm": "{row}.told_arm"},
        moved_by=("told_run_id", "told_arm", "order_total", "discount"),
        sums=(("revenue", "{row}.order_total"), ("discount", "{row}.discount")),
        only="{row}.told_run_id is not null",
    ),
)
