"""Processes of the `tillroll` command, forked from one that has its modules loaded.

Each is a separate process with its own arguments, environment and exit code, and can be killed like any other. Only starting
Python and importing modules, which takes most of the time of a short command, is done once for all of them.

`Forks()` starts this file and holds pipes to it. The forking process ends when the pipes close: by `close()`, or because the
tests have ended.
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
"""Modules that commands import besides Tillroll's own, and that take longest to import."""


@cache
def forks() -> Forks:
    """Return the forking process of this test process; it is closed at exit."""
    made = Forks()
    atexit.register(made.close)
    return made


class Forks:
    """The process that forks; it serves one caller at a time."""

    def __init__(self) -> None:
        self._keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.forks"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C must reach only the tests; this process ends when the pipe closes
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
        """Start `tillroll` with these arguments.

        `first` names a function of the tests to call in the process before: `module:function` or `module:function:argument`.
        """
        from tests.logs import read_later  # not needed by the process that forks

        read_later(troubles)
        request = {
            "words": words,
            "cwd": str(cwd),
            "environment": environment,
            "files": [str(given or os.devnull), str(output), str(troubles)],
            "first": first,
        }
        return Child(pid=int(self._ask(request)), _ask=self._ask)

    def close(self) -> None:
        """End the forking process. Its children keep running."""
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.close()
        self._keeper.wait()
        self._keeper.stdout.close()

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        with self._lock:
            self._keeper.stdin.write(json.dumps(request) + "\n")
            self._keeper.stdin.flush()
            line = self._keeper.stdout.readline()
        assert line, "the process that forks has died"
        return json.loads(line)


@dataclass(kw_only=True)
class Child:
    """A forked process, with the methods of `subprocess.Popen` that the tests use."""

    pid: int
    _ask: Callable[[dict[str, Any]], Any]
    returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while the process runs."""
        if self.returncode is None:
            self.returncode = self._ask({"wait": self.pid, "seconds": 0.0})
        return self.returncode

    def wait(self, timeout: float = 120.0) -> int:
        """Wait for the process to end and return its exit code."""
        end = time.monotonic() + timeout
        while self.poll() is None:
            assert time.monotonic() < end, f"process {self.pid} does not end"
            self.returncode = self._ask({"wait": self.pid, "seconds": 0.5})
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
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
    gc.freeze()  # loaded modules stay; children need not collect them


def _look(pid: int, seconds: float) -> int | None:
    """Return the exit code of a child, or None if it still runs after that time."""
    end = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= end:
            return None
        time.sleep(_LOOK_EVERY)


def _become(request: dict[str, Any]) -> None:
    """Set up the child as a fresh process would be."""
    for number, (name, flags) in enumerate(
        zip(
            request["files"],
            (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND] * 2),
            strict=True,
        )
    ):
        descriptor = os.open(name, flags, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.argv = ["tillroll", *request["words"]]
    if request["first"]:
        module, function, *given = request["first"].split(":")
        getattr(importlib.import_module(module), function)(*given)


def _serve() -> bool:
    """Serve requests to fork; return True in a child, and False when the pipe closes."""
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        if "wait" in request:
            answer: Any = _look(request["wait"], request["seconds"])
        else:
            answer = os.fork()
            if not answer:
                _become(request)
                return True
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return False


if __name__ == "__main__":
    _load()
    if _serve():
        from tillroll.cli import main

        main()
