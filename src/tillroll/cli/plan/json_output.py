"""A plan for a program: the proposal with its digest, its moments, some recipients, their e-mails, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tillroll.campaign.frozen.recipient import Recipient, mask_email
from tillroll.campaign.timing.moments import ReminderTime, Timing
from tillroll.cli.plan.mails import Mails
from tillroll.outlook.coming import CostRange
from tillroll.outlook.flow_preview import FlowPreview
from tillroll.outlook.plan_preview import PlanPreview
from tillroll.plan.diff import PlanDiff
from tillroll.rendering.compile import Rendered


def as_json_object(preview: PlanPreview, mails: Sequence[tuple[Recipient, Rendered]]) -> dict[str, Any]:
    """Return a plan as plain data. Amounts are text, moments ISO 8601; addresses are masked, since plans get shared."""
    proposal = preview.proposal
    return {
        **proposal.to_json(),
        "digest": proposal.digest,
        "when": _when(preview.timing),
        "sample": [_recipient(recipient) for recipient in preview.sample],
        "mails": [
            {**_recipient(recipient), "subject": mail.subject, "text": mail.text, "html": mail.html}
            for recipient, mail in mails
        ],
        "since": None if preview.since is None else _diff(preview.since),
    }


def event_as_json_object(preview: FlowPreview, mails: Sequence[Mails]) -> dict[str, Any]:
    """Return the first step's plan, and with it the example, every step, and the costs each time and in a usual week."""
    by, usual = preview.by, preview.usual
    steps = [
        {
            **as_json_object(step.preview, step_mails),
            "wait": step.wait.total_seconds(),
            "ends": list(step.ends),
            "shows_code_of": step.shows_code_of,
        }
        for step, step_mails in zip(preview.steps, mails, strict=True)
    ]
    at = by.example.happened_at
    return {
        **as_json_object(preview.first, mails[0]),
        "example": {
            "made_up": by.example.made_up,
            "why": by.note,
            "at": None if at is None else _both(at, preview.first.timing.zone),
            "person": None if by.person is None else _recipient(by.person),
        },
        "left_out": list(preview.notes),
        "steps": steps,
        "each_time": _costs(preview.codes, preview.emails, preview.money),
        "usual": {
            "a_day": str(usual.a_day),
            "basis": usual.basis,
            "a_week": _costs(
                preview.a_week(preview.codes), preview.a_week(preview.emails), preview.money_a_week
            ),
        },
    }


def _costs(codes: Decimal | int, emails: Decimal | int, money: CostRange) -> dict[str, Any]:
    worst, expected = (None if amount is None else str(amount) for amount in (money.worst, money.expected))
    counts = {"codes": float(codes), "emails": float(emails)}
    return {**counts, "worst_case": worst, "expected": expected}


def _when(timing: Timing) -> dict[str, Any]:
    zone = timing.zone
    return {
        "timezone": zone.key,
        "schedule": timing.schedule,
        "begins": _both(timing.begins, zone),
        "works": [
            {"arm": period.arm, "from": _both(period.start, zone), "until": _both(period.end, zone)}
            for period in timing.works
        ],
        "first_mail": None if timing.first_mail is None else _both(timing.first_mail, zone),
        "last_mail": None if timing.last_mail is None else _both(timing.last_mail, zone),
        "mail_minutes": timing.mail_minutes,
        "reminder": None if timing.reminder is None else _reminder(timing.reminder, zone),
        "notes": list(timing.notes),
    }


def _reminder(reminder: ReminderTime, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "at": _both(reminder.at, zone),
        "template": reminder.template,
        "subject": reminder.subject,
    }


def _both(at: datetime, zone: ZoneInfo) -> dict[str, str]:
    """Return a moment by the store's clock and in UTC."""
    return {"store": at.astimezone(zone).isoformat(), "utc": at.isoformat()}


def _recipient(recipient: Recipient) -> dict[str, Any]:
    value = None if recipient.value is None else str(recipient.value)
    return {
        "customer_id": recipient.customer_id,
        "email": mask_email(recipient.email),
        "name": recipient.name,
        "country": recipient.country,
        "language": recipient.language,
        "arm": recipient.arm,
        "value": value,
    }


def _diff(since: PlanDiff) -> dict[str, Any]:
    return {
        "run": since.run_id,
        "person": since.person,
        "at": since.at.isoformat(),
        "nothing": since.nothing,
        "same_files": since.same_files,
        "files": [
            {"where": change.where, "before": change.before, "after": change.after} for change in since.files
        ],
        "figures": list(since.figures),
    }
