"""The machine and software that the figures were measured with."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from tests import postgres

_ROOT = Path(__file__).parent.parent


def facts() -> dict[str, str]:
    """Return the machine, its software, the commit and the date."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory": _memory(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "postgresql": _postgresql(),
        "commit": _commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _output(*command: str) -> str:
    """Return what a program prints; empty if it is missing or fails."""
    try:
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _memory() -> str:
    try:
        bytes_ = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return "unknown"
    return f"{bytes_ / 2**30:.1f} GiB"


def _postgresql() -> str:
    folder = postgres.binaries()
    words = _output(str(folder / "postgres"), "--version").split() if folder else []
    return words[2] if len(words) > 2 else "none"


def _commit() -> str:
    changed = "" if not _output("git", "status", "--porcelain") else " with changes"
    return (_output("git", "rev-parse", "--short", "HEAD") or "unknown") + changed
