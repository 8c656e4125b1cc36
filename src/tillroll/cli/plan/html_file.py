"""A plan as one HTML file to share: it contains everything it shows and loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from babel.numbers import format_decimal

from tillroll.campaign.frozen.recipient import Recipient, mask_email
from tillroll.campaign.sentences.verdicts import say_measure, say_rule
from tillroll.campaign.text.money import say_money
from tillroll.campaign.text.percent import say_percent
from tillroll.campaign.timing.moments import say_minutes, say_moment
from tillroll.cli.plan.event_show import event_rows, say_wait
from tillroll.cli.plan.mails import Mails
from tillroll.outlook.flow_preview import FlowPreview
from tillroll.outlook.plan_preview import PlanPreview
from tillroll.rendering.compile import Rendered
from tillroll.rendering.jinja.packaged import packaged_template


def as_html(preview: PlanPreview, mails: Sequence[tuple[Recipient, Rendered]], *, made_at: datetime) -> str:
    """Return the file's text. Addresses are masked; all text of files, people and the store is escaped."""
    rows = [(0, recipient, mail) for recipient, mail in mails]
    return _page(preview, rows, None, made_at)


def event_as_html(preview: FlowPreview, mails: Sequence[Mails], *, made_at: datetime) -> str:
    """Return the file of a campaign that waits for events: the example, every step, and a usual week."""
    several = len(preview.steps) > 1
    rows = [
        (step.number if several else 0, recipient, mail)
        for step, step_mails in zip(preview.steps, mails, strict=True)
        for recipient, mail in step_mails
    ]
    return _page(preview.first, rows, preview, made_at)


def _page(
    preview: PlanPreview,
    mails: Sequence[tuple[int, Recipient, Rendered]],
    event: FlowPreview | None,
    made_at: datetime,
) -> str:
    """Return the page. Each of `mails` comes with the number of its step, or 0 where there is one step only."""
    zone, currency = preview.timing.zone, preview.proposal.currency

    def money(amount: Decimal | None) -> str:
        return "unlimited" if amount is None else say_money(amount, currency)

    def moment(at: datetime | str) -> str:
        return say_moment(datetime.fromisoformat(at) if isinstance(at, str) else at, zone)

    return packaged_template("tillroll.cli", "plan.html.j2").render(
        p=preview.proposal,
        timing=preview.timing,
        sample=preview.sample,
        since=preview.since,
        mails=mails,
        event=event,
        lead=_lead(preview, event),
        event_rows=dict(event_rows(event)) if event is not None else {},
        say_wait=say_wait,
        made_at=made_at,
        money=money,
        moment=moment,
        number=lambda value: format_decimal(value, locale="en"),
        lasting=say_minutes,
        masked=mask_email,
        measure=say_measure,
        percent=say_percent,
        rule_words=say_rule,
    )


def _lead(preview: PlanPreview, event: FlowPreview | None) -> str:
    """Return what is offered: the offer, or that of each step of a flow that has one."""
    previews = [step.preview for step in event.steps] if event is not None else [preview]
    offers = dict.fromkeys(step.proposal.offer for step in previews if step.proposal.offer)
    return ", then ".join(offers) or "An e-mail without a code"
