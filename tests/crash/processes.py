"""Processes of the product of which one after the other is killed, and waiting until their runs have ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.crash.worker import figures, states
from tests.forks import Child, forks
from tests.shop import ROOT
from tillroll.campaign.states import RunState
from tillroll.wiring import Services

PATIENCE = 180.0
"""Seconds."""


class ProcessGroup:
    """Processes of the product, each replaced by a new one when it is killed."""

    def __init__(self, words: Sequence[str], environment: dict[str, str], folder: Path) -> None:
        self._environment, self._folder = environment, folder
        self._started = 0
        self._running = [(word, self._start(word)) for word in words]

    def _start(self, word: str) -> Child:
        self._started += 1
        log = self._folder / f"{word}-{self._started}.log"
        return forks().start(word, cwd=ROOT, environment=self._environment, output=log, troubles=log)

    def kill(self, index: int) -> None:
        """Kill one process and start another in its place."""
        word, process = self._running[index]
        process.send_signal(signal.SIGKILL)
        process.wait()
        self._running[index] = (word, self._start(word))

    def __len__(self) -> int:
        return len(self._running)

    def stop(self) -> list[int]:
        """Stop all processes with SIGTERM. Returns their exit codes."""
        for _, process in self._running:
            process.terminate()
        return [process.wait(timeout=60) for _, process in self._running]


@contextmanager
def process_group(words: Sequence[str], environment: dict[str, str], folder: Path) -> Iterator[ProcessGroup]:
    made = ProcessGroup(words, environment, folder)
    try:
        yield made
    finally:
        made.stop()


def finished(parts: Services) -> None:
    deadline = time.monotonic() + PATIENCE
    while states(parts) != {RunState.TRACKING}:
        assert time.monotonic() < deadline, f"it never finishes: {figures(parts)} {states(parts)}"
        time.sleep(0.2)
