"""The order in which a run's messages are sent: mixed by mail domain, so that no provider gets a burst.

Recipients are numbered by customer, and customers of one domain may come in a row (an import, a company). So the numbers are
walked in steps of the golden section of their range, which come by each number once: any part of the walk has its share of any
row. Each piece of the walk is then put in the order in which every domain's messages are spread evenly over the piece. The walk
depends on the range alone, and a piece on its rows, so whoever continues after a kill finds the same order. Only a piece is ever
in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

import sqlalchemy as sa

from tillroll.ledger.tables import recipients

_GOLDEN = (5**0.5 - 1) / 2
_SCATTER, _ALL = 2_654_435_769, 2**32  # multiplying scatters numbers evenly over the range of 32 bits


@dataclass(frozen=True, kw_only=True)
class Walk:
    """The order in which the numbers from `first` on are come by."""

    first: int
    count: int

    def piece(self, start: int, most: int) -> Sequence[int]:
        """Return the numbers at the places from `start` on."""
        step = _step(self.count)
        places = range(start, min(start + most, self.count))
        return [self.first + place * step % self.count for place in places]


def _step(count: int) -> int:
    """Return the whole number next to the golden section of a range that comes by each of its numbers."""
    step = max(1, round(count * _GOLDEN))
    while gcd(step, count) != 1:
        step += 1
    return step


def evenly_by_domain() -> tuple[sa.ColumnElement[Any], sa.ColumnElement[int]]:
    """Return by what recipients of a piece are ordered so that each domain's are spread evenly over it."""
    email = recipients.c.email
    # all but the at sign is trimmed off the end: this works in both databases
    name = sa.func.rtrim(email, sa.func.replace(email, "@", ""))
    domain = sa.func.lower(sa.func.substr(email, sa.func.length(name) + 1))
    rank = sa.func.row_number().over(partition_by=domain, order_by=recipients.c.id)
    total = sa.func.count().over(partition_by=domain)
    # without it, the domains with one recipient would all come in the middle
    begin = sa.func.min(recipients.c.id).over(partition_by=domain) * _SCATTER % _ALL / float(_ALL)
    return (rank - 1 + begin) / sa.cast(total, sa.Double), recipients.c.id
