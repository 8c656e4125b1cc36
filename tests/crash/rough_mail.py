"""A mail server in a process of its own that goes wrong in every way, and keeps a record of what it took and what it answered.

`python -m tests.crash.rough_mail PORT RECORD SEED` serves until it is killed. Each line of the record is whole even if the
process is killed, and the first two are written before the sender can see what they say:

- `end KEY`: the end of a message arrived. From here on the sender can't know whether it was taken.
- `taken KEY`: it was taken. (One that has an `end` alone was thrown away.)
- `said KEY`: the answer has left. A message with an `end` and without this is one whose answer was truly lost.
"""

from __future__ import annotations

import os
import random
import re
import socket
import socketserver
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

_KEY = re.compile(rb"^Message-ID: <([^@>]+)@", re.MULTILINE | re.IGNORECASE)
_SILENT = 0.7  # seconds of silence before the connection ends

FAULTS = {
    "421 at MAIL": 0.004,
    "450 at RCPT": 0.01,
    "drop amid DATA": 0.002,
    "silence amid DATA": 0.0005,
    "451 after DATA": 0.004,
    "thrown away, no answer": 0.001,
    "taken, no answer": 0.001,
    "taken, silence": 0.0003,
}
"""How often each happens, of the messages that come so far."""


class _Gone(Exception):
    """The connection ends without a word."""


class _Talk(socketserver.StreamRequestHandler):
    """One conversation."""

    server: RoughServer
    disable_nagle_algorithm = True
    _has_reader = False

    def handle(self) -> None:
        try:
            self._say(b"220 rough ESMTP")
            while self._command(self.rfile.readline(4_096)):
                pass
        except (_Gone, OSError):
            self.connection.close()

    def _command(self, line: bytes) -> bool:
        word = line[:4].upper()
        if word in (b"", b"QUIT"):
            return False
        if word == b"EHLO":
            self._say(b"250-rough\r\n250-PIPELINING\r\n250 SIZE 1000000")
        elif word == b"MAIL" and self._happens("421 at MAIL"):
            self._say(b"421 4.7.0 too many for now")
            raise _Gone
        elif word == b"RCPT":
            self._has_reader = not self._happens("450 at RCPT")
            self._say(b"250 fine" if self._has_reader else b"450 4.2.0 come back later")
        elif word == b"DATA" and not self._has_reader:
            self._say(b"554 5.5.1 no valid recipients")
        elif word == b"DATA":
            self._say(b"354 go on")
            self._take()
        else:
            self._say(b"250 fine")
        return True

    def _take(self) -> None:
        if self._happens("drop amid DATA"):
            self.rfile.readline()
            raise _Gone
        if self._happens("silence amid DATA"):
            time.sleep(_SILENT)
            raise _Gone
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise _Gone
            lines.append(line)
        found = _KEY.search(b"".join(lines))
        key = found[1].decode() if found else "?"
        self.server.note("end", key)
        if self._happens("451 after DATA"):
            self._say(b"451 4.3.0 not now")
            self.server.note("said", key)
            return
        if self._happens("thrown away, no answer"):
            raise _Gone
        self.server.note("taken", key)
        if self._happens("taken, no answer"):
            raise _Gone
        if self._happens("taken, silence"):
            time.sleep(_SILENT)
            raise _Gone
        self._say(b"250 taken")
        self.server.note("said", key)

    def _say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")

    def _happens(self, fault: str) -> bool:
        return self.server.draw(FAULTS[fault])


class RoughServer(socketserver.ThreadingTCPServer):
    """Notes what happens, and draws what goes wrong."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, record: BinaryIO, seed: int) -> None:
        super().__init__(("127.0.0.1", port), _Talk)
        self._record, self._random, self._lock = record, random.Random(seed), threading.Lock()

    def note(self, what: str, key: str) -> None:
        os.write(self._record.fileno(), f"{what} {key}\n".encode())  # one write: whole lines

    def draw(self, share: float) -> bool:
        with self._lock:
            return self._random.random() < share


@dataclass
class MailRecord:
    """What a server's record says."""

    ended: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)

    @classmethod
    def read(cls, path: Path) -> MailRecord:
        found = cls()
        places = {"end": found.ended, "taken": found.taken, "said": found.answered}
        for line in path.read_text("ascii").splitlines():
            what, _, key = line.partition(" ")
            places[what][key] += 1
        return found

    @property
    def lost_answers(self) -> int:
        """How many messages came to their end without an answer."""
        return (self.ended - self.answered).total()


def wait_for_port(port: int, patience: float = 20.0) -> None:
    """Wait until something listens."""
    ends = time.monotonic() + patience
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            assert time.monotonic() < ends, "the mail server doesn't start"
            time.sleep(0.02)
        else:
            return


if __name__ == "__main__":
    with open(sys.argv[2], "ab", buffering=0) as opened:
        RoughServer(int(sys.argv[1]), opened, int(sys.argv[3])).serve_forever()
