"""The e-mails of a previewed plan, rendered for some of its recipients."""

from __future__ import annotations

from dataclasses import dataclass

from tillroll.campaign.frozen.recipient import Recipient
from tillroll.ledger.records import Store
from tillroll.outlook.flow_preview import FlowPreview, StepPreview
from tillroll.outlook.plan_preview import PlanPreview
from tillroll.rendering.compile import Rendered
from tillroll.rendering.preview import EarlierCode, PreviewSubject, render_previews

_MOST = 3  # e-mails, unless recipients are named

Mails = list[tuple[Recipient, Rendered]]


@dataclass(frozen=True, kw_only=True)
class Letters:
    """The e-mails of one step, before they are filled in: what they are about, and for whom."""

    subject: PreviewSubject
    people: tuple[Recipient, ...]


def mails_of(preview: PlanPreview, store: Store, language: str = "") -> Mails:
    """Return the e-mails of the recipients that were named, or else of a few, from the first to the last."""
    return _render(letters_of(preview, store, language))


def mails_of_steps(preview: FlowPreview, store: Store, language: str = "") -> list[Mails]:
    """Return the e-mails of each step, one list a step.

    They are for the person the event happens to, or, for an event of a product, for some of the audience.
    """
    return [_render(letters) for letters in letters_of_steps(preview, store, language)]


def letters_of(preview: PlanPreview, store: Store, language: str = "") -> Letters:
    """Return what `mails_of` fills in."""
    people = preview.chosen or _some_of(preview)
    subject = PreviewSubject(
        store=store,
        revision=preview.revision,
        proposal=preview.proposal,
        now=preview.timing.begins,
        language=language,
    )
    return Letters(subject=subject, people=tuple(people))


def _some_of(preview: PlanPreview) -> tuple[Recipient, ...]:
    """Return a few recipients, spread over the sample; first one of each arm."""
    sample = preview.sample
    few = sample[:: max(1, len(sample) // _MOST)][:_MOST]
    of_arms = {person.arm: person for person in (*reversed(sample), *reversed(few))}
    firsts = [of_arms[arm] for arm in preview.revision.arms if arm in of_arms]
    people = (*firsts, *(person for person in few if person not in firsts))
    return people[: max(_MOST, len(firsts))]


def letters_of_steps(preview: FlowPreview, store: Store, language: str = "") -> list[Letters]:
    """Return what `mails_of_steps` fills in."""
    if preview.by.person is None:
        return [letters_of(step.preview, store, language) for step in preview.steps]
    return [_letters_of_step(step, preview, preview.by.person, store, language) for step in preview.steps]


def _letters_of_step(
    step: StepPreview, preview: FlowPreview, person: Recipient, store: Store, language: str
) -> Letters:
    """Return the person's e-mail, even if this step would leave the person out."""
    plan = step.preview
    giver = preview.steps[step.shows_code_of - 1] if step.shows_code_of is not None else None
    subject = PreviewSubject(
        store=store,
        revision=plan.revision,
        proposal=plan.proposal,
        now=plan.timing.begins,
        earlier=_earlier_code(giver, person) if giver is not None else None,
        language=language,
    )
    return Letters(subject=subject, people=plan.sample[:1] or (person,))


def _earlier_code(giver: StepPreview, person: Recipient) -> EarlierCode:
    """Return the code that an earlier step gave: its value and its dates."""
    recipient = next(iter(giver.preview.sample), person)
    periods = giver.preview.timing.works
    period = next((period for period in periods if period.arm in {"", person.arm}), None)
    return EarlierCode(
        value=recipient.value,
        valid_from=period.start if period is not None else None,
        valid_until=period.end if period is not None else None,
    )


def _render(letters: Letters) -> Mails:
    rows = render_previews(letters.subject, letters.people)
    return [(recipient, mail) for recipient, (_, mail) in zip(letters.people, rows, strict=False)]
