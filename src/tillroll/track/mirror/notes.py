"""What couldn't be read of a slice's rows, collected while they are read and written with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.engine import Connection

from tillroll.ecwid.endpoints.rows import Unread
from tillroll.ledger.mirror.unread import UnreadRow, forget_unread, note_unread

log = structlog.get_logger("tillroll.track")


class UnreadNotes:
    """Takes note of what couldn't be read of one area, until it is written."""

    def __init__(self, area: str) -> None:
        self._area = area
        self._noted: list[Unread] = []

    def __bool__(self) -> bool:
        return bool(self._noted)

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields that couldn't be read."""
        return frozenset(noted.field for noted in self._noted)

    def tell(self, unread: Unread) -> None:
        """Take note of a row or field that couldn't be read."""
        self._noted.append(unread)

    def write(self, connection: Connection, store_id: int, read: Sequence[Any], now: datetime) -> None:
        """Write the notes, and forget older ones of the rows that were `read` (by their ids). Logs how many there are."""
        forget_unread(connection, store_id, self._area, [str(id_) for id_ in read])
        if not self._noted:
            return
        rows = [
            UnreadRow(area=self._area, row_id=noted.row_id, field=noted.field, reason=noted.why)
            for noted in self._noted
        ]
        note_unread(connection, store_id, rows, now)
        missing = sum(not row.field for row in rows)
        log.warning(
            "rows.unread", store_id=store_id, area=self._area, rows=missing, fields=len(rows) - missing
        )
        self._noted.clear()
