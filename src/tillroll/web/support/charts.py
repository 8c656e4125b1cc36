"""Charts as SVG, made on the server: they follow the page's colours and need no script. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import floor, log10

WIDTH, HEIGHT = 640, 150
_GAP = 0.25  # of a bar's width, on both sides together


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar of a chart, in the chart's units."""

    x: float
    y: float
    width: float
    height: float
    label: str  # what it stands for, with its figure
    is_known: bool = True  # otherwise it is a mark as high as the chart, and no figure


@dataclass(frozen=True, kw_only=True)
class BarChart:
    """Bars of one height at most, and the figure that the upper line stands for."""

    bars: tuple[Bar, ...]
    top: Decimal
    width: int = WIDTH
    height: int = HEIGHT


def bar_chart(figures: Sequence[tuple[str, Decimal | None]]) -> BarChart:
    """Return a chart of labelled figures that are zero or more; None is not known."""
    known = (figure for _, figure in figures if figure is not None)
    top = _round_above(max(known, default=Decimal(0)))
    each = WIDTH / max(1, len(figures))
    bars = [
        Bar(
            x=round(index * each + each * _GAP / 2, 2),
            y=round(HEIGHT - height, 2),
            width=round(each * (1 - _GAP), 2),
            height=round(height, 2),
            label=label,
            is_known=figure is not None,
        )
        for index, (label, figure) in enumerate(figures)
        for height in [HEIGHT if figure is None else float(figure / top) * HEIGHT]
    ]
    return BarChart(bars=tuple(bars), top=top)


def _round_above(figure: Decimal) -> Decimal:
    """Return the next of 1, 2, 5, 10, 20, 50, … that is at least a figure."""
    if figure <= 0:
        return Decimal(1)
    power = Decimal(10) ** floor(log10(figure))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= figure)
