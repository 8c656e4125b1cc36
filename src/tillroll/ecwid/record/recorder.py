"""Writing the talk with a store to a file: one line of JSON for each call, with pseudonyms, readable by its owner only."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import structlog

from tillroll import __version__
from tillroll.clock import Clock
from tillroll.ecwid.http.answers import Unreadable, parse, unpack
from tillroll.ecwid.http.session import HttpAnswer
from tillroll.ecwid.record import kept
from tillroll.ecwid.record.pseudonyms import Pseudonyms

log = structlog.get_logger("tillroll.ecwid")

FORM = 1
"""The form of the file."""


class Recorder:
    """Appends each call of a store's clients to a file. Several processes may write to the same one."""

    def __init__(self, file: Path, *, secret: str, store_id: int, clock: Clock) -> None:
        """`secret`: the key of the installation, of which the pseudonyms' key is derived."""
        key = sha256(b"tillroll record\0" + secret.encode()).digest()
        self._file = file
        self._clock = clock
        self.pseudonyms = Pseudonyms(key, store_id=store_id)
        self._failed = False

    def __call__(self, method: str, path: str, body: bytes | None, answer: HttpAnswer | None) -> None:
        """Record a call. `path` is below the store's own address, with its query; None: no answer came.

        A disk that fails ends the record, and not the call: its answer may be about money.
        """
        if self._failed:
            return
        try:
            self._write(method, path, body, answer)
        except OSError as fault:
            self._failed = True
            log.error("record.ended", file=str(self._file), reason=fault.strerror)

    def _write(self, method: str, path: str, body: bytes | None, answer: HttpAnswer | None) -> None:
        plain, _, query = path.partition("?")
        line: dict[str, Any] = {
            "at": self._clock.now().isoformat(timespec="milliseconds"),
            "method": method,
            "path": self.pseudonyms.path(plain),
            "query": self.pseudonyms.query(dict(parse_qsl(query, keep_blank_values=True))),
        }
        if body is not None:
            line["body"] = self.pseudonyms.value(_what(plain), _parsed(body))
        line["status"] = answer.status if answer is not None else None
        if answer is not None:
            line["headers"] = {name: answer.headers[name] for name in kept.HEADERS if name in answer.headers}
            line["answer"] = self.pseudonyms.value(_what(plain), _unpacked(answer))
        with suppress(FileExistsError):
            begin(self._file)
        _append(self._file, line)


def begin(file: Path) -> None:
    """Make the file, with a line that says what it is. Raises `OSError` if it exists or can't be made."""
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    _append(file, {"tillroll_record": FORM, "version": __version__})


def _append(file: Path, line: dict[str, Any]) -> None:
    """Append one line at once, so that the lines of several processes don't mix."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)
    with os.fdopen(descriptor, "wb", buffering=0) as out:
        out.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")


def _what(path: str) -> str:
    """Return the name under which a body counts: what our own app stores is ours, and not shown."""
    return "storage" if path.startswith("/storage") else ""


def _parsed(body: bytes) -> Any:
    try:
        return parse(body)
    except Unreadable:
        return {"unreadable": len(body)}


def _unpacked(answer: HttpAnswer) -> Any:
    if not answer.body.strip():
        return None
    try:
        return parse(unpack(answer.body, answer.headers.get("Content-Encoding", "")))
    except Unreadable:
        return {"unreadable": len(answer.body)}
