"""Processes of the `tillroll` command, forked from one that has its modules loaded.

Each is a process of its own: it has its words, its environment, its exit code, and can be killed like any. Only starting Python
and importing what a command needs is done once for all of them, since that is most of what a short command costs.

`Forks()` starts this file and holds pipes to it; it goes when they close, because it was closed or because the tests are gone.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_LOOK_EVERY = 0.003
_BESIDES = (
    "alembic.command",
    "flask_security",
    "sqlalchemy.dialects.postgresql.psycopg",
    "apscheduler.schedulers.background",
)
"""What commands import besides the modules of their rooms, and what takes longest."""


@cache
def forks() -> Forks:
    """The one of this test process; gone with it."""
    made = Forks()
    atexit.register(made.close)
    return made


class Forks:
    """The process that forks; one caller at a time."""

    def __init__(self) -> None:
        self._keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.forks"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a Ctrl-C is for the tests; this one goes by the pipe alone
        )
        self._lock = threading.Lock()

    def start(
        self,
        *words: str,
        cwd: Path,
        environment: dict[str, str],
        output: Path,
        troubles: Path,
        given: Path | None = None,
        first: str = "",
    ) -> Child:
        """A `tillroll` with these words; `first` is `module:function` of the tests to be called in it before (its argument
        after a second colon)."""
        asked = {
            "words": words,
            "cwd": str(cwd),
            "environment": environment,
            "files": [str(given or os.devnull), str(output), str(troubles)],
            "first": first,
        }
        return Child(pid=int(self._ask(asked)), _ask=self._ask)

    def close(self) -> None:
        """Stop forking. What was forked is not touched."""
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.close()
        self._keeper.wait()
        self._keeper.stdout.close()

    def _ask(self, asked: dict[str, Any]) -> Any:
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        with self._lock:
            self._keeper.stdin.write(json.dumps(asked) + "\n")
            self._keeper.stdin.flush()
            line = self._keeper.stdout.readline()
        assert line, "the process that forks has died"
        return json.loads(line)


@dataclass(kw_only=True)
class Child:
    """One process, with the ways of `subprocess.Popen` that the tests use."""

    pid: int
    _ask: Callable[[dict[str, Any]], Any]
    returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, negative for a signal, or None while it runs."""
        if self.returncode is None:
            self.returncode = self._ask({"wait": self.pid, "seconds": 0.0})
        return self.returncode

    def wait(self, timeout: float = 120.0) -> int:
        """Its exit code, once it has ended."""
        end = time.monotonic() + timeout
        while self.poll() is None:
            assert time.monotonic() < end, f"process {self.pid} goes on and on"
            self.returncode = self._ask({"wait": self.pid, "seconds": 0.5})
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing happens to one that has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


# --- the process that forks ----------------------------------------------------------------------------


def _load() -> None:
    import tillroll

    for module in pkgutil.walk_packages(tillroll.__path__, "tillroll."):
        if not module.name.endswith(("__main__", ".wsgi")) and ".migrations" not in module.name:
            importlib.import_module(module.name)
    for name in _BESIDES:
        importlib.import_module(name)
    gc.freeze()  # what is loaded stays; no child need look through it


def _look(pid: int, seconds: float) -> int | None:
    """The exit code of a child, None if it goes on for longer than that."""
    end = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= end:
            return None
        time.sleep(_LOOK_EVERY)


def _become(asked: dict[str, Any]) -> None:
    """In the child: what a fresh process would have."""
    for number, (name, flags) in enumerate(
        zip(
            asked["files"],
            (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND] * 2),
            strict=True,
        )
    ):
        descriptor = os.open(name, flags, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
    sys.argv = ["tillroll", *asked["words"]]
    if asked["first"]:
        module, function, *given = asked["first"].split(":")
        getattr(importlib.import_module(module), function)(*given)


def _serve() -> bool:
    """Fork for whoever asks; True in a child, False at the end."""
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        if "wait" in asked:
            said: Any = _look(asked["wait"], asked["seconds"])
        else:
            said = os.fork()
            if not said:
                _become(asked)
                return True
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
    return False


if __name__ == "__main__":
    _load()
    if _serve():
        from tillroll.cli import main

        main()
