"""How often somebody may try to sign in: a bounded count over a stretch of time, kept in this process."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta


class Throttle:
    """Counts failures by key. A key that is forgotten for want of space starts anew; the oldest go first."""

    def __init__(self, *, most: int, within: timedelta, keys: int = 10_000) -> None:
        self._most, self._within, self._keys = most, within, keys
        self._seen: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._lock = threading.Lock()  # a server has several threads

    def shut_until(self, key: str, now: datetime) -> datetime | None:
        """When the key may try again; None when it may now."""
        with self._lock:
            times = self._recent(key, now)
            return times[0] + self._within if len(times) >= self._most else None

    def failed(self, key: str, now: datetime) -> bool:
        """Count one failure; whether it is the one that shuts the key out."""
        with self._lock:
            times = self._recent(key, now)
            times.append(now)
            self._seen[key] = times
            self._seen.move_to_end(key)
            while len(self._seen) > self._keys:
                self._seen.popitem(last=False)
            return len(times) == self._most

    def forget(self, key: str) -> None:
        """Clear a key: it got in."""
        with self._lock:
            self._seen.pop(key, None)

    def _recent(self, key: str, now: datetime) -> deque[datetime]:
        times = self._seen.get(key) or deque(maxlen=self._most)
        while times and times[0] <= now - self._within:
            times.popleft()
        return times
