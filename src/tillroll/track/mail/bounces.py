"""Taking in e-mails that came back: each is read by itself, stored once and acted on by the worker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.engine import Engine

from tillroll.campaign.language.models import Via
from tillroll.ledger.consent.return_path import ReturnPath
from tillroll.track.mail.intake import store_mail_events
from tillroll.track.mail.mailboxes import Returned
from tillroll.track.mail.returned import read_returned

log = structlog.get_logger("tillroll.track")


@dataclass(frozen=True, kw_only=True)
class BouncesRead:
    """What came of reading a mailbox."""

    read: int  # e-mails
    reports: int  # about e-mails of ours
    new: int  # that were not known yet


def take_in_bounces(
    engine: Engine, mails: Iterable[Returned], path: ReturnPath, *, now: datetime
) -> BouncesRead:
    """Read e-mails that came back, and store what they tell. Safe to repeat. One that can't be read costs the others nothing."""
    read = reports = new = 0
    for mail in mails:
        read += 1
        try:
            found = read_returned(mail.content, path, now)
        except Exception as fault:  # the parser's, at an e-mail that somebody made up
            log.warning("bounces.unreadable", reason=type(fault).__name__)
            found = None
        if found is not None:
            reports += 1
            new += store_mail_events(engine, Via.SMTP.value, [found], now=now)
        mail.done()
    return BouncesRead(read=read, reports=reports, new=new)
