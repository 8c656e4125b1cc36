"""What was measured, as a table for people and as JSON for machines: the figure, and what it was measured against."""

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
    """Name of a floor or peer → its figure in the same unit and the same run."""
    note: str = ""

    def ratios(self) -> dict[str, float]:
        """How many times what stands beside it the figure is."""
        return {name: self.value / other for name, other in self.beside.items() if other}


@dataclass(kw_only=True)
class Section:
    """Figures that belong together."""

    title: str
    note: str = ""
    rows: list[Row] = field(default_factory=list)


class Report:
    """Sections, filled while it is measured. Each row shows at once what can't be seen before the table: that it is done."""

    def __init__(self, machine: Mapping[str, str], console: Console | None = None) -> None:
        self.machine = dict(machine)
        self.sections: list[Section] = []
        self._console = console or Console(stderr=True)

    def section(self, title: str, note: str = "") -> None:
        """Begin a section; the rows that follow belong to it."""
        self.sections.append(Section(title=title, note=note))

    def row(
        self, what: str, value: float, unit: str, *, beside: Mapping[str, float] | None = None, note: str = ""
    ) -> Row:
        """Write a figure down; `beside` are floors and peers of the same unit, by name."""
        if not self.sections:
            self.section("Measured")
        made = Row(what=what, value=value, unit=unit, beside=dict(beside or {}), note=note)
        self.sections[-1].rows.append(made)
        self._console.print(f"[dim]{what}: {shown(value)} {unit}[/dim]", highlight=False)
        return made

    def show(self, console: Console) -> None:
        """All of it as tables."""
        for section in self.sections:
            console.print(_table(section))
        facts = ", ".join(f"{name} {value}" for name, value in self.machine.items())
        console.print(f"[dim]{facts}[/dim]", highlight=False)

    def as_json(self) -> dict[str, Any]:
        """All of it, ratios worked out."""
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
        """All of it into a JSON file."""
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
    """A figure with three digits that matter, thousands apart."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"
