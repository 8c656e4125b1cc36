"""Advice: what a valid campaign file says that its reader may take for something else. Pure.

Advice never stops a campaign. `tillroll check` shows it as a warning at its place in the file, and a plan shows it to the
approver.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal

from tillroll.campaign.language.models import AMOUNT_KINDS, PERCENT_KINDS, AllowedCustomers, Campaign, Offer
from tillroll.campaign.text.money import Percent
from tillroll.campaign.text.source import Path
from tillroll.campaign.text.units import say_duration, spell_duration

_YEAR = timedelta(days=365)
_MIDNIGHT = time(0, 0)
_DAY = timedelta(days=1)
_NEVER_THEIRS = frozenset(
    (AllowedCustomers.NEW, event)
    for event in ("order_placed", "spent_reached", "first_order_anniversary", "time_to_buy_again")
)
"""Codes that none of an event's customers can use."""
_WEEKS = {"1-7": "1st", "8-14": "2nd", "15-21": "3rd", "22-28": "4th"}
_LAST_FIRST = 21  # from the day after this on, a range to 31 is meant to hold the last week
_SHORTEST_WAIT = timedelta(minutes=5)
"""A wait of fewer minutes was probably meant in months."""


@dataclass(frozen=True, kw_only=True)
class Advice:
    """One thing that may be taken for something else."""

    rule: str  # its name in a plan's verdicts
    path: Path  # where it is in the campaign file
    problem: str  # a sentence: what it means here, and what to write for the other meaning


def advice_on(campaign: Campaign) -> Iterator[Advice]:
    """Yield the advice on a campaign, in the order of its file."""
    yield from _on_schedule(campaign)
    yield from _on_same_codes(campaign)
    for path, offer in _offers(campaign):
        yield from _on_validity(path, offer)
        yield from _on_amount(path, offer)
        yield from _on_limit(path, offer)
        yield from _on_customers(path, offer, campaign)


def _on_schedule(campaign: Campaign) -> Iterator[Advice]:
    when = campaign.when
    if when.cron is not None:
        day, weekday = (when.cron.split() + [""] * 5)[2:5:2]
        if day not in {"*", ""} and weekday not in {"*", ""}:
            problem = (
                f"runs only on a {weekday} that is also day {day} of the month: both must hold here. In other crons either is "
                f"enough; for that, write two campaigns, or leave one of the two as *{_nth_weekday(day, weekday)}"
            )
            yield Advice(rule="cron", path=("when", "cron"), problem=problem)
    if when.at is not None and when.at.time() == _MIDNIGHT:
        problem = f"runs at midnight, as the day begins; for the morning write {when.at:%Y-%m-%d} 09:00"
        yield Advice(rule="midnight", path=("when", "at"), problem=problem)
    waits: list[tuple[Path, timedelta | None]] = [(("when", "after"), when.after)]
    waits += [(("steps", index, "wait"), step.wait) for index, step in enumerate(campaign.steps)]
    for path, wait in waits:
        if wait is not None and wait < _SHORTEST_WAIT:
            minutes = wait // timedelta(minutes=1)
            problem = f"{minutes}m is {spell_duration(wait)}; for months write days, like {minutes * 30}d"
            yield Advice(rule="minutes", path=path, problem=problem)
    is_yearly = when.on is not None and when.on.kind.is_yearly
    if is_yearly and when.again is not None and _YEAR < when.again.after < 2 * _YEAR:
        problem = (
            f"the day comes every 365 or 366 days, so {say_duration(when.again.after)} leaves years out; "
            "write 365d for each year, or 730d for every second one"
        )
        yield Advice(rule="again", path=("when", "again", "after"), problem=problem)


def _nth_weekday(day: str, weekday: str) -> str:
    """Return what to write if the last or second Friday of a month is meant, as a clause; empty if probably none is."""
    first, _, last = day.partition("-")
    if not weekday.isalpha():
        return ""
    if day.lower() == "last" or (first.isdigit() and last == "31" and int(first) > _LAST_FIRST):
        early = f"the last {weekday} of a month, which may be as early as day 22"
        return f". For {early}, write last-{weekday} as the day, and * as the weekday"
    which = _WEEKS.get(day)
    return f". The {which} {weekday} can be written as {which}-{weekday} * *" if which else ""


