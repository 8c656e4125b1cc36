"""The batch job of an import: the call for each row, and what its answer means.

A row without an outcome becomes `unsure` and is looked up before it is sent again (`resolve.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.batches.answers import Answers
from tillroll.batches.job import BatchJob, JobOutcome, JobTables
from tillroll.batches.session import BatchSession
from tillroll.campaign.states import ItemKind, Stage
from tillroll.catalog.decide import (
    IN_FLIGHT,
    SETTLES,
    RowAction,
    RowKind,
    RowOutcome,
    RowState,
    changes,
    outcome,
)
from tillroll.catalog.fields import body, from_journal, options_of
from tillroll.catalog.journal import write_rows
from tillroll.ecwid.endpoints.batches import InnerAnswer, InnerRequest
from tillroll.ecwid.http.wire import maybe_whole
from tillroll.errors import NeedsPerson
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.records import ImportRow
from tillroll.ledger.tables import import_chunks, import_rows

_RowValues = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ImportJob(BatchJob[ImportRow, _RowValues]):
    """One phase of an import or an undo."""

    session: BatchSession
    import_id: int
    phase: int

    tables = JobTables(
        chunks=import_chunks, rows=import_rows, chunk="import_chunk_id", waiting=RowState.PLANNED
    )
    in_flight = IN_FLIGHT
    stage = Stage.CATALOGUE

    @property
    def owner(self) -> Mapping[str, int]:
        return {"import_id": self.import_id}

    def ready_conditions(self) -> tuple[sa.ColumnElement[bool], ...]:
        return (import_rows.c.phase == self.phase,)

    def sent_values(self) -> Mapping[str, Any]:
        """Return when a row was first sent, by the store's clock: an object made before that is not ours."""
        first_sent = sa.literal(self.session.client.connection.store_time(), import_rows.c.asked_at.type)
        return {"asked_at": sa.func.coalesce(import_rows.c.asked_at, first_sent)}

    def load(self, connection: Connection, *where: sa.ColumnElement[bool]) -> list[ImportRow]:
        query = sa.select(import_rows).where(*where).order_by(import_rows.c.id)
        return [ImportRow.from_row(row) for row in connection.execute(query)]

    def item(self, row: ImportRow) -> FaultyItem:
        name = f"import {row.import_id}, line {row.line}"
        return FaultyItem(store_id=self.session.store_id, kind=ItemKind.ROW, name=name)

    def row_id(self, row: ImportRow) -> int:
        return row.id

    def settled_id(self, outcome: _RowValues) -> int:
        return int(outcome["id"])

    def unwritten_values(self) -> Mapping[str, Any]:
        """Return what a row becomes whose outcome can't be written: it may have made a product, so it is looked up."""
        return {"state": RowState.UNSURE}

    def requests(self, rows: Sequence[ImportRow]) -> list[InnerRequest]:
        return [_request(row) for row in rows]

    def interpret(self, rows: Sequence[ImportRow], answers: Answers) -> JobOutcome[_RowValues]:
        now, stopped = self.session.clock.now(), ""
        outcomes = []
        for row in rows:
            if (answer := answers.for_row(row.id)) is None:
                continue
            meaning = outcome(
                action=RowAction(row.action),
                executed=answer.executed,
                status=answer.status,
                attempts=row.attempts,
            )
            unexplained = f"HTTP {answer.status}" if answer.executed else "the batch ended without it"
            message = answer.message or unexplained
            if meaning is RowOutcome.STOP:
                stopped = message
            outcomes.append(_settled(row, meaning, answer, message, now))
        return JobOutcome(rows=outcomes, stopped=stopped)

    def interpret_lost(self, rows: Sequence[ImportRow]) -> JobOutcome[_RowValues]:
        at = self.session.clock.now() + SETTLES
        return JobOutcome(rows=[{"id": row.id, "state": RowState.UNSURE, "not_before": at} for row in rows])

    def write(self, connection: Connection, outcome: JobOutcome[_RowValues], now: datetime) -> None:
        write_rows(connection, outcome.rows, was=RowState.POSTING, now=now)

    def stopped_error(self, reason: str) -> NeedsPerson:
        return NeedsPerson(
            f"The store accepts no changes to products: {reason}.",
            hint="Check that the store's plan allows so many products and that the token may write the catalogue"
            " (scopes create_catalog, update_catalog). Then run the same command again.",
        )


def _request(row: ImportRow) -> InnerRequest:
    """Return a row as a request of a batch."""
    wanted, old = from_journal(row.wanted), from_journal(row.old)
    product = f"/products/{row.product_id}"
    variation = row.kind == RowKind.VARIATION
    if row.action == RowAction.CREATE:
        path = f"{product}/combinations" if variation else "/products"
        content = body(wanted, sku=row.sku, options=options_of(row.options))
        return InnerRequest(id=str(row.id), method="POST", path=path, body=content)
    path = f"{product}/combinations/{row.variation_id}" if variation else product
    if row.action == RowAction.DELETE:
        return InnerRequest(id=str(row.id), method="DELETE", path=path, body="")
    return InnerRequest(id=str(row.id), method="PUT", path=path, body=body(changes(wanted, old)))


def _settled(
    row: ImportRow, meaning: RowOutcome, answer: InnerAnswer, message: str, now: datetime
) -> dict[str, Any]:
    """Return what an answer writes to its row."""
    new_id = maybe_whole(answer.body.get("id")) if isinstance(answer.body, dict) else None
    if meaning is RowOutcome.DONE and row.action == RowAction.CREATE and new_id is None:
        meaning = RowOutcome.LOOK_UP
    match meaning:
        case RowOutcome.DONE:
            values: dict[str, Any] = {"state": RowState.FAILED if row.partial else RowState.DONE}
            if row.action == RowAction.CREATE:
                values = {"state": RowState.DONE, "reason": ""}
                values["variation_id" if row.kind == RowKind.VARIATION else "product_id"] = new_id
        case RowOutcome.LOOK_UP:
            values = {"state": RowState.UNSURE, "not_before": now if answer.status == 409 else now + SETTLES}
            if row.action == RowAction.CREATE:
                values["reason"] = message
        case RowOutcome.AGAIN:
            values = {"state": RowState.PLANNED}
        case RowOutcome.STOP:
            values = {"state": RowState.PLANNED, "attempts": row.attempts - 1}
        case _:
            values = {"state": RowState.FAILED, "reason": f"the store refused it: {message}"}
    return {"id": row.id, **values}
