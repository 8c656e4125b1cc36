"""RFM scores: how a buyer compares with the store's other buyers, from 1 to 5, by recency, frequency and money. Pure.

All n buyers of the store (customers with an order) are ranked by a figure, lowest first: the time of the last order, the number
of orders, or the total spent. The boundaries are the figures at the ranks ⌈n/5⌉, ⌈2n/5⌉, ⌈3n/5⌉ and ⌈4n/5⌉. A score is 1 plus the
number of boundaries that a buyer's figure exceeds. A score of 5 means ahead of at least four fifths of all buyers; equal figures
get equal scores, so if most buyers have the same figure, some scores are unused.

The top 5% are the buyers whose figure exceeds that at the rank ⌈95n/100⌉: never more than that share, because of several equal
figures either all are among them or none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

FIFTHS, HUNDREDTHS = 5, 100
_Figure = TypeVar("_Figure", datetime, int, Decimal)


@dataclass(frozen=True, kw_only=True)
class ScoreBoundaries:
    """The boundaries of each figure, lowest first; empty if the store has no buyers."""

    recency: tuple[datetime, ...] = ()
    frequency: tuple[int, ...] = ()
    monetary: tuple[Decimal, ...] = ()
    recency_hundredths: tuple[datetime, ...] = ()  # from 1% to 99%
    frequency_hundredths: tuple[int, ...] = ()
    monetary_hundredths: tuple[Decimal, ...] = ()

    @property
    def lacks_hundredths(self) -> bool:
        """Whether they were stored before hundredths were computed."""
        return bool(self.frequency) and not self.frequency_hundredths

    def to_json(self) -> dict[str, list[str]]:
        """Return the form that the ledger stores."""
        return {
            "recency": [moment.isoformat() for moment in self.recency],
            "frequency": [str(count) for count in self.frequency],
            "monetary": [str(amount) for amount in self.monetary],
            "recency_hundredths": [moment.isoformat() for moment in self.recency_hundredths],
            "frequency_hundredths": [str(count) for count in self.frequency_hundredths],
            "monetary_hundredths": [str(amount) for amount in self.monetary_hundredths],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ScoreBoundaries:
        """Read the result of `to_json`."""
        return cls(
            recency=tuple(datetime.fromisoformat(moment) for moment in body["recency"]),
            frequency=tuple(int(count) for count in body["frequency"]),
            monetary=tuple(Decimal(amount) for amount in body["monetary"]),
            recency_hundredths=tuple(map(datetime.fromisoformat, body.get("recency_hundredths", ()))),
            frequency_hundredths=tuple(map(int, body.get("frequency_hundredths", ()))),
            monetary_hundredths=tuple(map(Decimal, body.get("monetary_hundredths", ()))),
        )


def boundary_ranks(buyers: int, parts: int = FIFTHS) -> tuple[int, ...]:
    """Return the ranks of the boundaries between so many parts of the buyers, counted from 1."""
    return tuple(-(-buyers * part // parts) for part in range(1, parts)) if buyers else ()


def score(figure: _Figure, boundaries: Sequence[_Figure]) -> int:
    """Return a buyer's score for one figure."""
    return 1 + bisect_left(boundaries, figure)
