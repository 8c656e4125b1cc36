"""RFM scores: how a buyer compares with the store's other buyers, from 1 to 5, by recency, frequency and money. Pure.

All n buyers of the store (customers with an order) are ranked by a figure, lowest first: the time of the last order, the number
of orders, or the total spent. The boundaries are the figures at the ranks ⌈n/5⌉, ⌈2n/5⌉, ⌈3n/5⌉ and ⌈4n/5⌉. A score is 1 plus the
number of boundaries that a buyer's figure exceeds. A score of 5 means ahead of at least four fifths of all buyers; equal figures
get equal scores, so if most buyers have the same figure, some scores are unused.
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
class ScoreBoundaries:
    """The boundaries of each figure, lowest first; empty if the store has no buyers."""

    recency: tuple[datetime, ...] = ()
    frequency: tuple[int, ...] = ()
    monetary: tuple[Decimal, ...] = ()

    def to_json(self) -> dict[str, list[str]]:
        """Return the form that the ledger stores."""
        return {
            "recency": [moment.isoformat() for moment in self.recency],
            "frequency": [str(count) for count in self.frequency],
            "monetary": [str(amount) for amount in self.monetary],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ScoreBoundaries:
        """Read the result of `to_json`."""
        return cls(
            recency=tuple(datetime.fromisoformat(moment) for moment in body["recency"]),
            frequency=tuple(int(count) for count in body["frequency"]),
            monetary=tuple(Decimal(amount) for amount in body["monetary"]),
        )


def boundary_ranks(buyers: int) -> tuple[int, ...]:
    """Return the ranks of the boundaries among so many buyers, counted from 1."""
    return tuple(-(-buyers * fifth // FIFTHS) for fifth in range(1, FIFTHS)) if buyers else ()


def score(figure: _Figure, boundaries: Sequence[_Figure]) -> int:
    """Return a buyer's score for one figure."""
    return 1 + bisect_left(boundaries, figure)
