"""Who of the shop is told what (`rules/notices.yaml`), and who gets reports (`rules/reports.yaml`)."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from tillroll.campaign.states import NoticeKind
from tillroll.campaign.text.block import Block, Line, Name
from tillroll.campaign.text.units import Duration

APPROVERS, OWNER, STORE = "approvers", "owner", "store"
"""Words for people: the accounts that may approve, the campaign's owner, and the store's own address."""


def _names_somebody(word: str) -> str:
    before, _, host = word.rpartition("@")
    if word in {APPROVERS, OWNER, STORE} or (before and host and " " not in word):
        return word
    raise ValueError(f"{word!r} is nobody: write {APPROVERS}, {OWNER}, {STORE} or an e-mail address")


Addressee = Annotated[Line, AfterValidator(_names_somebody)]


class NoticeRules(Block):
    """Whom an e-mail tells of what: `approvers` (the accounts that may approve), `owner` (of the campaign), `store` (its own
    address), or addresses. An empty list: nobody. Each gets at most one e-mail about the same thing."""

    approval: tuple[Addressee, ...] = Field(
        default=(APPROVERS,), description="A run awaits approval.", examples=[["approvers", "owner"]]
    )
    expiring: tuple[Addressee, ...] = Field(
        default=(APPROVERS,), description="Nobody has decided on a run, and its plan expires soon."
    )
    expiring_within: Duration = Field(
        default=timedelta(hours=6),
        description="How long before its end a plan expires soon. At most half of its time.",
        examples=["6h"],
    )
    done: tuple[Addressee, ...] = Field(
        default=(APPROVERS,),
        description="The e-mails of a run have left. Runs of flows and pools are not told of one by one.",
    )
    held: tuple[Addressee, ...] = Field(
        default=(APPROVERS,), description="A run was halted, or is set aside after a fault."
    )
    mail_held: tuple[Addressee, ...] = Field(
        default=(APPROVERS, STORE),
        description="No e-mail leaves. While that is so, only pages, `tillroll status`, the log and `NOTICE_URL` can say it; "
        "the e-mail follows once e-mails leave again.",
    )
    outage: tuple[Addressee, ...] = Field(
        default=(APPROVERS, STORE), description="The store no longer accepts Tillroll's calls."
    )
    complaints: tuple[Addressee, ...] = Field(
        default=(APPROVERS,), description="A campaign is held because too many readers call it spam."
    )
    privacy: tuple[Addressee, ...] = Field(
        default=(APPROVERS, STORE), description="Somebody asks about their own data."
    )
    budget: tuple[Addressee, ...] = Field(
        default=(APPROVERS,),
        description="A campaign has given 80% of its `budget.discount`, or all of it, and its codes are paused.",
    )
    leaks: tuple[Addressee, ...] = Field(
        default=(APPROVERS,),
        description="A campaign's codes are paused because others than their recipients used too many of them.",
    )

    odd_day: tuple[Addressee, ...] = Field(
        default=(APPROVERS,),
        description="Yesterday the store had far more or far fewer orders than on the same weekday of the weeks before.",
    )
    crm: tuple[Addressee, ...] = Field(
        default=(APPROVERS,),
        description="The CRM of `rules/crm.yaml` takes no changes, or has refused some for good.",
    )

    def whom(self, kind: NoticeKind) -> tuple[str, ...]:
        """Return who is told of this kind of thing."""
        who: tuple[str, ...] = getattr(self, kind.value)
        return who


class Weekday(StrEnum):
    """A day of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"

    @property
    def number(self) -> int:
        """0 for Monday, as `date.weekday` has it."""
        return list(Weekday).index(self)


def _reads_reports(word: str) -> str:
    if word == OWNER:
        raise ValueError(
            f"a report may be of several campaigns: write {APPROVERS}, {STORE} or an e-mail address"
        )
    return _names_somebody(word)


class WeeklyReport(Block):
    """An e-mail with what the campaigns brought in the last whole week, at most once a week to each address."""

    to: tuple[Annotated[Line, AfterValidator(_reads_reports)], ...] = Field(
        min_length=1,
        max_length=50,
        description="Who gets it: `approvers` (the accounts that may approve), `store` (its own address), or addresses.",
        examples=[["approvers", "ana@shop.example"]],
    )
    weekday: Weekday = Field(default=Weekday.MONDAY, description="On which day it leaves.")
    hour: int = Field(
        default=8,
        strict=True,
        ge=0,
        le=23,
        description="From which hour on, by the store's clock.",
        examples=[8],
    )
    campaigns: tuple[Name, ...] = Field(
        default=(),
        max_length=100,
        description="The campaigns that it is about. By default all.",
        examples=[["winback"]],
    )


class ReportRules(Block):
    """Who gets which reports by e-mail. Nobody, if there is no such file."""

    weekly: tuple[WeeklyReport, ...] = Field(default=(), max_length=20, description="The weekly e-mails.")
