"""An import's rows as an errand: what is asked of the store for each, and what the answers mean.

A row whose batch can't tell is `unsure`: nothing is asked again before it was looked up (`resolve.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.catalog.decide import IN_FLIGHT, SETTLES, Action, Kind, Outcome, RowState, changes, outcome
from tillroll.catalog.journal import write
from tillroll.catalog.parts import Catalogue
from tillroll.catalog.shape import body, from_journal, options_of
from tillroll.chunks.answers import Answers
from tillroll.chunks.errand import Carrier, Errand, Learnt, Tables
from tillroll.ecwid.batches import InnerAnswer, InnerRequest
from tillroll.errors import NeedsPerson
from tillroll.ledger.tables import import_chunks, import_rows

_One = dict[str, Any]


def carrier_of(room: Catalogue) -> Carrier:
    """What an import is carried out with."""
    return Carrier(engine=room.engine, batches=room.client.batches, clock=room.clock, new_key=room.new_key)


@dataclass(frozen=True, kw_only=True)
class ImportErrand(Errand[_One]):
    """One phase of an import or an undo."""

    room: Catalogue
    import_id: int
    phase: int

    tables = Tables(chunks=import_chunks, rows=import_rows, chunk="import_chunk_id", waiting=RowState.PLANNED)
    in_flight = IN_FLIGHT

    @property
    def whose(self) -> Mapping[str, int]:
        return {"import_id": self.import_id}

    def ready(self) -> tuple[sa.ColumnElement[bool], ...]:
        return (import_rows.c.phase == self.phase,)

    def going(self) -> Mapping[str, Any]:
        """When the store was first asked, by its own clock: what was made before that isn't ours."""
        asked = sa.literal(self.room.client.connection.store_time(), import_rows.c.asked_at.type)
        return {"asked_at": sa.func.coalesce(import_rows.c.asked_at, asked)}

    def requests(self, rows: Sequence[sa.Row[Any]]) -> list[InnerRequest]:
        return [_request(row) for row in rows]

    def learn(self, rows: Sequence[sa.Row[Any]], answers: Answers) -> Learnt[_One]:
        now, stopped = self.room.clock.now(), ""
        found = []
        for row in rows:
            if (answer := answers.to(row.id)) is None:
                continue
            meaning = outcome(
                action=Action(row.action),
                executed=answer.executed,
                status=answer.status,
                attempts=row.attempts,
            )
            untold = f"HTTP {answer.status}" if answer.executed else "the batch ended without it"
            said = answer.message or untold
            if meaning is Outcome.STOP:
                stopped = said
            found.append(_settled(row, meaning, answer, said, now))
        return Learnt(rows=found, stopped=stopped)

    def learn_lost(self, rows: Sequence[sa.Row[Any]]) -> Learnt[_One]:
        at = self.room.clock.now() + SETTLES
        return Learnt(rows=[{"id": row.id, "state": RowState.UNSURE, "not_before": at} for row in rows])

    def write(self, connection: Connection, learnt: Learnt[_One], now: datetime) -> None:
        write(connection, learnt.rows, was=RowState.POSTING, now=now)

    def trouble(self, stopped: str) -> NeedsPerson:
        return NeedsPerson(
            f"The store changes no products for us: {stopped}.",
            hint="Check the store's plan (its number of products too) and that the token may write the catalogue"
            " (scopes create_catalog, update_catalog); then run the same command again.",
        )


def _request(row: sa.Row[Any]) -> InnerRequest:
    """A row as one request of a batch."""
    wanted, old = from_journal(row.wanted), from_journal(row.old)
    product = f"/products/{row.product_id}"
    variation = row.kind == Kind.VARIATION
    if row.action == Action.CREATE:
        path = f"{product}/combinations" if variation else "/products"
        made = body(wanted, sku=row.sku, options=options_of(row.options))
        return InnerRequest(id=str(row.id), method="POST", path=path, body=made)
    path = f"{product}/combinations/{row.variation_id}" if variation else product
    if row.action == Action.DELETE:
        return InnerRequest(id=str(row.id), method="DELETE", path=path, body="")
    return InnerRequest(id=str(row.id), method="PUT", path=path, body=body(changes(wanted, old)))


def _settled(
    row: sa.Row[Any], meaning: Outcome, answer: InnerAnswer, said: str, now: datetime
) -> dict[str, Any]:
    """What an answer writes to its row."""
    made = answer.body.get("id") if isinstance(answer.body, dict) else None
    if meaning is Outcome.DONE and row.action == Action.CREATE and made is None:
        meaning = Outcome.LOOK_UP
    match meaning:
        case Outcome.DONE:
            # an undo that may not bring everything back has its reason from the start
            values: dict[str, Any] = {"state": RowState.FAILED if row.reason else RowState.DONE}
            if row.action == Action.CREATE:
                values = {"state": RowState.DONE, "reason": ""}
                values["variation_id" if row.kind == Kind.VARIATION else "product_id"] = int(str(made))
        case Outcome.LOOK_UP:
            values = {"state": RowState.UNSURE, "not_before": now if answer.status == 409 else now + SETTLES}
            if row.action == Action.CREATE:
                values["reason"] = said
        case Outcome.AGAIN:
            values = {"state": RowState.PLANNED}
        case Outcome.STOP:
            values = {"state": RowState.PLANNED, "attempts": row.attempts - 1}
        case _:
            values = {"state": RowState.FAILED, "reason": f"the store refused it: {said}"}
    return {"id": row.id, **values}
