"""`python -m bench`: measure, and print the figures as tables.

python -m bench                       measure everything (takes long)
python -m bench sandbox               measure one subject
python -m bench sandbox --json figures.json
python -m bench --list                list the subjects
"""

from __future__ import annotations

import argparse
import gc
import importlib
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

import bench
from bench.machine import facts
from bench.report import Report
from tillroll.cli.main import COLLECTED

Run = Callable[[Report], None]


def subjects() -> dict[str, tuple[Run, str]]:
    """Return for each module here that has a `run`: its name → (`run`, the first line of its docstring)."""
    subjects = {}
    for module in sorted(pkgutil.iter_modules(bench.__path__), key=lambda module: module.name):
        if module.name != "__main__":
            loaded = importlib.import_module(f"bench.{module.name}")
            if hasattr(loaded, "run"):
                subjects[module.name] = (loaded.run, (loaded.__doc__ or "").strip().partition("\n")[0])
    return subjects


def main() -> int:
    """Parse the arguments, measure, and show the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="subjects to measure; all if none is given")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to a JSON file")
    parser.add_argument("--list", action="store_true", help="list the subjects")
    arguments, every, console = parser.parse_args(), subjects(), Console()
    if arguments.list:
        for name, (_, line) in every.items():
            console.print(f"{name:<12} {line}", highlight=False, soft_wrap=True)
        return 0
    unknown = [name for name in arguments.names if name not in every]
    if unknown:
        parser.error(f"unknown subject: {', '.join(unknown)}; choose from {', '.join(every)}")
    report = Report(facts())
    gc.set_threshold(*COLLECTED)  # as the program does
    try:
        for name in arguments.names or every:
            every[name][0](report)
    except KeyboardInterrupt:
        Console(stderr=True).print("Stopped. These figures were measured so far.")
    report.show(console)
    if arguments.json:
        report.write(arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
