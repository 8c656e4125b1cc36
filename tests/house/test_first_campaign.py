"""The tutorial works: its commands print what it shows, from an empty folder to an order that comes back."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.walk import Shown, Terminal, commands_of, is_as_shown, plain
from tests.security.outages import free_port
from tests.shop import ROOT

PAGE = ROOT / "docs" / "first-campaign.md"
MOST_SECONDS = 120  # until the worker has done what a command shows
WAITS = re.compile(r"tillroll (plan|status|codes find)\b")  # for the worker; the others act, and act once


class Walk:
    """The page's commands, run one after the other."""

    def __init__(self, folder: Path) -> None:
        self.terminal = Terminal(folder, f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        self.folder, self.port, self.token = folder, str(free_port()), ""
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def step(self, shown: Shown) -> None:
        """Run a command until it prints what the page shows; the worker works beside it."""
        shown = self._here(shown)
        if shown.is_background:
            self._start(shown)
            return
        ends = time.monotonic() + (MOST_SECONDS if WAITS.match(shown.command) else 0)
        while not is_as_shown(printed := self.terminal.run(shown), shown.output):
            assert time.monotonic() < ends, (
                f"$ {shown.command}\n{printed}\nis not what the page shows:\n{shown.output}"
            )
            time.sleep(0.5)  # each look takes a second of a core, which the worker needs
        if shown.command.startswith("curl"):  # a worker reads new orders once a minute, and when it starts
            self.stop("tillroll worker")
            self._start(Shown(command="tillroll worker", output="", is_background=True))

    def _here(self, shown: Shown) -> Shown:
        """Return a command with this machine's free port and this store's token."""
        command = shown.command.replace("9000", self.port)
        if "tillroll sandbox" in command:
            command += " --index-lag 0 0"
        if self.token:
            command = re.sub(r"secret_[0-9a-f]+", self.token, command)
        return Shown(command=command, output=shown.output, is_background=shown.is_background)

    def _start(self, shown: Shown) -> None:
        output = self.folder / "printed.txt"
        process = self.processes[shown.command] = self.terminal.start(shown.command, output)
        while shown.output and not is_as_shown(printed := output.read_text("utf-8"), shown.output):
            assert process.poll() is None, f"$ {shown.command}\n{printed}"
            time.sleep(0.05)
        self.token = self.token or re.findall(r"secret_[0-9a-f]+", output.read_text("utf-8"))[0]

    def stop(self, command: str) -> None:
        """Stop a process as Ctrl-C does."""
        process = self.processes.pop(command)
        process.terminate()
        process.wait()


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    walked = Walk(tmp_path)
    yield walked
    for command in list(walked.processes):
        walked.stop(command)


@pytest.mark.slow
def test_the_commands_of_the_tutorial_print_what_it_shows(walk: Walk) -> None:
    shown = list(commands_of(PAGE.read_text("utf-8")))
    assert len(shown) > 15
    for command in shown:
        walk.step(command)


@pytest.mark.parametrize(
    ("printed", "shown", "same"),
    [
        ("run 12 of Sun 29 Nov 2026 18:35\n", "run 3 of Mon 30 Nov 2026 09:00\n", True),
        ("one\ntwo\nthree\n", "one\n…\nthree\n", True),
        ("one\nthree\n", "one\n…\nthree\n", True),
        ("one\ntwo\n", "one\n", False),
        ("Ana, hello\n", "…, hello\n", True),
        ("waiting\n", "tracking\n", False),
        ("anything\n", "", False),
        ("", "", True),
    ],
)
def test_output_is_compared_without_what_differs_each_time(printed: str, shown: str, same: bool) -> None:
    assert is_as_shown(printed, shown) is same
    assert plain(printed) == plain(plain(printed))
