"""The e-mails of a plan that is only looked at, filled in for some of its recipients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from tillroll.campaign.frozen.recipient import Recipient
from tillroll.plan.events.outlook import EventOutlook, StepOutlook
from tillroll.plan.outlook import Outlook
from tillroll.send.compile import Rendered
from tillroll.send.preview import About, Given, rendered

_MOST = 3  # that are filled in when nobody in particular is asked for

Mails = list[tuple[Recipient, Rendered]]


def mails_of(found: Outlook, store: sa.Row[Any]) -> Mails:
    """The e-mails of those who were asked for, else of a few."""
    people = found.chosen or found.sample[:: max(1, len(found.sample) // _MOST)][:_MOST]
    about = About(store=store, revision=found.revision, proposal=found.proposal, now=found.timing.begins)
    return _filled(about, people)


def mails_of_steps(found: EventOutlook, store: sa.Row[Any]) -> list[Mails]:
    """The e-mails of each step, one list a step: of whom the event happens to, or of some of the audience of a product's."""
    if found.by.person is None:
        return [mails_of(one.found, store) for one in found.steps]
    return [_of_step(one, found, found.by.person, store) for one in found.steps]


def _of_step(step: StepOutlook, found: EventOutlook, person: Recipient, store: sa.Row[Any]) -> Mails:
    """Of that one person, also where this step would leave them out as things stand."""
    outlook = step.found
    giver = found.steps[step.shows_code_of - 1] if step.shows_code_of is not None else None
    about = About(
        store=store,
        revision=outlook.revision,
        proposal=outlook.proposal,
        now=outlook.timing.begins,
        given=_given(giver, person) if giver is not None else None,
    )
    return _filled(about, outlook.sample[:1] or (person,))


def _given(giver: StepOutlook, person: Recipient) -> Given:
    whose = next(iter(giver.found.sample), person)
    works = giver.found.timing.works
    when = next((one for one in works if one.arm in {"", person.arm}), None)
    return Given(
        value=whose.value,
        valid_from=when.start if when is not None else None,
        valid_until=when.end if when is not None else None,
    )


def _filled(about: About, people: Sequence[Recipient]) -> Mails:
    return [(who, mail) for who, (_, mail) in zip(people, rendered(about, list(people)), strict=False)]
