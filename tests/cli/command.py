"""Run the command in tests: a real process with a given folder, input and environment."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.forks import forks
from tests.logs import read_now


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The exit code and the output of a command that has ended."""

    returncode: int
    stdout: str
    stderr: str


_TAKEN_FOR_GRANTED = {"TILLROLL_LOG_LEVEL": "error", "TILLROLL_ENVIRONMENT": "sandbox"}
"""In the sandbox environment `--as` is enough to say who gives a command."""


def tillroll(home: Path, *words: str, given: str = "", **environment: str) -> Answer:
    """Run `tillroll` with these arguments in a folder; `given` is its stdin. Settings of the tests' environment are left out."""
    plain = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ECWID", "TILLROLL", "SMTP", "MAIL", "DATABASE"))
    }
    with tempfile.TemporaryDirectory() as folder:
        typed, output, troubles = (Path(folder) / name for name in ("typed", "output", "troubles"))
        typed.write_text(given, encoding="utf-8")
        child = forks().start(
            *words,
            cwd=home,
            environment={**plain, **_TAKEN_FOR_GRANTED, **environment},
            output=output,
            troubles=troubles,
            given=typed,
        )
        answer = Answer(
            returncode=child.wait(),
            stdout=output.read_text(encoding="utf-8"),
            stderr=read_now(troubles.read_text(encoding="utf-8")),
        )
    assert "Traceback" not in answer.stderr + answer.stdout
    return answer


def break_file(home: Path, path: str, old: str, new: str) -> None:
    """Replace a text in a file, which must contain it."""
    file = home / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