def _on_same_codes(campaign: Campaign) -> Iterator[Advice]:
    """Yield advice on e-mails that show the code of an earlier step when it has ended, or ends on the same day."""
    giver, valid_for, waited = 0, None, timedelta(0)
    for index, step in enumerate(campaign.steps):
        waited += step.wait or timedelta(0)
        if step.offer is not None:
            giver, valid_for, waited = index + 1, step.offer.valid.for_, timedelta(0)
        elif step.same_code and valid_for is not None and waited >= valid_for.length:
            is_over = not valid_for.ends_with_day or waited >= valid_for.length + _DAY
            code = f"the code of step {giver} is valid for {spell_duration(valid_for.length)}"
            comes = f"this e-mail comes {spell_duration(waited)} after it"
            problem = (
                f"{code}, and {comes}: when the code has ended, so it is sent to nobody; wait less, or make the code valid longer"
                if is_over
                else f"{code}, and {comes}: on the code's last day at best; wait less, or make the code valid longer"
            )
            yield Advice(rule="code_ended", path=("steps", index, "wait"), problem=problem)


def _offers(campaign: Campaign) -> Iterator[tuple[Path, Offer]]:
    """Yield every offer with its place: the campaign's own, each step's, and those that variants change."""
    if campaign.offer is not None:
        yield ("offer",), campaign.offer
    for index, step in enumerate(campaign.steps):
        if step.offer is not None:
            yield ("steps", index, "offer"), step.offer
    if campaign.offer is None:
        return
    for index, variant in enumerate(campaign.variants):
        if variant.offer is not None:
            changed = campaign.as_run(arm=variant.name).offer
            if changed is not None and changed != campaign.offer:
                yield ("variants", index, "offer"), changed


def _on_validity(path: Path, offer: Offer) -> Iterator[Advice]:
    until = offer.valid.until
    if until is not None and until.time() == _MIDNIGHT:
        problem = f"ends as {until:%d %B} begins; for the whole day write {until:%Y-%m-%d}"
        yield Advice(rule="midnight", path=(*path, "valid", "until"), problem=problem)


def _on_amount(path: Path, offer: Offer) -> Iterator[Advice]:
    if offer.kind not in AMOUNT_KINDS:
        return
    least, most = offer.minimum_subtotal or Decimal(0), offer.largest_value
    if offer.minimum_subtotal is not None and most > least:
        problem = (
            f"{most:f} off works on baskets from {least:f}, so the customer may get goods for nothing; "
            f"write minimum_subtotal: {most:f} or more, unless you mean it"
        )
        yield Advice(rule="free_goods", path=(*path, "minimum_subtotal"), problem=problem)


def _on_customers(path: Path, offer: Offer, campaign: Campaign) -> Iterator[Advice]:
    """Yield advice on a code that is for other customers than those of the campaign's event."""
    event = campaign.when.on
    if event is None or (offer.customers, event.kind.name) not in _NEVER_THEIRS:
        return
    problem = (
        f"customers: {offer.customers} is for first orders, and the customers of {event.kind.name} have ordered: the store's "
        "till refuses their codes; write customers: any"
    )
    yield Advice(rule="code_refused", path=(*path, "customers"), problem=problem)


def _on_limit(path: Path, offer: Offer) -> Iterator[Advice]:
    """Yield advice on the highest percentage of a formula or table that may be taken for an amount: `at_most: 30`."""
    each = offer.per_customer if offer.kind in PERCENT_KINDS else None
    if each is None or each.at_most is None or isinstance(each.at_most, Percent):
        return
    most = f"{each.at_most:f}"
    problem = (
        f"{most} is meant in percent here: write at_most: {most}%. To cap it at an amount, write kind: amount "
        f"and a formula of amounts, like 'min(0.15 * average_order, {most})'"
    )
    yield Advice(rule="percent_limit", path=(*path, "value", "at_most"), problem=problem)
