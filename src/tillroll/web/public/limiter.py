"""How often a client may ask with links that this installation didn't make, in one process.

Good links are never refused: a mail provider posts thousands for its users, from few addresses. Guessing one is hopeless anyway
(128 bits); the limit keeps whoever tries from taking the pages' time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta

_WITHIN = timedelta(minutes=5)
_MOST_WITHIN = 30
_MOST_CLIENTS = 10_000


class BadLinks:
    """Counts each client's bad links. The clients that asked longest ago are forgotten first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: OrderedDict[str, tuple[datetime, int]] = OrderedDict()

    def count(self, client: str, now: datetime) -> bool:
        """Count one more bad link. Returns whether the client may go on."""
        with self._lock:
            since, count = self._counts.pop(client, (now, 0))
            if since <= now - _WITHIN:
                since, count = now, 0
            self._counts[client] = (since, count + 1)
            while len(self._counts) > _MOST_CLIENTS:
                self._counts.popitem(last=False)
            return count < _MOST_WITHIN
