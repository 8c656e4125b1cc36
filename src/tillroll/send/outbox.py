"""The outbox: a folder that stands in for a mail server. Each message is an `.eml` file and one line of `messages.jsonl`.

The line is the proof that a message left: the file is written first, under its final name by a rename, so a process that
dies in between leaves at most a file without a line, which the next attempt writes again, byte for byte in the same place.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from tillroll.clock import Clock
from tillroll.send.decide import Outcome
from tillroll.send.mime import Outgoing
from tillroll.send.transport import Delivery, Departed


def _private(path: str, flags: int) -> int:
    """Codes are money: only the owner may read them."""
    return os.open(path, flags, 0o600)


class Outbox:
    """Writes messages under a folder."""

    name = "outbox"

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._lines = folder / "messages.jsonl"
        self._clock = clock

    def deliver(self, messages: Sequence[Outgoing]) -> Iterator[Delivery]:
        """Write the files, then all their lines at once."""
        written: list[tuple[Outgoing, str]] = []
        for message in messages:
            try:
                written.append((message, self._write_file(message)))
            except OSError as fault:
                yield Delivery(
                    message_id=message.message_id, outcome=Outcome.LATER, reason=f"outbox: {fault.strerror}"
                )
        try:
            self._append(written)
        except OSError as fault:
            reason = f"outbox: {fault.strerror}"
            yield from (
                Delivery(message_id=one.message_id, outcome=Outcome.UNKNOWN, reason=reason)
                for one, _ in written
            )
            return
        yield from (Delivery(message_id=one.message_id, outcome=Outcome.SENT) for one, _ in written)

    def delivered(self, keys: Collection[str]) -> frozenset[str] | None:
        """The keys that have a line."""
        wanted = set(keys)
        if not wanted or not self._lines.exists():
            return frozenset()
        with self._alone() as lines:
            lines.seek(0)
            return frozenset(key for line in lines if (key := json.loads(line)["key"]) in wanted)

    def since(self, moment: datetime) -> Iterator[Departed] | None:
        """The lines from then on. A line says seconds, so one of the same second is among them."""
        return self._since(moment.replace(microsecond=0))

    def _since(self, moment: datetime) -> Iterator[Departed]:
        if not self._lines.exists():
            return
        with self._lines.open(encoding="utf-8") as lines:  # others may append meanwhile: whole lines, always
            for line in lines:
                if not line.endswith("\n"):
                    return
                said = json.loads(line)
                at = datetime.fromisoformat(said["at"])
                if at >= moment:
                    yield Departed(
                        key=said["key"],
                        run_id=said["run"],
                        campaign=said["campaign"],
                        to=said["to"],
                        at=at,
                    )

    def _write_file(self, message: Outgoing) -> str:
        relative = f"run-{message.run_id:06d}/{message.key}.eml"
        path = self._folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".part")
        draft.write_bytes(message.content)
        draft.replace(path)
        return relative

    def _append(self, written: list[tuple[Outgoing, str]]) -> None:
        if not written:
            return
        at = self._clock.now().isoformat(timespec="seconds")
        lines = "".join(
            json.dumps(
                {
                    "key": message.key,
                    "run": message.run_id,
                    "campaign": message.campaign,
                    "to": message.to,
                    "subject": message.subject,
                    "code": message.code,
                    "file": file,
                    "bytes": len(message.content),
                    "sha256": message.digest,
                    "at": at,
                },
                ensure_ascii=False,
            )
            + "\n"
            for message, file in written
        )
        with self._alone() as file_:
            file_.write(lines.encode())
            file_.flush()
            os.fsync(file_.fileno())

    @contextmanager
    def _alone(self) -> Iterator[BinaryIO]:
        """The lines, open to append to, for one process at a time: several may send side by side.

        A last line that a crash has cut short is taken back first.
        """
        with open(self._lines, "ab+", opener=_private) as file_:
            fcntl.flock(file_, fcntl.LOCK_EX)  # goes with the file, or with its process
            end = file_.seek(0, os.SEEK_END)
            file_.seek(max(0, end - 1))
            if end and file_.read(1) != b"\n":
                file_.seek(0)
                file_.truncate(file_.read().rfind(b"\n") + 1)
            yield file_
