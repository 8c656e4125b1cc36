"""How often something is tried, and how long to wait before each retry. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

_MOST_GROWTHS = 30  # by then every pause has reached its limit; more would overflow


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """A limit of attempts and pauses that grow exponentially. Each room has an instance where it uses one."""

    attempts: int | None = None  # in all, the first included; None: no limit
    first_pause: timedelta = timedelta(0)  # before the first retry
    growth: int = 2  # how many times as long each pause is as the one before
    longest_pause: timedelta = timedelta(days=1)

    def may_try_again(self, attempts: int) -> bool:
        """Return whether another attempt is allowed after `attempts`."""
        return self.attempts is None or attempts < self.attempts

    def pause_before(self, retry: int) -> timedelta:
        """Return the pause before the n-th retry; the first is 1, and a smaller number counts as 1."""
        growths = min(max(retry, 1) - 1, _MOST_GROWTHS)
        seconds = self.first_pause.total_seconds() * self.growth**growths
        return timedelta(seconds=min(seconds, self.longest_pause.total_seconds()))
