"""A batch job for tests, on the tables of catalogue imports: each row is a coupon that the store is to create."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tests.clocks import FakeClock
from tests.contract.samples import coupon
from tests.shop import add_store
from tillroll.batches.answers import Answers
from tillroll.batches.job import BatchJob, JobOutcome, JobTables
from tillroll.batches.session import BatchSession
from tillroll.campaign.states import ItemKind, Stage
from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.batches import InnerRequest
from tillroll.errors import NeedsPerson
from tillroll.ledger.engine import writing
from tillroll.ledger.faults.rows import FaultyItem
from tillroll.ledger.records import ImportRow
from tillroll.ledger.tables import import_chunks, import_rows, imports
from tillroll.mint.draw import new_key
from tillroll.sandbox.serve import Sandbox


@dataclass(frozen=True, kw_only=True)
class CouponJob(BatchJob[ImportRow, dict[str, Any]]):
    """A row that is sent again is created again; rows of a lost batch become `unsure`."""

    client: Client
    import_id: int
    broken: set[str] = field(default_factory=set)  # rows that fail, by what fails: `request CODE-1`

    tables = JobTables(chunks=import_chunks, rows=import_rows, chunk="import_chunk_id", waiting="planned")
    in_flight = 2
    stage = Stage.CATALOGUE

    @property
    def owner(self) -> Mapping[str, int]:
        return {"import_id": self.import_id}

    def ready_conditions(self) -> tuple[sa.ColumnElement[bool], ...]:
        return (import_rows.c.phase == 1,)

    def sent_values(self) -> Mapping[str, Any]:
        return {"reason": "on its way"}

    def load(self, connection: Connection, *where: sa.ColumnElement[bool]) -> list[ImportRow]:
        query = sa.select(import_rows).where(*where).order_by(import_rows.c.id)
        return [ImportRow.from_row(row) for row in connection.execute(query)]

    def item(self, row: ImportRow) -> FaultyItem:
        return FaultyItem(store_id=1, kind=ItemKind.ROW, name=row.sku)

    def row_id(self, row: ImportRow) -> int:
        return row.id

    def settled_id(self, outcome: dict[str, Any]) -> int:
        return int(outcome["b_id"])

    def fail_if_broken(self, what: str, rows: Sequence[ImportRow]) -> None:
        for row in rows:
            if f"{what} {row.sku}" in self.broken:
                raise KeyError(row.sku)

    def requests(self, rows: Sequence[ImportRow]) -> list[InnerRequest]:
        self.fail_if_broken("request", rows)
        return [self.client.coupons.creation(str(row.id), coupon(row.sku)) for row in rows]

    def interpret(self, rows: Sequence[ImportRow], answers: Answers) -> JobOutcome[dict[str, Any]]:
        self.fail_if_broken("answer", rows)
        answered = [(row, answer) for row in rows if (answer := answers.for_row(row.id)) is not None]
        states = {200: "done", 409: "failed"}
        stopped = next((answer.message for _, answer in answered if answer.status == 403), "")
        settled = [
            {"b_id": row.id, "state": states.get(answer.status, "planned")} for row, answer in answered
        ]
        return JobOutcome(rows=settled, stopped=stopped)

    def interpret_lost(self, rows: Sequence[ImportRow]) -> JobOutcome[dict[str, Any]]:
        return JobOutcome(rows=[{"b_id": row.id, "state": "unsure"} for row in rows])

    def write(self, connection: Connection, outcome: JobOutcome[dict[str, Any]], now: datetime) -> None:
        own = import_rows.c.id == sa.bindparam("b_id")
        ids = [each["b_id"] for each in outcome.rows]
        self.fail_if_broken("write", self.load(connection, import_rows.c.id.in_(ids)))
        if outcome.rows:
            connection.execute(sa.update(import_rows).where(own).values(changed_at=now), outcome.rows)

    def stopped_error(self, reason: str) -> NeedsPerson:
        return NeedsPerson(f"The store makes none: {reason}.")


@dataclass(frozen=True, kw_only=True)
class Room:
    """A ledger with a batch job of some rows, a store, and a clock that is moved by hand."""

    ledger: Engine
    sandbox: Sandbox
    clock: FakeClock
    session: BatchSession
    job: CouponJob

    def later(self, seconds: float) -> None:
        """Move the clock ahead."""
        self.clock.moved += timedelta(seconds=seconds)

    def rows(self) -> dict[str, Any]:
        """Return the rows by code."""
        with self.ledger.connect() as connection:
            return {row.sku: row for row in connection.execute(sa.select(import_rows))}

    def states(self) -> dict[str, str]:
        """Return the state of each row, by code."""
        return {code: row.state for code, row in sorted(self.rows().items())}

    def chunks(self) -> list[sa.Row[Any]]:
        with self.ledger.connect() as connection:
            return list(connection.execute(sa.select(import_chunks).order_by(import_chunks.c.id)))

    def put_off(self, code: str, until: datetime) -> None:
        with writing(self.ledger) as connection:
            row = sa.update(import_rows).where(import_rows.c.sku == code)
            connection.execute(row.values(not_before=until))

    def batches(self) -> int:
        """Return how many batches the store was ever sent."""
        return int(self.sandbox.store.state.value("select count(*) from batches", ()))

    def ran(self) -> list[int]:
        """Return the status of each request that the store has run."""
        rows = self.sandbox.store.state.rows(
            "select answer ->> 'code' as code from inner_requests where answer is not null and answer != 'null'"
        )
        return [row["code"] for row in rows]


def room_of(ledger: Engine, client: Client, sandbox: Sandbox, *codes: str) -> Room:
    """Return a room with a job of these codes, and one more row that is not ready to be sent."""
    clock = FakeClock.running()
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
        session=BatchSession(engine=ledger, client=client, store_id=store_id, clock=clock, new_key=new_key),
        job=CouponJob(client=client, import_id=import_id),
    )
