"""What a campaign that waits for events would do each time: every step of its flow with its plan. Nothing is written.

An example is what happened last to somebody whom the campaign reaches, or a made-up sample of it. The moments are those of a
happening now, or at the moment that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import AudienceDigest
from tillroll.campaign.frozen.recipient import Recipient
from tillroll.campaign.language.models import Unless
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import campaigns
from tillroll.plan.calendar.coming import Money
from tillroll.plan.events.example import Asked, Choice, choose, step_numbers
from tillroll.plan.events.sample import made_up_recipient, selection_of
from tillroll.plan.events.usual import Usual, usual_number
from tillroll.plan.freeze import Read, crossings_of
from tillroll.plan.outlook import (
    Outlook,
    outlook_of,
    outlook_on,
    refuse_unread,
)
from tillroll.plan.subject import Subject

_ENDS = {Unless.ORDERED: "who ordered since", Unless.CODE_USED: "who used their code"}


@dataclass(frozen=True, kw_only=True)
class StepOutlook:
    """One step of the flow: when it is due, who is out before it, and its plan."""

    number: int
    wait: timedelta  # since the step before; of the first, since it happened
    ends: tuple[str, ...]  # who is out before it
    found: Outlook
    shows_code_of: int | None = None  # the step whose code its e-mail shows once more


@dataclass(frozen=True, kw_only=True)
class EventOutlook:
    """What happens each time, and what a usual week makes of it."""

    by: Choice
    steps: tuple[StepOutlook, ...]
    usual: Usual

    @property
    def first(self) -> Outlook:
        """The plan of the first step."""
        return self.steps[0].found

    @property
    def codes(self) -> int:
        """How many are made each time, over all steps."""
        return sum(one.found.proposal.code_count for one in self.steps if one.found.proposal.offer)

    @property
    def emails(self) -> int:
        """How many leave each time, at most."""
        return sum(one.found.proposal.audience.count for one in self.steps)

    @property
    def money(self) -> Money:
        """What it costs each time, over all steps."""
        every = (one.found.proposal.exposure for one in self.steps)
        return sum((Money(worst=one.worst_case, expected=one.expected) for one in every), Money())

    @property
    def times_a_week(self) -> Decimal:
        """How often it usually happens in a week."""
        return self.usual.a_day * 7

    @property
    def money_a_week(self) -> Money:
        """What a usual week costs."""
        return self.money.times(self.times_a_week)

    def a_week(self, each_time: int) -> Decimal:
        """How many of something a usual week makes, to a tenth."""
        return (self.times_a_week * each_time).quantize(Decimal("0.1"))


def look_ahead_of_event(
    engine: Engine,
    *,
    store: sa.Row[Any],
    revision: Revision,
    now: datetime,
    per_minute: int,
    at: datetime | None = None,
    to: Sequence[str] = (),
) -> EventOutlook:
    """What happens when the campaign's event does, now or `at` a moment; `to`: to whom it happens, one address.

    Of a product's event the audience is the campaign's own, and `to` are recipients to look at. `Refused` as for other plans.
    """
    asked = Asked(engine=engine, store=store, revision=revision, now=now, at=at, per_minute=per_minute)
    refuse_unread(engine, asked.subject(asked.made_up(), step=1, at=at or now), at or now)
    with reading(engine) as connection:
        where = (campaigns.c.store_id == store.id, campaigns.c.name == revision.name)
        row = connection.execute(sa.select(campaigns).where(*where)).first()
    by = choose(asked, to)
    return EventOutlook(
        by=by,
        steps=tuple(_steps(asked, by, to if by.person is None else ())),
        usual=usual_number(engine, store=store, revision=revision, row=row, now=now),
    )


def _steps(asked: Asked, by: Choice, to: Sequence[str]) -> Iterator[StepOutlook]:
    said, giver = asked.revision.campaign.steps, None
    for number, (wait, due) in zip(step_numbers(asked.revision), asked.moments(by.example), strict=True):
        subject = asked.subject(by.example, step=number, at=due)
        found = _outlook(asked, subject, by.person, due, to)
        again = bool(said) and said[number - 1].same_code
        yield StepOutlook(
            number=number,
            wait=wait,
            ends=tuple(_ends(asked.revision, number)),
            found=replace(found, since=replace(found.since, figures=()) if found.since else None),
            shows_code_of=giver if again else None,
        )
        if found.proposal.offer:
            giver = number


def _outlook(
    asked: Asked, subject: Subject, person: Recipient | None, due: datetime, to: Sequence[str]
) -> Outlook:
    """A step's plan: over its real audience, or over the one that is made up."""
    engine, per_minute = asked.engine, asked.per_minute
    if person is None or person.customer_id:
        return outlook_of(engine, subject, begins=due, today=asked.now, per_minute=per_minute, to=to)
    crossings = crossings_of(engine, subject, today=asked.now)
    offer = asked.revision.as_run(step=subject.step, arm=person.arm).offer
    own = made_up_recipient(asked.store.language, arm=person.arm, offer=offer)
    read = Read(selection=selection_of(own), digest=AudienceDigest().hex(), crossings=crossings)
    return outlook_on(engine, subject, read, begins=due, per_minute=per_minute, sample=(own,))


def _ends(revision: Revision, number: int) -> Iterator[str]:
    """Who is out before a step, as the campaign says."""
    campaign = revision.campaign
    step = campaign.steps[number - 1] if campaign.steps else None
    unless = (*campaign.unless, *(step.unless if step is not None else ()))
    yield from (_ENDS[one] for one in dict.fromkeys(unless))
    if step is not None and step.unless_in:
        yield f"who is in {' or '.join(step.unless_in)}"
