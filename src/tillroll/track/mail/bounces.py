"""Taking in e-mails that came back: each is read by itself.

A report is stored once, and the worker acts on it. Who asks for no more e-mails gets none from now on, and no answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy.engine import Engine

from tillroll.campaign.language.models import Via
from tillroll.campaign.states import ConsentSource
from tillroll.ledger.consent.return_path import ReturnPath
from tillroll.rendering.bulk.link import UnsubscribeLinks
from tillroll.track.consent.by_link import Choice, choose
from tillroll.track.mail.hooks.event import MailEvent
from tillroll.track.mail.intake import store_mail_events
from tillroll.track.mail.mailboxes import Returned
from tillroll.track.mail.returned import read_returned
from tillroll.track.mail.wish import MailedWish, read_wish

log = structlog.get_logger("tillroll.track")


@dataclass(frozen=True, kw_only=True)
class BouncesRead:
    """What came of reading a mailbox."""

    read: int = 0  # e-mails
    reports: int = 0  # about e-mails of ours
    new: int = 0  # that were not known yet
    wishes: int = 0  # to get no more e-mails
    stopped: int = 0  # of them, those that changed something
    forged: int = 0  # wishes whose token this installation didn't make: they changed nothing


@dataclass(frozen=True, kw_only=True)
class Intake:
    """What is needed to tell which e-mails are about ours."""

    links: UnsubscribeLinks
    path: ReturnPath | None = None  # None: no address is set that bounces come back to


def take_in_bounces(
    engine: Engine, mails: Iterable[Returned], intake: Intake, *, now: datetime
) -> BouncesRead:
    """Read e-mails that came back, and do what follows. Safe to repeat. One that can't be read costs the others nothing.

    Without an address for bounces the mailbox is the shop's own, which people read too: there an e-mail that says nothing to us
    stays unread.
    """
    done = BouncesRead()
    for mail in mails:
        found = _read(mail, intake, now)
        done = replace(_take_in(engine, found, done, now), read=done.read + 1)
        if found is not None or intake.path is not None:
            mail.done()
    return done


def _read(mail: Returned, intake: Intake, now: datetime) -> MailEvent | MailedWish | None:
    try:
        wish = read_wish(mail.content, intake.links)
        if wish is not None or intake.path is None:
            return wish
        return read_returned(mail.content, intake.path, now)
    except Exception as fault:  # the parser's, at an e-mail that somebody made up
        log.warning("bounces.unreadable", reason=type(fault).__name__)
        return None


def _take_in(
    engine: Engine, found: MailEvent | MailedWish | None, done: BouncesRead, now: datetime
) -> BouncesRead:
    match found:
        case None:
            return done
        case MailEvent():
            new = store_mail_events(engine, Via.SMTP.value, [found], now=now)
            return replace(done, reports=done.reports + 1, new=done.new + new)
        case MailedWish(subscription=subscription):
            if subscription is None:
                return replace(done, forged=done.forged + 1)
            changed = choose(engine, subscription, Choice.ALL, source=ConsentSource.MAIL, now=now)
            return replace(done, wishes=done.wishes + 1, stopped=done.stopped + changed)
