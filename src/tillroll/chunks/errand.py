"""An errand: what a stage has the store do in chunks. It brings the rows; the way there and back is `carry.py`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.chunks.answers import Answers
from tillroll.clock import Clock
from tillroll.ecwid.batches import Batches, InnerRequest
from tillroll.errors import NeedsPerson

POSTING = "posting"
"""The state of a row whose chunk is on its way, in every table of rows: it may be done already."""

_One = TypeVar("_One")


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """What errands are run with."""

    engine: Engine
    batches: Batches
    clock: Clock
    new_key: Callable[[], str]  # a fresh deduplication key


@dataclass(frozen=True, kw_only=True)
class Tables:
    """Where errands of a kind are in the ledger."""

    chunks: sa.Table  # its columns: `ledger/tables/columns.py:chunk`
    rows: sa.Table  # what goes in chunks: with `state`, `attempts`, `not_before` and `changed_at`
    chunk: str  # the column of a row that names its chunk
    waiting: str  # the state of a row that waits to go


@dataclass(frozen=True, kw_only=True)
class Learnt(Generic[_One]):
    """What became of some rows."""

    rows: Sequence[_One]  # of each, what there is to write
    stopped: str = ""  # why the store does nothing for us until somebody acts, in its own words


class Errand(ABC, Generic[_One]):
    """One change to codes, one import: its rows go in chunks until none waits.

    A row may be asked for more than once: what that does is the errand's to know. Only `learn` and `learn_lost` may ask the store
    for more; they come before the transaction in which `write` is called.
    """

    tables: ClassVar[Tables]
    in_flight: ClassVar[int]
    """Chunks that are handed over at a time."""

    @property
    @abstractmethod
    def whose(self) -> Mapping[str, int]:
        """The column that names it in both its tables, and its number."""

    def ready(self) -> tuple[sa.ColumnElement[bool], ...]:
        """What must be so that a waiting row may go, besides that its time has come."""
        return ()

    def going(self) -> Mapping[str, Any]:
        """What else is written of a row as it goes."""
        return {}

    def seen(self) -> sa.Select[Any]:
        """Its rows as the methods below want to see them."""
        return sa.select(self.tables.rows)

    @abstractmethod
    def requests(self, rows: Sequence[sa.Row[Any]]) -> list[InnerRequest]:
        """What the store is asked for, each with its row's number as its id."""

    @abstractmethod
    def learn(self, rows: Sequence[sa.Row[Any]], answers: Answers) -> Learnt[_One]:
        """What the answers mean; a row that none is for is left out."""

    @abstractmethod
    def learn_lost(self, rows: Sequence[sa.Row[Any]]) -> Learnt[_One]:
        """What becomes of rows whose batch can't tell any more. They may be done, and those that aren't never shall by it."""

    @abstractmethod
    def write(self, connection: Connection, learnt: Learnt[_One], now: datetime) -> None:
        """Write what became of rows that are `posting`, in the caller's transaction."""

    @abstractmethod
    def trouble(self, stopped: str) -> NeedsPerson:
        """The words for a store that does nothing for us until somebody acts."""
