"""Preview a campaign that waits for events: every step of its flow with its plan. Nothing is written.

The example is the last event of a customer whom the campaign reaches, or a made-up one. The steps are due as if it happened now,
or at the moment that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa

from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import AudienceDigest
from tillroll.campaign.frozen.recipient import Recipient
from tillroll.campaign.language.events.event import Event
from tillroll.campaign.language.events.products import OfCategories
from tillroll.campaign.language.models import AppliesTo, Unless
from tillroll.flows.finders.birthday_field import say_birthdays
from tillroll.flows.frequency import Usual, usual_number
from tillroll.flows.sample import sample_recipient, selection_of
from tillroll.ledger.engine import reading
from tillroll.ledger.records import CampaignRecord
from tillroll.ledger.tables import campaigns
from tillroll.outlook.coming import CostRange
from tillroll.outlook.example import (
    ChosenExample,
    choose_example,
    event_of,
    made_up_example,
    moments,
    step_numbers,
    step_subject,
)
from tillroll.outlook.plan_preview import (
    PlanPreview,
    PreviewRequest,
    preview_audience,
    preview_subject,
    refuse_unanswered,
)
from tillroll.plan.audience.subject import Subject
from tillroll.plan.freeze import ReadAudience, overlap_counter
from tillroll.plan.goods.catalog import find_goods
from tillroll.plan.goods.categories import find_categories
from tillroll.plan.segments.names import say_missing_group

_ENDS = {
    Unless.ORDERED: "customers who have ordered since",
    Unless.CODE_USED: "customers who have used their code",
}


@dataclass(frozen=True, kw_only=True)
class StepPreview:
    """One step of the flow: when it is due, whose flow ends before it, and its plan."""

    number: int
    wait: timedelta  # since the step before; of the first, since the event
    ends: tuple[str, ...]  # for whom the flow ends before it
    preview: PlanPreview
    shows_code_of: int | None = None  # the earlier step whose code its e-mail shows again


@dataclass(frozen=True, kw_only=True)
class FlowPreview:
    """What one event brings, and a usual week of them."""

    by: ChosenExample  # the example that is previewed
    steps: tuple[StepPreview, ...]
    usual: Usual  # how often the event happens
    notes: tuple[str, ...] = ()  # why some customers get nothing, as sentences

    @property
    def first(self) -> PlanPreview:
        """The plan of the first step."""
        return self.steps[0].preview

    @property
    def codes(self) -> int:
        """How many codes one event makes, over all steps."""
        proposals = (step.preview.proposal for step in self.steps)
        return sum(proposal.code_count for proposal in proposals if proposal.offer)

    @property
    def emails(self) -> int:
        """How many e-mails one event brings, at most."""
        return sum(step.preview.proposal.audience.count for step in self.steps)

    @property
    def money(self) -> CostRange:
        """What one event costs, over all steps."""
        exposures = (step.preview.proposal.exposure for step in self.steps)
        return sum(
            (CostRange(worst=each.worst_case, expected=each.expected) for each in exposures), CostRange()
        )

    @property
    def times_a_week(self) -> Decimal:
        """How often the event usually happens in a week."""
        return self.usual.a_day * 7

    @property
    def money_a_week(self) -> CostRange:
        """What a usual week costs."""
        return self.money.times(self.times_a_week)

    def a_week(self, each_time: int) -> Decimal:
        """Return how many of something a usual week brings, to a tenth."""
        return (self.times_a_week * each_time).quantize(Decimal("0.1"))


def preview_flow(request: PreviewRequest) -> FlowPreview:
    """Return what a campaign of events does when its event happens.

    `to` is the one customer it happens to. A product's event is for the campaign's audience, and `to` are recipients to show.
    Raises `Refused` as `preview_plan` does.
    """
    sample = step_subject(request, made_up_example(request), step=1, at=request.begins)
    refuse_unanswered(request.engine, sample, request.begins)
    by = choose_example(request)
    return FlowPreview(
        by=by,
        steps=tuple(_steps(request, by, request.to if by.person is None else ())),
        usual=_usual(request),
        notes=_notes(request),
    )


def _notes(request: PreviewRequest) -> tuple[str, ...]:
    """Return what the store lacks of what the event names: birthdays, a customer group, a product, categories."""
    event, store_id = event_of(request), request.store.id
    clause = ""
    with reading(request.engine) as connection:
        if event.birthday is not None:
            return tuple(say_birthdays(connection, store_id, event.birthday))
        if event.group_entered is not None:
            clause = say_missing_group(connection, store_id, event.group_entered.group)
        if isinstance(event.conditions, OfCategories):
            clause = "; ".join(find_categories(connection, store_id, event.conditions.categories)[1])
    wanted = _goods_of(event)
    if wanted is not None:
        match = find_goods(request.engine, store_id, wanted)
        clause = "; ".join(match.unknown) if match is not None else ""
    return (f"{clause[:1].upper()}{clause[1:]}.",) if clause else ()


def _goods_of(event: Event) -> AppliesTo | None:
    """Return the goods that an event of purchases names; None if it names none."""
    if event.time_to_buy_again is not None and event.time_to_buy_again.product is not None:
        return AppliesTo(products=(event.time_to_buy_again.product,))
    placed = event.order_placed
    if placed is None or not (placed.products or placed.categories):
        return None
    named = {"products": placed.products, "categories": placed.categories}
    return AppliesTo.model_validate({key: names for key, names in named.items() if names})


def _usual(request: PreviewRequest) -> Usual:
    """Return how often the campaign's event happens."""
    store, revision = request.store, request.revision
    with reading(request.engine) as connection:
        where = (campaigns.c.store_id == store.id, campaigns.c.name == revision.name)
        row = connection.execute(sa.select(campaigns).where(*where)).first()
    record = CampaignRecord.from_row(row) if row is not None else None
    return usual_number(request.engine, store=store, revision=revision, record=record, now=request.now)


