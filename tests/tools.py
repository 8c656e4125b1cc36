"""Find Chromium, which the tests need and pip can't install; `python -m tests.tools` installs it or says how.

PostgreSQL needs nothing here: `tests/postgres.py` takes an installed one, or the test extras' wheel.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ON_A_MAC = (
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
)
PACKAGES = ("chromium", "fonts-dejavu-core", "fonts-noto-color-emoji", "fonts-noto-core")
INSTALL = f"apt-get update && apt-get install -y --no-install-recommends {' '.join(PACKAGES)}"
MISSING = (
    f"The browser tests need Chromium. Install it: sudo sh -c '{INSTALL}' (or set TILLROLL_CHROMIUM to one)"
)


def chromium() -> Path | None:
    """Return the Chromium to test with: that of TILLROLL_CHROMIUM, else the first that is installed."""
    named = os.environ.get("TILLROLL_CHROMIUM")
    if named:
        program = shutil.which(named)
        return Path(program) if program else None
    installed = [Path(path) for path in map(shutil.which, NAMES) if path]
    return next(iter([*installed, *filter(Path.exists, ON_A_MAC)]), None)


def _apt(*arguments: str) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ["apt-get", "-qq", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        print(done.stdout, done.stderr, sep="", file=sys.stderr)
    return done.returncode == 0


def main() -> int:
    if chromium():
        return 0
    if os.environ.get("TILLROLL_CHROMIUM") or os.geteuid() != 0 or not shutil.which("apt-get"):
        print(MISSING, file=sys.stderr)
        return 1
    print(
        "The browser tests need Chromium; installing it with apt-get, which may take a minute or two ...",
        flush=True,
    )
    if _apt("update") and _apt("install", "-y", "--no-install-recommends", *PACKAGES) and chromium():
        return 0
    print(MISSING, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
