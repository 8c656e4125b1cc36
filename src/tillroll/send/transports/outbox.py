"""The outbox: a folder instead of a mail server. Each message is an `.eml` file and one line of `messages.jsonl`.

The line proves that a message left. The file is written first, and renamed to its final name. A process that dies in between
leaves at most a file without a line; the next attempt writes the same file again.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Self

from tillroll.campaign.language.models import Via
from tillroll.clock import Clock
from tillroll.ledger.at_rest.private_files import open_private
from tillroll.rendering.mime import Outgoing
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transport import OPEN, Delivery, Departed, Gate
from tillroll.send.trouble import Trouble

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


class Outbox:
    """A transport that writes messages to a folder."""

    via = Via.OUTBOX
    batch = 500
    keeps_log = True

    def __init__(self, folder: Path, clock: Clock, *, name: str = Via.OUTBOX.value) -> None:
        self.name = name
        self._folder = folder
        self._lines = folder / "messages.jsonl"
        self._clock = clock

    def deliver(self, messages: Sequence[Outgoing], gate: Gate = OPEN) -> Iterator[Delivery]:
        """Write the files, then the lines of all of them at once: only then have they left."""
        written: list[tuple[Outgoing, bytes]] = []
        at = self._clock.now().isoformat(timespec="seconds")
        with _Folders(self._folder) as folders:
            for message in messages:
                try:
                    written.append((message, _line(message, folders.write(message), at)))
                except OSError as fault:
                    yield _untried(message, fault)
                except Exception as fault:  # this message can't be written, whatever it is
                    yield _outcome(message, DeliveryOutcome.FAILED, f"outbox: {type(fault).__name__}")
        try:
            if not self._append(written, gate):
                return
        except OSError as fault:
            for message, _ in written:
                yield _outcome(message, DeliveryOutcome.UNKNOWN, f"outbox: {fault.strerror}")
            return
        for message, _ in written:
            yield _outcome(message, DeliveryOutcome.SENT)

    def delivered(self, keys: Collection[str]) -> frozenset[str] | None:
        """Return the keys that have a line."""
        wanted = set(keys)
        if not wanted or not self._lines.exists():
            return frozenset()
        with self._locked_lines() as lines:
            lines.seek(0)
            return frozenset(key for line in lines if (key := json.loads(line)["key"]) in wanted)

    def since(self, moment: datetime) -> Iterator[Departed] | None:
        """Yield the lines from a moment on. Lines have whole seconds, so all of the moment's second are included."""
        return self._since(moment.replace(microsecond=0))

    def _since(self, moment: datetime) -> Iterator[Departed]:
        if not self._lines.exists():
            return
        with self._lines.open(encoding="utf-8") as lines:  # unlocked: others append whole lines only
            for line in lines:
                if not line.endswith("\n"):
                    return
                entry = json.loads(line)
                at = datetime.fromisoformat(entry["at"])
                if at >= moment:
                    yield Departed(
                        key=entry["key"],
                        run_id=entry["run"],
                        campaign=entry["campaign"],
                        to=entry["to"],
                        at=at,
                    )

    def _append(self, written: Sequence[tuple[Outgoing, bytes]], gate: Gate) -> bool:
        """Append the lines, unless the messages may not leave any more. Returns whether they have left.

        It is asked while the file is locked: whoever looks for the lines (`delivered`) finds them, or they are never written.
        """
        if not written:
            return True
        with self._locked_lines() as log:
            if not gate.may_leave([message for message, _ in written]):
                return False
            log.write(b"".join(line for _, line in written))
            log.flush()
            os.fsync(log.fileno())
        return True

    @contextmanager
    def _locked_lines(self) -> Iterator[BinaryIO]:
        """Open the lines to append to, for one process at a time: several may send at once.

        A last line that a crash has cut off is removed first.
        """
        with open(self._lines, "ab+", opener=open_private) as log:
            fcntl.flock(log, fcntl.LOCK_EX)  # released when the file is closed or the process dies
            end = log.seek(0, os.SEEK_END)
            log.seek(max(0, end - 1))
            if end and log.read(1) != b"\n":
                log.seek(0)
                log.truncate(log.read().rfind(b"\n") + 1)
            yield log


class _Folders:
    """The folders of the runs whose files are written: each is made and opened once for many files."""

    def __init__(self, outbox: Path) -> None:
        self._outbox = outbox
        self._opened: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for folder in self._opened.values():
            os.close(folder)

    def write(self, message: Outgoing) -> str:
        """Write a message's file, and return its place in the outbox. It has its name once it is whole."""
        folder = self._opened.get(message.run_id)
        if folder is None:
            folder = self._opened[message.run_id] = self._open(message.run_id)
        name = f"{message.key}.eml"
        draft = f"{message.key}.part"
        file = os.open(draft, _NEW, 0o600, dir_fd=folder)  # codes are worth money
        try:
            left = memoryview(message.content)
            while left:
                left = left[os.write(file, left) :]
        finally:
            os.close(file)
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
        return f"{_name_of(message.run_id)}/{name}"

    def _open(self, run_id: int) -> int:
        path = self._outbox / _name_of(run_id)
        for folder in (self._outbox, path):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def _name_of(run_id: int) -> str:
    return f"run-{run_id:06d}"


def _line(message: Outgoing, file: str, at: str) -> bytes:
    """Return the line that proves that a message left."""
    entry = {
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
    }
    return json.dumps(entry, ensure_ascii=False).encode() + b"\n"


def _outcome(message: Outgoing, outcome: DeliveryOutcome, reason: str = "") -> Delivery:
    return Delivery(message_id=message.message_id, outcome=outcome, reason=reason)


def _untried(message: Outgoing, fault: OSError) -> Delivery:
    return Delivery(
        message_id=message.message_id,
        outcome=DeliveryOutcome.UNTRIED,
        reason=f"outbox: {fault.strerror}",
        trouble=Trouble.STORAGE,
    )
