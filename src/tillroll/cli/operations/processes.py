"""The processes that `up` and `demo` start: they run together and stop together."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from tillroll.campaign.figures.retry import RetryPolicy
from tillroll.campaign.text.counts import count_of
from tillroll.cli.operations.ports import address_of
from tillroll.cli.support.output import err
from tillroll.clock import SystemClock
from tillroll.settings import child_environment

_APP = "tillroll.web.wsgi:app_from_environment()"
_WORKER = "tillroll.web.server.worker.PagesWorker"
_LOGGER = "tillroll.web.server.log.PagesLog"
_STOP_SECONDS = 28  # Heroku kills a dyno 30 seconds after SIGTERM
_LOOK_EVERY = 0.2  # seconds
_RESTARTS = RetryPolicy(first_pause=timedelta(seconds=1), longest_pause=timedelta(seconds=30))
_LONG_LIFE = 60.0  # seconds after which the end of a process counts as its first
_SIGNAL_AT_PARENTS_DEATH = 1  # PR_SET_PDEATHSIG of prctl(2)
_PRCTL = getattr(ctypes.CDLL(None), "prctl", None)  # looked up before any fork; only Linux has it


def web_command(host: str, port: int, *, workers: int = 2) -> list[str]:
    """Return the command line of the web server."""
    return [
        sys.executable, "-m", "gunicorn", _APP, "--bind", address_of(host, port), "--workers", str(workers),
        "--worker-class", _WORKER, "--timeout", "60", "--graceful-timeout", "20", "--log-level", "warning",
        "--logger-class", _LOGGER,
    ]  # fmt: skip


@dataclass(kw_only=True)
class _Member:
    """A process of the group, and how to start it again."""

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path | None
    process: subprocess.Popen[bytes]
    started_at: float
    ends_in_a_row: int = 0  # without a longer life in between
    start_at: float | None = None  # when to start it again, once it has ended


class ProcessGroup:
    """Processes that are started and stopped together. They don't outlive the process that started them."""

    def __init__(self) -> None:
        self._members: dict[str, _Member] = {}
        self._signalled = threading.Event()
        self._monotonic = SystemClock().monotonic

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        log: Path | None = None,
    ) -> None:
        """Start a process in a session of its own, so that Ctrl-C reaches it only through `stop`.

        `environment` is added to ours; `log`: a file for its output, otherwise it shares our terminal.
        """
        process = _start(command, environment or {}, log)
        self._members[name] = _Member(
            command=command,
            environment=environment or {},
            log=log,
            process=process,
            started_at=self._monotonic(),
        )

    def ended(self) -> str:
        """Return the name of a process that has ended by itself; empty while all run."""
        return next((name for name, member in self._members.items() if member.process.poll() is not None), "")

    def wait(self) -> int:
        """Wait for SIGTERM or Ctrl-C, then stop all processes; return the exit code.

        A process that ends by itself is told of and started again, after a pause that grows each time.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        while not self._signalled.is_set():
            for name, member in self._members.items():
                self._look_after(name, member)
            self._signalled.wait(_LOOK_EVERY)
        self.stop()
        return 0

    def _look_after(self, name: str, member: _Member) -> None:
        """Start a process again that has ended, once its pause is over."""
        code, now = member.process.poll(), self._monotonic()
        if code is None:
            return
        if member.start_at is None:
            lived = now - member.started_at
            member.ends_in_a_row = 1 if lived > _LONG_LIFE else member.ends_in_a_row + 1
            pause = _RESTARTS.pause_before(member.ends_in_a_row).total_seconds()
            member.start_at = now + pause
            how = f"by signal {-code}" if code < 0 else f"with code {code}"
            wait = count_of(round(pause), "second")
            err().print(f"The {name} process ended by itself, {how}. It is started again in {wait}.")
        elif now >= member.start_at:
            member.process = _start(member.command, member.environment, member.log)
            member.started_at, member.start_at = now, None

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._signalled.set()

    def stop(self) -> None:
        """Ask all processes to finish and wait for them; kill those that don't, all at the same time."""
        children = [member.process for member in self._members.values()]
        for child in children:
            if child.poll() is None:
                child.terminate()
        ends_at = self._monotonic() + _STOP_SECONDS
        for child in children:
            try:
                child.wait(timeout=max(0.0, ends_at - self._monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()


def _start(
    command: Sequence[str], environment: Mapping[str, str], log: Path | None
) -> subprocess.Popen[bytes]:
    output = log.open("ab") if log else None
    return subprocess.Popen(  # noqa: S603 - our own command lines
        command,
        env=child_environment(environment),
        start_new_session=True,
        stdout=output,
        stderr=output,
        stdin=subprocess.DEVNULL,
        preexec_fn=partial(_end_with_parent, os.getpid()) if _PRCTL is not None else None,
    )


def _end_with_parent(parent: int) -> None:
    """Ask Linux to send this process SIGTERM when its parent dies, even by SIGKILL. Other systems leave it running.

    A parent that has died already sends none (prctl(2)), so the process ends by itself then.
    """
    if _PRCTL is not None:
        _PRCTL(_SIGNAL_AT_PARENTS_DEATH, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)
