"""An errand of the tests' own, over the tables of the catalogue's import: each row is a coupon that the store is to make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tests.contract.test_client import coupon
from tests.mint.room import Ahead
from tests.shop import add_store
from tillroll.chunks.answers import Answers
from tillroll.chunks.errand import Carrier, Errand, Learnt, Tables
from tillroll.ecwid.batches import InnerRequest
from tillroll.ecwid.client import Client
from tillroll.errors import NeedsPerson
from tillroll.ledger.engine import writing
from tillroll.ledger.tables import import_chunks, import_rows, imports
from tillroll.mint.draw import new_key
from tillroll.sandbox.serve import Sandbox


@dataclass(frozen=True, kw_only=True)
class Coupons(Errand[dict[str, Any]]):
    """What is asked again is made anew; whether a lost one was made is somebody else's to find out."""

    client: Client
    import_id: int

    tables = Tables(chunks=import_chunks, rows=import_rows, chunk="import_chunk_id", waiting="planned")
    in_flight = 2

    @property
    def whose(self) -> Mapping[str, int]:
        return {"import_id": self.import_id}

    def ready(self) -> tuple[sa.ColumnElement[bool], ...]:
        return (import_rows.c.phase == 1,)

    def going(self) -> Mapping[str, Any]:
        return {"reason": "on its way"}

    def requests(self, rows: Sequence[sa.Row[Any]]) -> list[InnerRequest]:
        return [self.client.coupons.creation(str(row.id), coupon(row.sku)) for row in rows]

    def learn(self, rows: Sequence[sa.Row[Any]], answers: Answers) -> Learnt[dict[str, Any]]:
        told = [(row, answer) for row in rows if (answer := answers.to(row.id)) is not None]
        found = {200: "done", 409: "failed"}
        stopped = next((answer.message for _, answer in told if answer.status == 403), "")
        settled = [{"b_id": row.id, "state": found.get(one.status, "planned")} for row, one in told]
        return Learnt(rows=settled, stopped=stopped)

    def learn_lost(self, rows: Sequence[sa.Row[Any]]) -> Learnt[dict[str, Any]]:
        return Learnt(rows=[{"b_id": row.id, "state": "unsure"} for row in rows])

    def write(self, connection: Connection, learnt: Learnt[dict[str, Any]], now: datetime) -> None:
        own = import_rows.c.id == sa.bindparam("b_id")
        if learnt.rows:
            connection.execute(sa.update(import_rows).where(own).values(changed_at=now), learnt.rows)

    def trouble(self, stopped: str) -> NeedsPerson:
        return NeedsPerson(f"The store makes none: {stopped}.")


@dataclass(frozen=True, kw_only=True)
class Room:
    """A ledger with an errand of some rows, a store, and a clock that is moved by hand."""

    ledger: Engine
    sandbox: Sandbox
    clock: Ahead
    carrier: Carrier
    errand: Coupons

    def later(self, seconds: float) -> None:
        """So much time goes by."""
        self.clock.by += timedelta(seconds=seconds)

    def rows(self) -> dict[str, Any]:
        """Each row by its code."""
        with self.ledger.connect() as connection:
            return {row.sku: row for row in connection.execute(sa.select(import_rows))}

    def states(self) -> dict[str, str]:
        """How each row stands, by its code."""
        return {code: row.state for code, row in sorted(self.rows().items())}

    def chunks(self) -> list[sa.Row[Any]]:
        with self.ledger.connect() as connection:
            return list(connection.execute(sa.select(import_chunks).order_by(import_chunks.c.id)))

    def put_off(self, code: str, until: datetime) -> None:
        with writing(self.ledger) as connection:
            row = sa.update(import_rows).where(import_rows.c.sku == code)
            connection.execute(row.values(not_before=until))

    def batches(self) -> int:
        """How many batches the store was ever given."""
        return int(self.sandbox.store.state.value("select count(*) from batches", ()))

    def ran(self) -> list[int]:
        """What came of the requests that the store has worked off."""
        rows = self.sandbox.store.state.rows(
            "select answer ->> 'code' as code from inner_requests where answer is not null and answer != 'null'"
        )
        return [row["code"] for row in rows]


def room_of(ledger: Engine, client: Client, sandbox: Sandbox, *codes: str) -> Room:
    """A room whose errand has these codes to make, and one that isn't ready to go."""
    clock = Ahead()
    now, store_id = clock.now(), add_store(ledger)
    same = {"store_id": store_id, "kind": "import", "file": "codes", "digest": "", "state": "applying"}
    row = {"kind": "product", "line": 1, "options": [], "wanted": {}, "state": "planned", "changed_at": now}
    with writing(ledger) as connection:
        values = {**same, "person": "ana", "force": False, "created_at": now, "changed_at": now}
        import_id = connection.execute(sa.insert(imports).values(values).returning(imports.c.id)).scalar_one()
        rows = [{**row, "import_id": import_id, "phase": 1, "sku": code} for code in codes]
        rows.append({**row, "import_id": import_id, "phase": 2, "sku": "NOT-YET"})
        connection.execute(sa.insert(import_rows), rows)
    return Room(
        ledger=ledger,
        sandbox=sandbox,
        clock=clock,
        carrier=Carrier(engine=ledger, batches=client.batches, clock=clock, new_key=new_key),
        errand=Coupons(client=client, import_id=import_id),
    )
