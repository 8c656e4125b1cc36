"""`tillroll check` from a cold start: a thousand campaign files, beside the YAML parser alone, and the sample folder."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

from bench.measure import alternate
from bench.report import Report
from tillroll.campaign.folder.drafts import draft, kinds

ROOT = Path(__file__).parent.parent
FILES = 1_000
_TIMES = 3

_MORE = """
variants:
  - name: plain
    weight: 2
  - name: subject
    weight: 1
    message:
      subject: "{{ customer.first_name or 'Hello' }}, number NUMBER is yours"
  - name: dearer
    weight: 1
    offer:
      minimum_subtotal: 35
environments:
  sandbox:
    who:
      limit: 50
    approval:
      by: 1
"""
"""Added to drafts with one e-mail, so that the files are as long as real ones."""

_PARSE = """
import sys, pathlib, yaml, yamlcore
for path in sorted(pathlib.Path("campaigns").glob("*.yaml")):
    yaml.load(path.read_bytes(), Loader=yamlcore.CCoreLoader)
"""
_IMPORT = "import click, pydantic, rich.console, yaml, yamlcore, jinja2"


def run(report: Report) -> None:
    """Measure, with every process on the same core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with tempfile.TemporaryDirectory() as folder:
            lines = fill(Path(folder))
            _thousand(report, Path(folder), lines)
        _sample(report)
    finally:
        os.sched_setaffinity(0, cores)


def fill(folder: Path) -> int:
    """Write a thousand different campaigns of every common kind, with their files, and return their average number of lines."""
    names = list(kinds())
    lines = 0
    for number in range(FILES):
        name = f"{names[number % len(names)]}-{number}"
        for path, text in draft(names[number % len(names)], name=name, today=date(2026, 11, 24)).items():
            target = folder / path
            if path.startswith("campaigns/"):
                text += f"# number {number}\n"
                if (
                    "\nsteps:" not in text
                    and "\noffer:" in text
                    and "pool:" not in text
                    and "shared:" not in text
                ):
                    text += _MORE.replace("NUMBER", str(number))
                lines += text.count("\n")
            if path.startswith("templates/"):
                # the same length, but a different text each time
                text = text.replace("</mj-body>", f"<!-- {number} --></mj-body>")
                text += f"{number}\n" if path.endswith(".txt.j2") else ""
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
    return lines // FILES


def _thousand(report: Report, folder: Path, lines: int) -> None:
    report.section(
        f"tillroll check, {FILES:,} campaign files of {lines} lines on average, cold start, one core",
        "Target: under 3 seconds of CPU time. Floor: a process that only parses the same campaigns (PyYAML's C parser).",
    )
    figures = alternate(times=_TIMES, ours=_check(folder), parse=_python(folder, _PARSE))
    report.row(
        "tillroll check",
        figures["ours"],
        "s",
        beside={"YAML parser alone": figures["parse"]},
        note=f"{FILES / figures['ours']:,.0f} files a second",
    )


def _sample(report: Report) -> None:
    report.section(
        "tillroll check on the sample folder (4 campaigns), cold start, one core",
        "What an editor waits for on every save. Floors: starting Python, and importing the libraries it needs.",
    )
    figures = alternate(
        times=2 * _TIMES + 1,
        ours=_check(ROOT),
        python=_python(ROOT, "pass"),
        libraries=_python(ROOT, _IMPORT),
    )
    report.row(
        "tillroll check",
        figures["ours"],
        "s",
        beside={"python alone": figures["python"], "its libraries imported": figures["libraries"]},
    )


def _check(folder: Path) -> Callable[[], float]:
    return _timed([sys.executable, "-m", "tillroll", "check"], folder)


def _python(folder: Path, program: str) -> Callable[[], float]:
    return _timed([sys.executable, "-c", program], folder)


def _timed(command: list[str], folder: Path) -> Callable[[], float]:
    """Return a way that measures the CPU seconds of a process: its duration on an otherwise idle core."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TILLROLL_FOLDER": str(folder)}

    def run_once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)  # noqa: S603 - fixed words
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return run_once
