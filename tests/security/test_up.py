"""`tillroll up` keeps its processes: one that ends is started again, and none outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.crash.worker import installation
from tests.forks import Child, forks
from tests.security.outages import free_port, wait_until
from tests.shop import ROOT
from tests.store import running

_PATIENCE = 60.0


@pytest.fixture
def up(sqlite_url: str, tmp_path: Path) -> Iterator[tuple[Child, Path]]:
    """`tillroll up` on SQLite with its pages and its worker, and the file with what it says."""
    log = tmp_path / "up.log"
    log.touch()
    with (
        running(tmp_path / "store") as store,
        installation(store, sqlite_url, tmp_path) as (_, environment),
    ):
        port = free_port()
        words = ("up", "--port", str(port))
        child = forks().start(*words, cwd=ROOT, environment=environment, output=log, troubles=log)
        wait_until(lambda: "worker.started" in log.read_text() and is_answered(port), log.read_text)
        yield child, log
        family = children_of(child.pid)
        child.send_signal(signal.SIGKILL)
        for pid in family:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)


def is_answered(port: int) -> bool:
    """Return whether the pages are up."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=_PATIENCE) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def children_of(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, check=False)
    return [int(child) for child in listed.stdout.split()]


def is_alive(pid: int) -> bool:
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip()[:1] not in {"", "Z"}  # a zombie has ended


def worker_of(pid: int) -> int:
    def is_worker(child: int) -> bool:
        command = Path(f"/proc/{child}/cmdline")
        return command.exists() and command.read_bytes().split(b"\0")[-2:] == [b"worker", b""]

    return next(filter(is_worker, children_of(pid)), 0)


@pytest.mark.slow
def test_a_process_that_is_killed_is_told_of_and_started_again(up: tuple[Child, Path]) -> None:
    child, log = up
    first = worker_of(child.pid)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: log.read_text().count("worker.started") == 2, log.read_text)
    assert worker_of(child.pid) not in {0, first}
    said = " ".join(log.read_text().split())
    assert "The worker process ended by itself, by signal 9. It is started again in 1 second." in said
    child.terminate()
    assert child.wait(timeout=60) == 0


def test_none_of_its_processes_outlives_it(up: tuple[Child, Path]) -> None:
    child, log = up
    family = children_of(child.pid)
    family += [each for pid in family for each in children_of(pid)]
    assert len(family) > 2, log.read_text()  # the worker, the server of the pages and its processes
    child.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, family)), log.read_text, patience=_PATIENCE)
