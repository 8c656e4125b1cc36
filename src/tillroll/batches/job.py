"""A batch job: rows of the ledger that the store is asked to apply, in chunks (by `runner.py`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.batches.answers import Answers
from tillroll.campaign.states import Stage
from tillroll.ecwid.endpoints.batches import InnerRequest
from tillroll.errors import NeedsPerson
from tillroll.ledger.faults.rows import FaultyItem

POSTING = "posting"
"""The state of a row in a chunk without an outcome, in every table of rows: the store may have applied it already."""

RowT = TypeVar("RowT")
OutcomeT = TypeVar("OutcomeT")


@dataclass(frozen=True, kw_only=True)
class JobTables:
    """The ledger's tables of one kind of job."""

    chunks: sa.Table  # its columns: `ledger/tables/columns.py:chunk`
    rows: sa.Table  # what is sent in chunks: with `state`, `attempts`, `not_before` and `changed_at`
    chunk: str  # the column of a row that names its chunk
    waiting: str  # the state of a row that waits to be sent


@dataclass(frozen=True, kw_only=True)
class JobOutcome(Generic[OutcomeT]):
    """The outcomes of some rows of a job."""

    rows: Sequence[OutcomeT]  # what to write, for each row
    stopped: str = ""  # why the store does nothing for us until somebody acts, in the store's words


class BatchJob(ABC, Generic[RowT, OutcomeT]):
    """One change to codes or one phase of an import: its rows are sent in chunks until none is left.

    The store may be asked more than once to apply the same row; the job must make that harmless. Only `interpret` and
    `interpret_lost` may call the store, and they run before the transaction in which `write` is called.
    """

    tables: ClassVar[JobTables]
    in_flight: ClassVar[int]  # chunks that may be posted at a time
    stage: ClassVar[Stage]  # what a fault of a row says was being done

    @property
    @abstractmethod
    def owner(self) -> Mapping[str, int]:
        """The column that names the job in both of its tables, with the job's number."""

    def ready_conditions(self) -> tuple[sa.ColumnElement[bool], ...]:
        """Return what must hold before a waiting row may be sent, apart from its `not_before`."""
        return ()

    def sent_values(self) -> Mapping[str, Any]:
        """Return more values to write to a row as it is sent."""
        return {}

    @abstractmethod
    def load(self, connection: Connection, *where: sa.ColumnElement[bool]) -> list[RowT]:
        """Return the rows that meet the conditions, in the order of their ids."""

    @abstractmethod
    def item(self, row: RowT) -> FaultyItem:
        """Return what a fault calls a row."""

    @abstractmethod
    def row_id(self, row: RowT) -> int:
        """Return the number of a row in the table of rows."""

    @abstractmethod
    def settled_id(self, outcome: OutcomeT) -> int:
        """Return the number of the row whose outcome this is."""

    def unwritten_values(self) -> Mapping[str, Any]:
        """Return what a row becomes whose outcome can't be written: by default, it waits to be sent again."""
        return {"state": self.tables.waiting}

    @abstractmethod
    def requests(self, rows: Sequence[RowT]) -> list[InnerRequest]:
        """Return one call for each row, with the row's id as the call's id."""

    @abstractmethod
    def interpret(self, rows: Sequence[RowT], answers: Answers) -> JobOutcome[OutcomeT]:
        """Return what the answers mean; rows without an answer are left out."""

    @abstractmethod
    def interpret_lost(self, rows: Sequence[RowT]) -> JobOutcome[OutcomeT]:
        """Return what becomes of rows whose batch can no longer tell.

        Some of them may have been applied; the others never will be, since the batch was cancelled.
        """

    @abstractmethod
    def write(self, connection: Connection, outcome: JobOutcome[OutcomeT], now: datetime) -> None:
        """Write the outcomes of rows that are `posting`, in the caller's transaction."""

    @abstractmethod
    def stopped_error(self, reason: str) -> NeedsPerson:
        """Return the error to raise when the store refuses every call until a person acts; `reason` says why."""
