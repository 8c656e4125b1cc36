"""Add up a campaign's rows by arm, language, week and segment, in one pass over each kind of row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.text.zones import zone_of
from tillroll.ledger.engine import streaming
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.records import Store
from tillroll.track.results.breakdown.groups import GroupBy, GroupResult, Tally
from tillroll.track.results.breakdown.left import CodeWorst
from tillroll.track.results.breakdown.rows import begun_plans, code_uses, sent_messages, unused_codes

_TOLD_APART_BY_PLANS = frozenset({GroupBy.WEEK, GroupBy.SEGMENT})  # a run is of one week and one segment
_HOUR = timedelta(hours=1)

Groups = Mapping[GroupBy, tuple[GroupResult, ...]]
"""The results of the groups, by name."""


@dataclass(kw_only=True)
class _Tallies:
    """The groups of one campaign while its rows are read. Rows are plain, since there may be millions."""

    connection: Connection
    store: Store
    by: Collection[GroupBy]
    tallies: dict[tuple[GroupBy, str], Tally] = field(default_factory=dict)
    segments: dict[int | None, str] = field(default_factory=dict)  # by revision

    def of(self, row: Any) -> Iterator[Tally]:
        """Yield the groups that a row belongs to."""
        for by in self.by:
            if (name := self._name(by, row)) is not None:
                yield self.tallies.setdefault((by, name), Tally())

    def _name(self, by: GroupBy, row: Any) -> str | None:
        """Return the group of a row; None for what no such group has, like the expected cost of a language."""
        name: str | None
        match by:
            case GroupBy.ARM:
                name = row.arm if hasattr(row, "arm") else None
            case GroupBy.LANGUAGE:
                name = (row.language or "") if hasattr(row, "language") else None
            case GroupBy.WEEK:
                day = row.slot_at.astimezone(zone_of(self.store.timezone)).date()
                name = (day - timedelta(days=day.weekday())).isoformat()
            case GroupBy.SEGMENT:
                name = self._segment(row.revision_id)
        return name

    def _segment(self, revision_id: int | None) -> str:
        if revision_id is None:
            return ""
        if revision_id not in self.segments:
            campaign = load_revision(self.connection, revision_id).campaign
            self.segments[revision_id] = campaign.who.segment or ""
        return self.segments[revision_id]

    def results(self) -> Groups:
        """Return what was added up."""
        return {
            by: tuple(
                tally.result(name, has_plan=by in _TOLD_APART_BY_PLANS)
                for (of, name), tally in sorted(self.tallies.items())
                if of is by
            )
            for by in self.by
        }


def campaign_groups(
    connection: Connection,
    store: Store,
    name: str,
    *,
    by: Collection[GroupBy] = tuple(GroupBy),
    now: datetime,
) -> Groups:
    """Return what the groups of a campaign have brought. Reads every e-mail, code and use of it, so it isn't for a page."""
    tallies = _Tallies(connection=connection, store=store, by=by)
    for row in _rows(connection, sent_messages(store.id, name)):
        for tally in tallies.of(row):
            tally.sent, tally.returned = tally.sent + row.count, tally.returned + int(row.returned)
    for row in _rows(connection, code_uses(store.id, name)):
        for tally in tallies.of(row):
            _add_use(tally, row)
    worst = CodeWorst(connection, store.id, name)
    for row in _rows(connection, unused_codes(store.id, name, now)):
        for tally in tallies.of(row):
            _add_codes(tally, row, worst)
    for row in _rows(connection, begun_plans(store.id, name)):
        for tally in tallies.of(row):
            _add_plan(tally, row)
    return tallies.results()


def _rows(connection: Connection, query: sa.Select[Any]) -> Iterator[Any]:
    with streaming(connection, query) as rows:
        yield from rows


def _add_use(tally: Tally, row: Any) -> None:
    tally.orders += 1
    tally.revenue += row.order_total
    tally.discount += row.discount
    tally.new_customers += bool(row.is_first)
    tally.second_orders += bool(row.again)
    if row.sent_at is not None and row.at >= row.sent_at:
        tally.hours[(row.at - row.sent_at) // _HOUR] += 1
    if row.cost is not None and not row.without_cost:
        tally.margin += row.subtotal - row.discount - row.cost
        tally.with_margin += 1


def _add_codes(tally: Tally, row: Any, worst: CodeWorst) -> None:
    live = int(row.live)
    tally.live, tally.expired = tally.live + live, tally.expired + int(row.expired)
    if not live:
        return
    each = worst.of(row)
    if each is not None:
        tally.exposure += each * live
    elif tally.again is not None:  # they share the campaign's budget, whatever their number
        left = worst.budget_left(row)
        tally.again = max(tally.again, left) if left is not None else None


def _add_plan(tally: Tally, row: Any) -> None:
    if row.expected is not None:
        tally.expected = (tally.expected or Decimal(0)) + row.expected
    if row.worst_case is None:
        tally.worst_case = None
    elif tally.worst_case is not None:
        tally.worst_case += row.worst_case
