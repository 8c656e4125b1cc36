"""The e-mail: its template, its subject, how it leaves, and a reminder (`message:` of a campaign file)."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from tillroll.campaign.language.calendar import SomeDays, whole_year
from tillroll.campaign.text.units import Duration, KeyFault, Rate, Window
from tillroll.campaign.text.words import Line, Name, Words


class IfUnknown(StrEnum):
    """What to do with an e-mail that may or may not have left."""

    SKIP = "skip"
    RESEND = "resend"


class Via(StrEnum):
    """How an e-mail leaves."""

    SMTP = "smtp"
    OUTBOX = "outbox"  # written to files, for trying things


class Send(Words):
    """How messages leave."""

    via: Via | None = Field(
        default=None,
        description="Only by this way; without it by the installation's own (SMTP_URL).",
    )
    quiet_hours: Window | None = Field(
        default=None,
        description="None leave in this stretch of the campaign's day.",
        examples=["21:00-08:00"],
    )
    quiet_days: tuple[SomeDays, ...] = Field(
        default=(), description="None leave on these days, besides those of rules/calendar.yaml."
    )
    rate: Rate | None = Field(default=None, description="At most so many.", examples=["50/s", "1000/h"])
    if_unknown: IfUnknown = Field(
        default=IfUnknown.SKIP, description="What to do with an e-mail that may or may not have left."
    )

    @model_validator(mode="after")
    def _leaves_a_day(self) -> Self:
        if whole_year(self.quiet_days):
            raise KeyFault("quiet_days", "every day of the year is one, so no e-mail would ever leave")
        return self


class Reminder(Words):
    """A second e-mail to those who have not used their code, before it expires."""

    before_expiry: Duration = Field(examples=["3d"])
    template: Name
    subject: Line


class Message(Words):
    """The e-mail: a folder of templates/ and a subject, which is a small Jinja template itself."""

    template: Name = Field(description="A folder of templates/.")
    subject: Line = Field(examples=["{{ customer.first_name }}, 15 % is waiting"])
    send: Send = Send()
    reminder: Reminder | None = None


class MessageChange(Words):
    """What a variant says differently of the message."""

    template: Name | None = None
    subject: Line | None = None


class Unless(StrEnum):
    """What ends a flow for a customer before its next step."""

    ORDERED = "ordered"  # an order since they entered
    CODE_USED = "code_used"  # a code that this flow gave them was used
