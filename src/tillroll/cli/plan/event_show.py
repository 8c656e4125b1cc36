"""What a campaign that waits for events would do, on the terminal: for an example, step by step, and in a usual week."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich.console import Console

from tillroll.campaign.frozen.proposal import VerdictLevel
from tillroll.campaign.frozen.recipient import mask_email
from tillroll.campaign.text.money import say_money
from tillroll.campaign.text.units import spell_duration
from tillroll.campaign.timing.moments import say_moment
from tillroll.campaign.timing.schedule import say_again
from tillroll.cli.plan.mails import Mails
from tillroll.cli.plan.show import (
    money_rows,
    say_automatic,
    show_diff,
    show_heading,
    show_mails,
    show_notes,
    show_overlaps,
    show_title,
    show_verdicts,
    what_rows,
    when_rows,
    who_rows,
)
from tillroll.cli.support.output import facts_table
from tillroll.flows.frequency import say_often
from tillroll.outlook.coming import CostRange
from tillroll.outlook.flow_preview import FlowPreview, StepPreview

MADE_UP = "MADE-UP SAMPLE"


def show_flow_preview(console: Console, preview: FlowPreview, mails: Sequence[Mails]) -> None:
    """Print the example, the costs each time and in a usual week, then each step with its e-mail."""
    proposal, zone = preview.first.proposal, preview.first.timing.zone
    show_title(console, proposal)
    console.print(facts_table({"schedule": preview.first.timing.schedule, **dict(event_rows(preview))}))
    for step, step_mails in zip(preview.steps, mails, strict=True):
        _show_step(
            console,
            step,
            step_mails,
            alone=len(preview.steps) == 1,
            of_one_person=preview.by.person is not None,
        )
    show_overlaps(console, proposal)
    show_diff(console, preview.first.since, zone)


def event_rows(preview: FlowPreview) -> Iterator[tuple[str, str]]:
    """Yield the example, and what it costs each time and in a usual week."""
    currency = preview.first.proposal.currency
    yield "example", say_example(preview)
    yield "how often", say_again(preview.first.revision.campaign.when)
    yield "each time", say_costs(preview.codes, preview.emails, preview.money, currency)
    yield "usually", f"{say_often(preview.usual.a_day)} ({preview.usual.basis})"
    if preview.usual.a_day:
        codes, emails = preview.a_week(preview.codes), preview.a_week(preview.emails)
        week = say_costs(codes, emails, preview.money_a_week, currency)
        yield "a usual week", f"{week}, if each is like this one"
    if preview.notes:
        yield "left out", " ".join(preview.notes)


def say_example(preview: FlowPreview) -> str:
    """Return what happened, to whom and when; a made-up sample says so first."""
    by, proposal = preview.by, preview.first.proposal
    person = ""
    if by.person is not None:
        person = f", {f'{by.person.name} {mask_email(by.person.email)}'.strip()}"
    if by.example.happened_at is None:
        real = "" if by.person is None or not by.person.customer_id else " (the customer is real)"
        return f"{MADE_UP}, since {by.note}: {proposal.happened}{person}{real}"
    return f"{proposal.happened}{person}; {say_moment(by.example.happened_at, preview.first.timing.zone)}"


def say_costs(codes: Decimal | int, emails: Decimal | int, money: CostRange, currency: str) -> str:
    """Return `2 codes, 3 e-mails, worst case €75.00, expected €3.20`."""
    worst = "unlimited" if money.worst is None else say_money(money.worst, currency)
    expected = "not known" if money.expected is None else say_money(money.expected, currency)
    return f"{_average(codes, 'code')}, {_average(emails, 'e-mail')}, worst case {worst}, expected {expected}"


def _average(count: Decimal | int, noun: str) -> str:
    """Return an average with its noun, to a tenth below a hundred."""
    shown = Decimal(count) if count < 100 else Decimal(round(count))
    number = f"{shown:,.1f}".removesuffix(".0")
    return f"{number} {noun}{'' if shown == 1 else 's'}"


def say_wait(step: StepPreview) -> str:
    """Return `2 hours after the event`, `1 day after step 1`."""
    before = "the event" if step.number == 1 else f"step {step.number - 1}"
    return f"{spell_duration(step.wait)} after {before}" if step.wait else f"immediately after {before}"


def _show_step(
    console: Console, step: StepPreview, mails: Mails, *, alone: bool, of_one_person: bool
) -> None:
    proposal, timing = step.preview.proposal, step.preview.timing
    show_heading(console, say_wait(step).capitalize() if alone else f"Step {step.number}: {say_wait(step)}")
    rows = who_rows(proposal) | {"left out": _left_out(step)} | what_rows(proposal)
    rows["because"] = ""  # the example above shows it
    if of_one_person and step.number > 1 and proposal.audience.count:
        rows["who"] = ""
    if step.shows_code_of is not None:
        rows["code"] = f"the one of step {step.shows_code_of} again"
    rows |= {name: value for name, value in when_rows(timing) if name != "schedule"} | money_rows(proposal)
    rows["approved"] = say_automatic(proposal, step.preview.revision.campaign.approval)
    console.print(facts_table({name: value for name, value in rows.items() if value}))
    show_notes(console, timing)
    if step.number == 1 or any(verdict.level is not VerdictLevel.PASS for verdict in proposal.verdicts):
        show_verdicts(console, proposal)
    show_mails(console, mails, whole=of_one_person)


def _left_out(step: StepPreview) -> str:
    """Return who leaves the flow before the step, and who of this audience is left out."""
    excluded = step.preview.proposal.audience.excluded.items()
    parts = [", ".join(step.ends), *(f"{reason}: {count:,}" for reason, count in excluded)]
    return "; ".join(part for part in parts if part)
