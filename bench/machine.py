"""Where it was measured: without this a figure says nothing."""

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
    """The machine, what runs on it, and which commit was measured when."""
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


def _said(*command: str) -> str:
    """What a program prints; empty if it isn't there or refuses."""
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
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def _memory() -> str:
    try:
        bytes_ = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return "unknown"
    return f"{bytes_ / 2**30:.1f} GiB"


def _postgresql() -> str:
    folder = postgres.binaries()
    words = _said(str(folder / "postgres"), "--version").split() if folder else []
    return words[2] if len(words) > 2 else "none"


def _commit() -> str:
    changed = "" if not _said("git", "status", "--porcelain") else " with changes"
    return (_said("git", "rev-parse", "--short", "HEAD") or "unknown") + changed
