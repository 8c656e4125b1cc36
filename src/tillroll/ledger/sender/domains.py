"""How fast e-mails leave to each mail domain, over all campaigns, and how far each run's line to a slow domain reaches.

A message that a domain has no place for waits until its turn in its run's line, so the others go on. Rows of moments that are
over say nothing any more, and are deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.ledger.engine import upsert
from tillroll.ledger.tables import domain_paces

ALL_RUNS = 0
"""The number under which the pace over all runs is kept."""

_KEPT = timedelta(hours=1)
_PIECE = 500


def moments_of(
    connection: Connection, transport: str, domains: Collection[str], run_id: int = ALL_RUNS
) -> Mapping[str, datetime]:
    """Return when what left to each domain is made up for; with a run, until when the run's line reaches."""
    found: dict[str, datetime] = {}
    names = sorted(domains)
    for first in range(0, len(names), _PIECE):
        query = sa.select(domain_paces.c.domain, domain_paces.c.until).where(
            domain_paces.c.transport == transport,
            domain_paces.c.run_id == run_id,
            domain_paces.c.domain.in_(names[first : first + _PIECE]),
        )
        found.update((row.domain, row.until) for row in connection.execute(query))
    return found


def write_moments(
    connection: Connection,
    transport: str,
    moments: Mapping[str, datetime],
    now: datetime,
    run_id: int = ALL_RUNS,
) -> None:
    """Write these moments, and forget those that are over."""
    upsert(
        connection,
        domain_paces,
        [
            {"transport": transport, "run_id": run_id, "domain": domain, "until": until}
            for domain, until in sorted(moments.items())
        ],
    )
    connection.execute(sa.delete(domain_paces).where(domain_paces.c.until < now - _KEPT))
