"""The figures of a benchmark, as tables for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure."""

    what: str
    value: float
    unit: str
    beside: Mapping[str, float]
    """The name of a floor or peer → its figure in the same unit, from the same run."""
    note: str = ""

    def ratios(self) -> dict[str, float]:
        """Return the figure divided by each floor or peer."""
        return {name: self.value / other for name, other in self.beside.items() if other}


@dataclass(kw_only=True)
class Section:
    """A group of figures."""

    title: str
    note: str = ""
    rows: list[Row] = field(default_factory=list)


class Report:
    """The sections, filled during the measurement. Each row is also printed at once, to show progress."""

    def __init__(self, machine: Mapping[str, str], console: Console | None = None) -> None:
        self.machine = dict(machine)
        self.sections: list[Section] = []
        self._console = console or Console(stderr=True)

    def section(self, title: str, note: str = "") -> None:
        """Start a section for the rows that follow."""
        self.sections.append(Section(title=title, note=note))

    def row(
        self, what: str, value: float, unit: str, *, beside: Mapping[str, float] | None = None, note: str = ""
    ) -> Row:
        """Add a figure. `beside`: floors and peers in the same unit, by name."""
        if not self.sections:
            self.section("Measured")
        row = Row(what=what, value=value, unit=unit, beside=dict(beside or {}), note=note)
        self.sections[-1].rows.append(row)
        self._console.print(f"[dim]{what}: {shown(value)} {unit}[/dim]", highlight=False)
        return row

    def show(self, console: Console) -> None:
        """Print all sections as tables."""
        for section in self.sections:
            console.print(_table(section))
        facts = ", ".join(f"{name} {value}" for name, value in self.machine.items())
        console.print(f"[dim]{facts}[/dim]", highlight=False)

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data, with the ratios."""
        return {
            "machine": self.machine,
            "sections": [
                {
                    "title": section.title,
                    "note": section.note,
                    "rows": [
                        {
                            "what": row.what,
                            "value": row.value,
                            "unit": row.unit,
                            "beside": dict(row.beside),
                            "ratios": row.ratios(),
                            "note": row.note,
                        }
                        for row in section.rows
                    ],
                }
                for section in self.sections
            ],
        }

    def write(self, path: Path) -> None:
        """Write everything to a JSON file."""
        path.write_text(json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _table(section: Section) -> Table:
    table = Table(
        title=section.title, caption=section.note or None, title_justify="left", caption_justify="left"
    )
    table.add_column("what")
    table.add_column("measured", justify="right", no_wrap=True)
    table.add_column("unit")
    table.add_column("beside it", justify="right")
    table.add_column("note")
    for row in section.rows:
        ratios = row.ratios()
        others = "\n".join(
            f"{name} {shown(other)}" + (f" ({ratios[name]:.2f}×)" if name in ratios else "")
            for name, other in row.beside.items()
        )
        table.add_row(row.what, shown(row.value), row.unit, others, row.note)
    return table


def shown(value: float) -> str:
    """Return a figure with three significant digits and a thousands separator."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"
