"""Measuring other programs for comparison: each in a virtual environment of its own, installed for the occasion."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any


def measured(requirement: str, program: str, *arguments: str) -> dict[str, Any] | None:
    """Install a package, run a program that uses it, and return the JSON object of its last line.

    The program is given a database's path as its first argument, and then these. None if it can't be installed or run, which is
    said on the error stream.
    """
    with tempfile.TemporaryDirectory(prefix="tillroll-bench-") as folder:
        home = Path(folder, "peer")
        venv.create(home, with_pip=True)
        python = str(home / "bin" / "python")
        try:
            _run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", requirement)
            output = _run(python, "-c", program, str(Path(folder, "peer.sqlite3")), *arguments)
        except subprocess.CalledProcessError as fault:
            sys.stderr.write(f"{requirement} could not be measured: {fault.stderr[-600:]}\n")
            return None
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own words
    return done.stdout
