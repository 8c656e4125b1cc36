"""`python -m bench`: measure, print the tables, and write them down.

python -m bench                       everything (takes long)
python -m bench sandbox               one subject
python -m bench sandbox --json figures.json
python -m bench --list                which subjects there are
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

import bench
from bench.machine import facts
from bench.report import Report

Run = Callable[[Report], None]


def subjects() -> dict[str, tuple[Run, str]]:
    """Name → (what measures it, its one line), of every module here that has a `run`."""
    found = {}
    for module in sorted(pkgutil.iter_modules(bench.__path__), key=lambda module: module.name):
        if module.name != "__main__":
            loaded = importlib.import_module(f"bench.{module.name}")
            if hasattr(loaded, "run"):
                found[module.name] = (loaded.run, (loaded.__doc__ or "").strip().partition("\n")[0])
    return found


def main() -> int:
    """Read the words, measure, show."""
    words = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument("names", nargs="*", metavar="NAME", help="what to measure; all of it if none is named")
    words.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    words.add_argument("--list", action="store_true", help="the subjects, a line each")
    given, known, console = words.parse_args(), subjects(), Console()
    if given.list:
        for name, (_, line) in known.items():
            console.print(f"{name:<12} {line}", highlight=False, soft_wrap=True)
        return 0
    unknown = [name for name in given.names if name not in known]
    if unknown:
        words.error(f"there is no {', '.join(unknown)}; there are {', '.join(known)}")
    report = Report(facts())
    try:
        for name in given.names or known:
            known[name][0](report)
    except KeyboardInterrupt:
        Console(stderr=True).print("Stopped; here is what was measured until now.")
    report.show(console)
    if given.json:
        report.write(given.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
