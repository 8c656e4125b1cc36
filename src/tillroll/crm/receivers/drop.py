"""A folder for a CRM's importer: each batch is a JSONL file, numbered, complete from the moment it appears, never rewritten."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from tillroll.crm.receivers.answers import ReceiverAnswer
from tillroll.crm.receivers.receiver import EventBatch


class CrmFolder:
    """Drops batches into a folder."""

    one_of_each = False  # no single event is ever refused
    most = 1_000
    shows_codes = False

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self._folder = folder

    def close(self) -> None:
        """Nothing is held open."""

    def take(self, batch: EventBatch, now: datetime) -> ReceiverAnswer:
        """Write the batch's file. One that is there with these events was written before the last process died."""
        path = self._folder / f"crm-{batch.store}-{batch.number:012d}.jsonl"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if path.exists():
                return self._judge_present(path, batch)
            self._write(path, "".join(f"{event.body}\n" for event in batch.events))
        except OSError as fault:
            return ReceiverAnswer(
                status=0, said=f"{self.name} can't be written to: {fault.strerror or fault}"
            )
        return ReceiverAnswer(status=200)

    def _highest_number(self, store: int) -> int:
        """Return the highest number of a file in the folder; 0 if there is none."""
        start = f"crm-{store}-"
        names = (
            path.name.removeprefix(start).removesuffix(".jsonl")
            for path in self._folder.glob(f"{start}*.jsonl")
        )
        return max((int(name) for name in names if name.isascii() and name.isdigit()), default=0)

    def _judge_present(self, path: Path, batch: EventBatch) -> ReceiverAnswer:
        """Tell whether a file holds these events: it may hold more, since erased ones are gone from the batch."""
        lines = set(path.read_text("utf-8").split("\n"))
        if all(event.body in lines for event in batch.events):
            return ReceiverAnswer(status=200)
        # a restored ledger counts from an earlier number on
        return ReceiverAnswer(status=0, next_number=self._highest_number(batch.store) + 1)

    def _write(self, path: Path, text: str) -> None:
        """Write a file so that it appears whole or not at all, also after a power cut."""
        part = path.with_name(f".{path.name}.part")
        with open(part, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.rename(part, path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
