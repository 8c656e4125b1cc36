"""By what a campaign of events is looked at: something real that brings its customer an e-mail, else a made-up sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign import Revision
from tillroll.campaign.frozen.recipient import Recipient
from tillroll.campaign.language.trigger import Event
from tillroll.campaign.sentences.happened import say_happened
from tillroll.errors import Refused
from tillroll.plan.audience import Selection
from tillroll.plan.events.lately import Example, real_examples
from tillroll.plan.events.sample import made_up_facts, made_up_recipient
from tillroll.plan.freeze import recipients_of
from tillroll.plan.outlook import customer_with, not_among
from tillroll.plan.subject import Subject

_TRIED = 30  # real examples, until one of them brings somebody an e-mail


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What it is looked at by."""

    example: Example
    person: Recipient | None  # to whom it happened; None: to a product, and the audience is the campaign's
    note: str = ""  # why the example is made up


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which campaign is looked at, and when."""

    engine: Engine
    store: sa.Row[Any]
    revision: Revision
    now: datetime
    at: datetime | None
    per_minute: int

    @property
    def event(self) -> Event:
        event = self.revision.campaign.when.on
        assert event is not None  # noqa: S101 - only such campaigns are looked at
        return event

    def moments(self, example: Example) -> list[tuple[timedelta, datetime]]:
        """How long each step waits, and when it is due."""
        campaign, due = self.revision.campaign, self.at or max(self.now, example.happened_at or self.now)
        first = campaign.steps[0].wait if campaign.steps else None
        waits = [first if first is not None else campaign.when.delay]
        waits += [one.wait or timedelta(0) for one in campaign.steps[1:]]
        return [(wait, due := due + wait) for wait in waits]

    def subject(self, example: Example, *, step: int, at: datetime) -> Subject:
        """The run of a step that might be."""
        return Subject(
            run_id=0,
            slot_key=f"preview step {step}",
            slot_at=at,
            store=self.store,
            revision_id=0,
            revision=self.revision,
            step=step,
            only=example.customer_id,
            happened=say_happened(self.event, example.facts, self.store.currency),
            facts=example.facts,
        )

    def made_up(self) -> Example:
        """Something like what the campaign waits for."""
        facts = made_up_facts(
            self.engine,
            store_id=self.store.id,
            event=self.event,
            now=self.at or self.now,
            zone=self.revision.campaign.when.zone(self.store.timezone),
        )
        return Example(facts=facts)


def choose(asked: Asked, to: Sequence[str]) -> Choice:
    """What the campaign is looked at by. `to`: to whom it happens, one address; `Refused` if they would get nothing."""
    example, person, note = _of_product(asked) if asked.event.about_product else _of_somebody(asked, to)
    return Choice(example=example, person=person, note=note)


def _of_product(asked: Asked) -> tuple[Example, None, str]:
    real = real_examples(asked.engine, store=asked.store, revision=asked.revision, now=asked.now)
    if (latest := next(real, None)) is not None:
        return latest, None, ""
    return asked.made_up(), None, "nothing like it is known within a year"


def _of_somebody(asked: Asked, to: Sequence[str]) -> tuple[Example, Recipient, str]:
    """Whom it happens to: who is asked for, else the latest whom the campaign reaches, else nobody real."""
    only = _customer(asked, to)
    real = real_examples(asked.engine, store=asked.store, revision=asked.revision, now=asked.now, only=only)
    latest: Example | None = None
    for example in islice(real, _TRIED):
        if (person := _recipient(asked, example)) is not None:
            return example, person, ""
        latest = latest or example
    if only is not None:
        example = replace(asked.made_up(), customer_id=only)
        if (person := _recipient(asked, example)) is not None:
            return example, person, "nothing like it is known of them lately"
        raise not_among(asked.engine, asked.subject(example, step=1, at=asked.now), to, asked.now)
    if latest is None:
        why = "nothing like it is known within a year"
    else:
        why = f"it happened lately, but to nobody who would get an e-mail: {_why_nobody(asked, latest)}"
    return asked.made_up(), _nobody_real(asked), why


def _nobody_real(asked: Asked) -> Recipient:
    """Somebody made up, in the first arm, with a value if the first offer of the flow gives each their own."""
    arm = asked.revision.arms[0]
    offers = (asked.revision.as_run(step=step, arm=arm).offer for step in step_numbers(asked.revision))
    offer = next((one for one in offers if one is not None), None)
    return made_up_recipient(asked.store.language, arm=arm, offer=offer)


def _customer(asked: Asked, to: Sequence[str]) -> int | None:
    """Who is asked for; None: nobody in particular. `Refused` for several, and for who is no customer."""
    if not to:
        return None
    if len(to) > 1:
        raise Refused(
            "This happens to one customer at a time.", hint="Give one --to; run it again for another."
        )
    found = customer_with(asked.engine, asked.store.id, to[0])
    subject = asked.subject(asked.made_up(), step=1, at=asked.now)
    if found is None:
        raise not_among(asked.engine, subject, to[:1], asked.now)
    return found


def _recipient(asked: Asked, example: Example) -> Recipient | None:
    """Whom the example's run would reach; None: it reaches nobody."""
    at = asked.moments(example)[0][1]
    rows = list(recipients_of(asked.engine, asked.subject(example, step=1, at=at), Selection(), at))
    return Recipient.of(rows[0]) if rows else None


def _why_nobody(asked: Asked, example: Example) -> str:
    selection, at = Selection(), asked.moments(example)[0][1]
    list(recipients_of(asked.engine, asked.subject(example, step=1, at=at), selection, at))
    return next(iter(selection.excluded), "the segment does not select them")


def step_numbers(revision: Revision) -> range:
    return range(1, max(1, len(revision.campaign.steps)) + 1)
