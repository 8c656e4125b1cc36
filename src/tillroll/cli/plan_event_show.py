"""What a campaign of events would do each time, for a reader at a terminal: by an example, step by step, and in a usual week."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from tillroll.campaign.frozen.proposal import Level
from tillroll.campaign.frozen.recipient import masked_email
from tillroll.campaign.sentences.offers import say_money
from tillroll.campaign.text.units import spell_duration
from tillroll.campaign.timing.moments import say_moment
from tillroll.cli.plan_mails import Mails
from tillroll.cli.plan_show import (
    money_rows,
    show_crossings,
    show_heading,
    show_mails,
    show_since,
    show_title,
    show_verdicts,
    what_rows,
    when_rows,
    who_rows,
)
from tillroll.cli.show import facts_table
from tillroll.plan.calendar.coming import Money
from tillroll.plan.events.outlook import EventOutlook, StepOutlook
from tillroll.plan.events.usual import say_often

MADE_UP = "MADE-UP SAMPLE"


def show_event_outlook(console: Console, found: EventOutlook, mails: Sequence[Mails]) -> None:
    """The example, what each time and a usual week come to, then each step with its e-mail."""
    proposal, zone = found.first.proposal, found.first.timing.zone
    show_title(console, proposal)
    console.print(facts_table({"waits": found.first.timing.schedule, **dict(event_rows(found))}))
    for step, its in zip(found.steps, mails, strict=True):
        _step(console, step, its, alone=len(found.steps) == 1, of_one=found.by.person is not None)
    show_crossings(console, proposal)
    show_since(console, found.first.since, zone)


def event_rows(found: EventOutlook) -> Iterator[tuple[str, str]]:
    """What it is looked at by, and what that comes to each time and in a usual week."""
    currency = found.first.proposal.currency
    yield "looked at by", say_example(found)
    yield "each time", say_costs(found.codes, found.emails, found.money, currency)
    yield "usually", f"{say_often(found.usual.a_day)} ({found.usual.basis})"
    if found.usual.a_day:
        week = say_costs(found.a_week(found.codes), found.a_week(found.emails), found.money_a_week, currency)
        yield "a usual week", f"{week}, if each is like this one"


def say_example(found: EventOutlook) -> str:
    """What happened, when and to whom; a sample that is made up says so first."""
    by, proposal = found.by, found.first.proposal
    whose = f", {by.person.name} {masked_email(by.person.email)}".replace(",  ", ", ") if by.person else ""
    if by.example.happened_at is None:
        real = "" if by.person is None or not by.person.customer_id else " (the customer is real)"
        return f"{MADE_UP}, since {by.note}: {proposal.happened}{whose}{real}"
    return f"{proposal.happened}{whose}; {say_moment(by.example.happened_at, found.first.timing.zone)}"


def say_costs(codes: Decimal | int, emails: Decimal | int, money: Money, currency: str) -> str:
    """`2 codes, 3 e-mails, worst case €75.00, expected €3.20`."""
    worst = "without bound" if money.worst is None else say_money(money.worst, currency)
    likely = "not to be told" if money.expected is None else say_money(money.expected, currency)
    counts = f"{_so_many(codes, 'code')}, {_so_many(emails, 'e-mail')}"
    return f"{counts}, worst case {worst}, expected {likely}"


def _so_many(count: Decimal | int, what: str) -> str:
    shown = Decimal(count) if count < 100 else Decimal(round(count))
    number = f"{shown:,.1f}".removesuffix(".0")
    return f"{number} {what}{'' if shown == 1 else 's'}"


def say_wait(step: StepOutlook) -> str:
    """`2 hours after it`, `1 day after step 1`."""
    before = "it" if step.number == 1 else f"step {step.number - 1}"
    return f"{spell_duration(step.wait)} after {before}" if step.wait else f"at once after {before}"


def _step(console: Console, step: StepOutlook, mails: Mails, *, alone: bool, of_one: bool) -> None:
    proposal, timing = step.found.proposal, step.found.timing
    show_heading(console, say_wait(step).capitalize() if alone else f"Step {step.number}: {say_wait(step)}")
    rows = who_rows(proposal) | {"left out": _left_out(step)} | what_rows(proposal)
    rows["because"] = ""  # it is said above
    if of_one and step.number > 1 and proposal.audience.count:
        rows["who"] = ""
    if step.shows_code_of is not None:
        rows["code"] = f"that of step {step.shows_code_of} once more"
    rows |= {name: said for name, said in when_rows(timing) if name != "schedule"} | money_rows(proposal)
    console.print(facts_table({name: said for name, said in rows.items() if said}))
    for note in timing.notes:
        console.print(Padding(Text(f"· {note}", style="dim"), (0, 0, 0, 2)))
    if step.number == 1 or any(one.level is not Level.PASS for one in proposal.verdicts):
        show_verdicts(console, proposal)
    show_mails(console, mails, whole=of_one)


def _left_out(step: StepOutlook) -> str:
    """Who is out before the step by the campaign's word, and who of this audience is left out."""
    audience = step.found.proposal.audience
    here = [f"{count} {reason}" for reason, count in audience.excluded.items()]
    return ", ".join([*step.ends, *here])
