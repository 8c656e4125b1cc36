"""The trigger: a schedule, a start by hand, or a store event (`when:` of a campaign file)."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from tillroll.campaign.language.events.event import Event
from tillroll.campaign.text.block import Block, Line
from tillroll.campaign.text.units import Duration, Period, WallTime, Whole, show_value
from tillroll.campaign.text.zones import zone_names, zone_of


class IfLate(StrEnum):
    """What to do with a slot that was missed while no worker was running."""

    SKIP = "skip"  # skip it
    RUN_ONCE = "run_once"  # run the latest missed slot, skip earlier ones
    CATCH_UP = "catch_up"  # run every missed slot


class Again(Block):
    """How often the same customer (or product) may enter."""

    after: Period = Field(description="The shortest time between two entries.", examples=["30d"])
    most: Whole | None = Field(default=None, ge=1, description="The most entries in total.")


class When(Block):
    """The trigger: exactly one of cron, every, at, manual, on."""

    cron: Line | None = Field(
        default=None,
        description="Minute, hour, day, month, weekday, by the wall clock. Weekdays by name, since numbers mean different days "
        "in different crons; `last` is the last day of a month, `last-FRI` or `2nd-MON` as the day is such a weekday of it; "
        "a month without the day has no run. Each wall time runs "
        "once: a time skipped in spring runs at the first moment after the gap, a time repeated in autumn runs the first "
        "time.",
        examples=["0 10 * * MON"],
    )
    every: Period | None = Field(
        default=None,
        description="The time between runs, from when the campaign was first seen. It is elapsed time: when the clocks "
        "change, the hour of the day changes too.",
        examples=["2w"],
    )
    at: WallTime | None = Field(
        default=None,
        description="Once, by the wall clock; skipped and repeated times are treated as in cron.",
        examples=["2026-11-27 09:00"],
    )
    manual: Literal[True] | None = Field(default=None, description="Only started by hand: tillroll run NAME.")
    on: Event | None = Field(
        default=None,
        description="A store event.",
        examples=["customer_created", {"order_placed": {"number": 1}}],
    )
    after: Duration | None = Field(
        default=None,
        description="How long after the event; by default at once (a cart: 1 hour after it was left).",
        examples=["2h"],
    )
    again: Again | None = Field(
        default=None,
        description="When the same customer may enter again. By default never; each year for a birthday or anniversary; "
        "each time for a favourite that is marked or back; on another day for one that got cheaper and for time_to_buy_again.",
    )
    timezone: str = Field(
        default="store",
        description="The time zone of cron and at: a name like Europe/Ljubljana, or `store` for the store's own.",
    )
    if_late: IfLate = Field(
        default=IfLate.RUN_ONCE,
        description="What to do with a slot that was missed while no worker was running.",
    )
    within: Duration = Field(
        default=timedelta(hours=6),
        description="A slot or step that is later than this is skipped.",
        examples=["6h"],
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value != "store" and value not in zone_names():
            raise ValueError(
                f"{show_value(value)} is not a time zone; write store, or a name like Europe/Ljubljana"
            )
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        triggers = ("cron", "every", "at", "manual", "on")
        given = [name for name in triggers if getattr(self, name) is not None]
        if len(given) != 1:
            names = " and ".join(given) or "none of them"
            raise ValueError(f"give exactly one of cron, every, at, manual or on; found: {names}")
        return self

    @property
    def how_often(self) -> Again | None:
        """The rule for entering again: the file's own, or the usual one of its event; None: never."""
        usual = self.on.kind.default_again if self.on is not None else None
        return Again(after=usual) if self.again is None and usual is not None else self.again

    def zone(self, store_zone: str) -> ZoneInfo:
        """Return the time zone of the schedule."""
        return zone_of(store_zone if self.timezone == "store" else self.timezone)

    @property
    def delay(self) -> timedelta:
        """How long after the event the first step is due."""
        if self.after is not None:
            return self.after
        return self.on.kind.default_delay if self.on is not None else timedelta(0)


class Stops(Block):
    """When a campaign stops automatically."""

    stock_below: Whole = Field(
        ge=1,
        description="Nothing more is planned or sent once a product named in the offer has fewer pieces.",
    )
