"""What was found out about a sender's domain, as findings with what to publish."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MailCheck(StrEnum):
    """What was looked at."""

    SENDER = "sender"
    MX = "MX"
    SPF = "SPF"
    DKIM = "DKIM"
    DMARC = "DMARC"
    ALIGNMENT = "alignment"


class Health(StrEnum):
    """How it stands."""

    GOOD = "good"
    WARNING = "warning"
    FAULT = "fault"
    UNSEEN = "unseen"  # it couldn't be looked up


@dataclass(frozen=True, kw_only=True)
class MailFinding:
    """One finding."""

    check: MailCheck
    health: Health
    sentence: str
    publish: str = ""  # a line for the domain's DNS: name, type and value; empty: nothing to publish


def good(check: MailCheck, sentence: str) -> MailFinding:
    """Return that something is as it should be."""
    return MailFinding(check=check, health=Health.GOOD, sentence=sentence)


def warning(check: MailCheck, sentence: str, publish: str = "") -> MailFinding:
    """Return that something could be better."""
    return MailFinding(check=check, health=Health.WARNING, sentence=sentence, publish=publish)


def fault(check: MailCheck, sentence: str, publish: str = "") -> MailFinding:
    """Return that something is wrong."""
    return MailFinding(check=check, health=Health.FAULT, sentence=sentence, publish=publish)


def unseen(check: MailCheck, sentence: str) -> MailFinding:
    """Return that something couldn't be looked up."""
    return MailFinding(check=check, health=Health.UNSEEN, sentence=sentence)
