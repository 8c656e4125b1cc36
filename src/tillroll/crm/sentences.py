"""What is said of a store's push to its CRM: by the commands, and by a notice when it doesn't go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from tillroll.campaign.language.crm import say_target
from tillroll.campaign.text.counts import count_of
from tillroll.ledger.crm.events import EventCounts, count_events
from tillroll.ledger.crm.feeds import CrmFeed, PushState, list_feeds, load_push


@dataclass(frozen=True, kw_only=True)
class PushReport:
    """How the push of a store stands."""

    state: PushState
    feeds: tuple[CrmFeed, ...]
    counts: EventCounts

    @property
    def reading_history(self) -> tuple[str, ...]:
        """What is still being read from before the feed began."""
        return tuple(feed.kind.value for feed in self.feeds if not feed.history_done)

    def sentences(self, say_moment: Callable[[datetime], str]) -> list[str]:
        """Return what is in the push's way. `say_moment` writes a moment in the store's time zone."""
        said = []
        target = say_target(self.state.target)
        waiting = _say_count(self.counts.waiting, self.counts.bound)
        if self.state.trouble and self.state.trouble_since is not None:
            since = say_moment(self.state.trouble_since)
            retry = say_moment(self.state.not_before) if self.state.not_before else "at the next turn"
            said.append(
                f"CRM: {target} has taken nothing since {since}: {self.state.trouble.rstrip('.')}. "
                f"Waiting: {waiting}; nothing is lost. Next try: {retry}."
            )
        if self.counts.set_aside:
            aside = _say_count(self.counts.set_aside, self.counts.bound)
            said.append(
                f"CRM: {target} has refused {aside} for good. "
                "To see them: tillroll crm status. To push them again: tillroll crm replay --set-aside"
            )
        return said


def load_report(connection: Connection, store_id: int) -> PushReport | None:
    """Return how the push of a store stands; None if nothing is pushed."""
    feeds = list_feeds(connection, store_id)
    if not feeds:
        return None
    return PushReport(
        state=load_push(connection, store_id),
        feeds=tuple(feeds),
        counts=count_events(connection, store_id),
    )


def _say_count(count: int, bound: int) -> str:
    return f"{bound:,} changes or more" if count >= bound else count_of(count, "change")
