"""RFM scores: how a buyer compares with the store's other buyers, from 1 to 5, by recency, frequency and money. Pure.

All n buyers of the store (customers with an order) stand in line by a figure: when they last ordered, how often they did, or
what they spent in all; the lowest first. The four marks of the figure are those of the buyers at the places ⌈n/5⌉, ⌈2n/5⌉, ⌈3n/5⌉
and ⌈4n/5⌉. A score is 1, and 1 more for every mark that the own figure is over: who has a 5 is ahead of at least four fifths
of all buyers, equal figures have equal scores, and where most people have the same figure, some scores have nobody.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

FIFTHS = 5
_Figure = TypeVar("_Figure", datetime, int, Decimal)


@dataclass(frozen=True, kw_only=True)
class Marks:
    """The marks of each figure, lowest first; none when the store has no buyers."""

    recency: tuple[datetime, ...] = ()
    frequency: tuple[int, ...] = ()
    monetary: tuple[Decimal, ...] = ()

    def to_json(self) -> dict[str, list[str]]:
        """As the ledger keeps them."""
        return {
            "recency": [one.isoformat() for one in self.recency],
            "frequency": [str(one) for one in self.frequency],
            "monetary": [str(one) for one in self.monetary],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Marks:
        """What `to_json` made."""
        return cls(
            recency=tuple(datetime.fromisoformat(one) for one in body["recency"]),
            frequency=tuple(int(one) for one in body["frequency"]),
            monetary=tuple(Decimal(one) for one in body["monetary"]),
        )


def places(buyers: int) -> tuple[int, ...]:
    """Where in the line of buyers the marks stand, counted from 1."""
    return tuple(-(-buyers * fifth // FIFTHS) for fifth in range(1, FIFTHS)) if buyers else ()


def score(figure: _Figure, marks: Sequence[_Figure]) -> int:
    """A buyer's score by one figure."""
    return 1 + bisect_left(marks, figure)
