"""A plan as one HTML file that can be handed round: everything it shows is in it, and it loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache

from babel.numbers import format_decimal
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from tillroll.campaign.frozen.recipient import Recipient, masked_email
from tillroll.campaign.sentences.offers import say_money
from tillroll.campaign.sentences.verdicts import measure, rule_words
from tillroll.campaign.timing.moments import say_minutes, say_moment
from tillroll.cli.plan_event_show import event_rows, say_wait
from tillroll.cli.plan_mails import Mails
from tillroll.plan.events.outlook import EventOutlook
from tillroll.plan.outlook import Outlook
from tillroll.send.compile import Rendered


def as_html(found: Outlook, mails: Sequence[tuple[Recipient, Rendered]], *, made_at: datetime) -> str:
    """The file's text. Addresses are masked; every word of files, people and the store is escaped."""
    shown = [(0, who, mail) for who, mail in mails]
    return _page(found, shown, None, made_at)


def event_as_html(found: EventOutlook, mails: Sequence[Mails], *, made_at: datetime) -> str:
    """The same of a campaign of events: its first step's plan, what it is looked at by, every step, and a usual week."""
    several = len(found.steps) > 1
    shown = [
        (step.number if several else 0, who, mail)
        for step, its in zip(found.steps, mails, strict=True)
        for who, mail in its
    ]
    return _page(found.first, shown, found, made_at)


def _page(
    found: Outlook,
    mails: Sequence[tuple[int, Recipient, Rendered]],
    event: EventOutlook | None,
    made_at: datetime,
) -> str:
    """`mails` with the number of their step; 0 where there is only one."""
    zone, currency = found.timing.zone, found.proposal.currency

    def money(amount: Decimal | None) -> str:
        return "without bound" if amount is None else say_money(amount, currency)

    def moment(at: datetime | str) -> str:
        return say_moment(datetime.fromisoformat(at) if isinstance(at, str) else at, zone)

    return _template().render(
        p=found.proposal,
        timing=found.timing,
        sample=found.sample,
        since=found.since,
        mails=mails,
        event=event,
        lead=_lead(found, event),
        event_rows=dict(event_rows(event)) if event is not None else {},
        say_wait=say_wait,
        made_at=made_at,
        money=money,
        moment=moment,
        number=lambda value: format_decimal(value, locale="en"),
        lasting=say_minutes,
        masked=masked_email,
        measure=measure,
        rule_words=rule_words,
    )


def _lead(found: Outlook, event: EventOutlook | None) -> str:
    """What is offered; by the steps of a flow, each that offers something."""
    steps = [one.found for one in event.steps] if event is not None else [found]
    offers = dict.fromkeys(one.proposal.offer for one in steps if one.proposal.offer)
    return ", then ".join(offers) or "An e-mail without a code"


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("tillroll.cli"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("plan.html.j2")
