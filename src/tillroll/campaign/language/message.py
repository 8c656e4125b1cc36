"""The e-mail: its template, subject, sending rules and reminder (`message:` of a campaign file)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from tillroll.campaign.language.calendar import SomeDays, whole_year
from tillroll.campaign.language.translations import Language
from tillroll.campaign.text.block import Block, Line, Name
from tillroll.campaign.text.units import KeyFault, Period, Rate, Window


class IfUnknown(StrEnum):
    """What to do with an e-mail that may or may not have been sent."""

    SKIP = "skip"
    RESEND = "resend"


class Via(StrEnum):
    """The mail transports. An installation uses the one that its MAIL_URL begins with, else the outbox."""

    SMTP = "smtp"
    OUTBOX = "outbox"  # written to files, to try things out
    POSTMARK = "postmark"
    SENDGRID = "sendgrid"
    MAILGUN = "mailgun"
    BREVO = "brevo"
    SES = "ses"
    RESEND = "resend"
    WEBHOOK = "webhook"  # a system of the shop's own


class Send(Block):
    """How e-mails are sent."""

    via: Via | None = Field(
        default=None,
        description="The transport; by default the installation's (MAIL_URL).",
    )
    quiet_hours: Window | None = Field(
        default=None,
        description="No e-mail is sent in this part of the day, by the clock of the place where its reader lives; if that isn't "
        "known, in the campaign's time zone.",
        examples=["21:00-08:00"],
    )
    quiet_days: tuple[SomeDays, ...] = Field(
        default=(), description="No e-mail is sent on these days, nor on those of rules/calendar.yaml."
    )
    rate: Rate | None = Field(
        default=None, description="The highest sending rate.", examples=["50/s", "1000/h"]
    )
    if_unknown: IfUnknown = Field(
        default=IfUnknown.SKIP, description="What to do with an e-mail that may or may not have been sent."
    )

    @model_validator(mode="after")
    def _leaves_a_day(self) -> Self:
        if whole_year(self.quiet_days):
            raise KeyFault("quiet_days", "every day of the year is covered, so no e-mail would ever be sent")
        return self


Subjects = Annotated[
    dict[Language, Line],
    Field(
        description="The subject in each further language that the template is translated to.",
        examples=[{"de": "{{ customer.first_name or 'Hallo' }}, 15 % warten"}],
    ),
]


def _without_languages(raw: object) -> object:
    """Refuse a subject for each language, which belong into `subjects:`."""
    if isinstance(raw, dict) and isinstance(raw.get("subject"), dict):
        raise KeyFault(
            "subject",
            "write the campaign's own subject here, and the others in subjects: {de: …}, by language",
        )
    return raw


class Reminder(Block):
    """A second e-mail, before the code expires, to customers who have not used it."""

    before_expiry: Period = Field(examples=["3d"])
    template: Name
    subject: Line
    subjects: Subjects = Field(default_factory=dict)


class MessageSettings(Block):
    """The e-mail: a folder in templates/ and a subject, which is a Jinja template itself."""

    template: Name = Field(description="A folder in templates/.")
    subject: Line = Field(examples=["{{ customer.first_name or 'Hello' }}, 15% is waiting"])
    language: Language | None = Field(
        default=None,
        description="The language of subject: and of message.mjml.j2. By default the store's.",
        examples=["en"],
    )
    subjects: Subjects = Field(default_factory=dict)
    send: Send = Send()
    reminder: Reminder | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_subject(cls, raw: object) -> object:
        return _without_languages(raw)

    @property
    def as_reminder(self) -> MessageSettings | None:
        """The reminder as an e-mail of its own; None if there is none."""
        if self.reminder is None:
            return None
        own = {"template": self.reminder.template, "subject": self.reminder.subject}
        return self.model_copy(update={**own, "subjects": self.reminder.subjects, "reminder": None})

    def subject_in(self, language: str) -> str:
        """Return the subject of a translation; empty: the campaign's own language."""
        return self.subjects[language] if language else self.subject


class MessageChange(Block):
    """What a variant changes in the message."""

    template: Name | None = None
    subject: Line | None = None
    subjects: Subjects | None = None


class Unless(StrEnum):
    """What ends a flow for a customer before the next step."""

    ORDERED = "ordered"  # placed an order since entering
    CODE_USED = "code_used"  # used a code of this flow
