"""A page of documentation that shows commands with their output, and the output compared with what the commands print.

A ```console block holds `$ command` lines, each followed by its output. There, `…` stands for anything, and on a line of its own
for any lines. Numbers, dates, codes and addresses may differ. A block marked `background` is a process that goes on running.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```console(?P<mark> background)?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_DIFFERS = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d+ [A-Z][a-z]{2} \d{4}( \d\d:\d\d(:\d\d)?)?"), "DATE"),
    (re.compile(r"secret_[0-9a-f]+"), "SECRET"),
    (re.compile(r"\b(order(?:Id\": \")?) ?[A-Z0-9]{5,8}\b"), r"\1 ORDER"),
    (re.compile(r"\bBACK[A-Z0-9]{10}\b"), "CODE"),
    (re.compile(r"r\d+-\d+-[0-9a-f]{12}"), "KEY"),
    (re.compile(r"[\w•]+@example\.\w+"), "EMAIL"),
    (re.compile(r"[\d.,]*\d"), "0"),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A command of a page, with the output that the page shows."""

    command: str
    output: str
    is_background: bool

    @property
    def answer(self) -> str:
        """What the page types in answer to a question; empty if it asks nothing."""
        asked = re.search(r"\[y/N\]: (\w+)$", self.output, re.MULTILINE)
        return asked[1] if asked else ""


def commands_of(page: str) -> Iterator[Shown]:
    """Yield the commands of a page in their order."""
    for block in _BLOCK.finditer(page):
        for part in re.split(r"^\$ ", block["body"], flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield Shown(command=command, output=output, is_background=bool(block["mark"]))


def plain(text: str) -> str:
    """Return a text without what differs each time."""
    for pattern, instead in _DIFFERS:
        text = pattern.sub(instead, text)
    return "\n".join(line.strip() for line in text.replace("\r", "").strip().splitlines())


def is_as_shown(printed: str, shown: str) -> bool:
    """Whether a command printed what the page shows."""
    lines = plain(shown).splitlines()
    pattern = "".join(
        r"(?:.*\n)*" if line == "…" else f"{'.*'.join(map(re.escape, line.split('…')))}\n" for line in lines
    )
    return re.fullmatch(pattern, plain(printed) + "\n" if plain(printed) else "") is not None


class Terminal:
    """A shell that remembers its folder and its variables, and the processes started in it."""

    def __init__(self, folder: Path, path: str) -> None:
        self._folder, self._before = folder, list[str]()
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        self._environment = {
            **kept,
            "PATH": path,
            "COLUMNS": "500",
            "NO_COLOR": "1",
            "TILLROLL_LOG_LEVEL": "error",
        }

    def run(self, shown: Shown) -> str:
        """Run a command, and return what it prints."""
        if shown.answer:
            return self._asked(shown)
        done = subprocess.run(
            self._words(shown.command), **self._place(), capture_output=True, text=True, check=False
        )
        if re.match(r"cd |export |[A-Z]+=", shown.command):
            self._before.append(shown.command)
        return done.stdout + done.stderr

    def start(self, command: str, output: Path) -> subprocess.Popen[bytes]:
        """Start a command that goes on running; `output` is the file of what it prints."""
        with output.open("wb") as file:
            return subprocess.Popen(self._words(f"exec {command}"), **self._place(), stdout=file, stderr=file)

    def _words(self, command: str) -> list[str]:
        return ["bash", "-c", "\n".join([*self._before, command])]

    def _place(self) -> dict[str, object]:
        return {"cwd": self._folder, "env": self._environment}

    def _asked(self, shown: Shown) -> str:
        """Run a command that asks at a terminal, and answer."""
        ours, its = pty.openpty()
        process = subprocess.Popen(
            self._words(shown.command), **self._place(), stdin=its, stdout=its, stderr=its
        )
        os.close(its)
        printed = b""
        while chunk := _read(ours):
            printed += chunk
            if printed.endswith(b"]: "):
                os.write(ours, f"{shown.answer}\n".encode())
        process.wait()
        os.close(ours)
        return printed.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the process has closed its end
        return b""
