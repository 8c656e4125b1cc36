"""Choose the event by which a campaign is previewed: a real one whose customer would get an e-mail, else a made-up one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from tillroll.campaign import Revision
from tillroll.campaign.frozen.recipient import Recipient
from tillroll.campaign.language.events.event import Event
from tillroll.campaign.sentences.events import say_happened
from tillroll.errors import Refused
from tillroll.flows.latest import Example, real_examples
from tillroll.flows.sample import sample_facts, sample_recipient
from tillroll.outlook.plan_preview import PreviewRequest, customer_by_address, refusal_of_addresses
from tillroll.plan.audience.select import Selection
from tillroll.plan.audience.subject import Subject
from tillroll.plan.freeze import recipients_of

_TRIED = 30  # how many real examples are tried, at most, to find one that leads to an e-mail


@dataclass(frozen=True, kw_only=True)
class ChosenExample:
    """The event by which a campaign is previewed, and its customer."""

    example: Example
    person: Recipient | None  # None: it happened to a product, and the audience is the campaign's
    note: str = ""  # why the example is made up; empty: it is real


def event_of(request: PreviewRequest) -> Event:
    """Return the event that the campaign waits for."""
    event = request.revision.campaign.when.on
    assert event is not None  # noqa: S101 - only campaigns that wait for an event come here
    return event


def step_numbers(revision: Revision) -> range:
    """Return the numbers of a campaign's steps; one without `steps:` has a single one."""
    return range(1, max(1, len(revision.campaign.steps)) + 1)


def moments(request: PreviewRequest, example: Example) -> list[tuple[timedelta, datetime]]:
    """Return how long each step waits, and when it is due."""
    campaign = request.revision.campaign
    due = request.at or max(request.now, example.happened_at or request.now)
    first = campaign.steps[0].wait if campaign.steps else None
    waits = [first if first is not None else campaign.when.delay]
    waits += [step.wait or timedelta(0) for step in campaign.steps[1:]]
    return [(wait, due := due + wait) for wait in waits]


def step_subject(request: PreviewRequest, example: Example, *, step: int, at: datetime) -> Subject:
    """Return the run of a step as the subject of a plan."""
    return Subject(
        run_id=0,
        slot_key=f"preview step {step}",
        slot_at=at,
        store=request.store,
        revision_id=0,
        revision=request.revision,
        step=step,
        only=example.customer_id,
        happened=say_happened(event_of(request), example.facts, request.store.currency),
        facts=example.facts,
    )


def made_up_example(request: PreviewRequest) -> Example:
    """Return a made-up event that fulfils the campaign's conditions."""
    facts = sample_facts(
        request.engine,
        store_id=request.store.id,
        event=event_of(request),
        now=request.begins,
        zone=request.revision.campaign.when.zone(request.store.timezone),
    )
    return Example(facts=facts)


def choose_example(request: PreviewRequest) -> ChosenExample:
    """Return the example to preview. Raises `Refused` if the customer who is asked for would get nothing."""
    if event_of(request).about_product:
        return _example_of_product(request)
    return _example_of_customer(request)


def _example_of_product(request: PreviewRequest) -> ChosenExample:
    real = real_examples(request.engine, store=request.store, revision=request.revision, now=request.now)
    if (latest := next(real, None)) is not None:
        return ChosenExample(example=latest, person=None)
    note = "there was no such event within a year"
    return ChosenExample(example=made_up_example(request), person=None, note=note)


def _example_of_customer(request: PreviewRequest) -> ChosenExample:
    """Choose an event of the customer who is asked for, else of the latest whom the campaign reaches, else a made-up one."""
    only = _customer_asked_for(request)
    real = real_examples(
        request.engine, store=request.store, revision=request.revision, now=request.now, only=only
    )
    latest: Example | None = None
    for example in islice(real, _TRIED):
        if (person := _recipient(request, example)) is not None:
            return ChosenExample(example=example, person=person)
        latest = latest or example
    if only is not None:
        return _made_up_for(request, only)
    if latest is None:
        note = "there was no such event within a year"
    else:
        note = f"the latest such events brought nobody an e-mail: {_why_nobody(request, latest)}"
    return ChosenExample(example=made_up_example(request), person=_made_up_person(request), note=note)


def _made_up_for(request: PreviewRequest, customer_id: int) -> ChosenExample:
    """Return a made-up event of a real customer. Raises `Refused` if they would get nothing."""
    example = replace(made_up_example(request), customer_id=customer_id)
    if (person := _recipient(request, example)) is not None:
        return ChosenExample(example=example, person=person, note="they had no such event lately")
    subject = step_subject(request, example, step=1, at=request.now)
    raise refusal_of_addresses(request.engine, subject, request.to, request.now)


def _made_up_person(request: PreviewRequest) -> Recipient:
    """Return a made-up customer in the first arm, with a value if the first offer of the flow has one for each customer."""
    arm = request.revision.arms[0]
    steps = (request.revision.as_run(step=step, arm=arm) for step in step_numbers(request.revision))
    with_offer = next((each for each in steps if each.offer is not None), None)
    return sample_recipient(request.store.language, arm=arm, campaign=with_offer)


def _customer_asked_for(request: PreviewRequest) -> int | None:
    """Return the customer who is asked for; None: nobody in particular.

    Raises `Refused` for several addresses, and for an address that no customer has.
    """
    if not request.to:
        return None
    if len(request.to) > 1:
        raise Refused(
            "This event happens to one customer at a time.", hint="Give one --to; run it again for another."
        )
    customer_id = customer_by_address(request.engine, request.store.id, request.to[0])
    if customer_id is None:
        subject = step_subject(request, made_up_example(request), step=1, at=request.now)
        raise refusal_of_addresses(request.engine, subject, request.to[:1], request.now)
    return customer_id


def _recipient(request: PreviewRequest, example: Example) -> Recipient | None:
    """Return the recipient whom the run of an example would reach; None: nobody."""
    at = moments(request, example)[0][1]
    subject = step_subject(request, example, step=1, at=at)
    rows = list(recipients_of(request.engine, subject, Selection(), at))
    return Recipient.of(rows[0]) if rows else None


def _why_nobody(request: PreviewRequest, example: Example) -> str:
    """Return why the run of an example reaches nobody."""
    selection, at = Selection(), moments(request, example)[0][1]
    list(recipients_of(request.engine, step_subject(request, example, step=1, at=at), selection, at))
    return next(iter(selection.excluded), "the segment does not select them")