def _steps(request: PreviewRequest, by: ChosenExample, to: Sequence[str]) -> Iterator[StepPreview]:
    """Yield the previews of all steps, for one example."""
    steps, latest_with_code = request.revision.campaign.steps, None
    for number, (wait, due) in zip(step_numbers(request.revision), moments(request, by.example), strict=True):
        subject = step_subject(request, by.example, step=number, at=due)
        preview = _preview_step(request, subject, by.person, due, to)
        same_code = bool(steps) and steps[number - 1].same_code
        since = preview.since
        yield StepPreview(
            number=number,
            wait=wait,
            ends=tuple(_ends(request.revision, number)),
            preview=replace(preview, since=replace(since, figures=()) if since else None),
            shows_code_of=latest_with_code if same_code else None,
        )
        if preview.proposal.offer:
            latest_with_code = number


def _preview_step(
    request: PreviewRequest, subject: Subject, person: Recipient | None, due: datetime, to: Sequence[str]
) -> PlanPreview:
    """Preview a step's plan, for its real audience or for a made-up recipient."""
    if person is None or person.customer_id:
        return preview_subject(request, subject, begins=due, to=to)
    overlaps = overlap_counter(request.engine, subject, today=request.now)
    recipient = sample_recipient(
        request.store.language,
        arm=person.arm,
        campaign=request.revision.as_run(step=subject.step, arm=person.arm),
        facts=subject.facts,
        currency=request.store.currency,
    )
    read = ReadAudience(selection=selection_of(recipient), digest=AudienceDigest().hex(), overlaps=overlaps)
    return preview_audience(request, subject, read, begins=due, sample=(recipient,))


def _ends(revision: Revision, number: int) -> Iterator[str]:
    """Yield for whom the flow ends before a step."""
    campaign = revision.campaign
    step = campaign.steps[number - 1] if campaign.steps else None
    unless = (*campaign.unless, *(step.unless if step is not None else ()))
    yield from (_ENDS[condition] for condition in dict.fromkeys(unless))
    if step is not None and step.unless_in:
        yield f"customers in {' or '.join(step.unless_in)}"
