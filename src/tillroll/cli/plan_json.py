"""A plan for a program: the proposal with its digest, its moments, some people, their e-mails, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tillroll.campaign.frozen.recipient import Recipient, masked_email
from tillroll.campaign.timing.moments import Timing
from tillroll.cli.plan_mails import Mails
from tillroll.plan.calendar.coming import Money
from tillroll.plan.events.outlook import EventOutlook
from tillroll.plan.outlook import Outlook
from tillroll.plan.since import Since
from tillroll.send.compile import Rendered


def as_json_object(found: Outlook, mails: Sequence[tuple[Recipient, Rendered]]) -> dict[str, Any]:
    """Amounts are text, moments ISO 8601; addresses are masked, since plans get handed round."""
    proposal = found.proposal
    return {
        **proposal.to_json(),
        "digest": proposal.digest,
        "when": _when(found.timing),
        "sample": [_person(one) for one in found.sample],
        "mails": [
            {**_person(who), "subject": mail.subject, "text": mail.text, "html": mail.html}
            for who, mail in mails
        ],
        "since": None if found.since is None else _since(found.since),
    }


def event_as_json_object(found: EventOutlook, mails: Sequence[Mails]) -> dict[str, Any]:
    """The first step's plan, as of any campaign; beside it the example, every step, and what each time and each week come to."""
    by = found.by
    steps = [
        {
            **as_json_object(step.found, its),
            "wait": step.wait.total_seconds(),
            "ends": list(step.ends),
            "shows_code_of": step.shows_code_of,
        }
        for step, its in zip(found.steps, mails, strict=True)
    ]
    at = by.example.happened_at
    return {
        **as_json_object(found.first, mails[0]),
        "example": {
            "made_up": by.example.made_up,
            "why": by.note,
            "at": None if at is None else _both(at, found.first.timing.zone),
            "person": None if by.person is None else _person(by.person),
        },
        "steps": steps,
        "each_time": _costs(found.codes, found.emails, found.money),
        "usual": {
            "a_day": str(found.usual.a_day),
            "basis": found.usual.basis,
            "a_week": _costs(found.a_week(found.codes), found.a_week(found.emails), found.money_a_week),
        },
    }


def _costs(codes: Decimal | int, emails: Decimal | int, money: Money) -> dict[str, Any]:
    worst, likely = (None if one is None else str(one) for one in (money.worst, money.expected))
    counts = {"codes": float(codes), "emails": float(emails)}
    return {**counts, "worst_case": worst, "expected": likely}


def _when(timing: Timing) -> dict[str, Any]:
    zone = timing.zone
    return {
        "timezone": zone.key,
        "schedule": timing.schedule,
        "begins": _both(timing.begins, zone),
        "works": [
            {"arm": one.arm, "from": _both(one.start, zone), "until": _both(one.end, zone)}
            for one in timing.works
        ],
        "first_mail": None if timing.first_mail is None else _both(timing.first_mail, zone),
        "mail_minutes": timing.mail_minutes,
        "notes": list(timing.notes),
    }


def _both(at: datetime, zone: ZoneInfo) -> dict[str, str]:
    return {"store": at.astimezone(zone).isoformat(), "utc": at.isoformat()}


def _person(one: Recipient) -> dict[str, Any]:
    value = None if one.value is None else str(one.value)
    return {
        "customer_id": one.customer_id,
        "email": masked_email(one.email),
        "name": one.name,
        "country": one.country,
        "language": one.language,
        "arm": one.arm,
        "value": value,
    }


def _since(since: Since) -> dict[str, Any]:
    return {
        "run": since.run_id,
        "person": since.person,
        "at": since.at.isoformat(),
        "nothing": since.nothing,
        "same_files": since.same_files,
        "files": [{"where": one.where, "before": one.before, "after": one.after} for one in since.files],
        "figures": list(since.figures),
    }
