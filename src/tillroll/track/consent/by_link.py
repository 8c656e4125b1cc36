"""What a reader may do with the link in an e-mail: stop the e-mails, have fewer, and take that back within a day.

Whoever has the e-mail has the link, also somebody whom it was forwarded to. So it takes e-mails away, and gives them back only
where it took them, for a day: consent that was withdrawn by another way, or long ago, stays withdrawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import ConsentSource, SuppressionCause
from tillroll.campaign.text.addresses import mailbox_of
from tillroll.ledger.consent.standing import active_of
from tillroll.ledger.consent.suppress import Which, Wish, agree, lift, suppress
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.stores import find_store
from tillroll.ledger.records import Store, Suppression
from tillroll.ledger.tables import customers
from tillroll.rendering.bulk.link import Subscription

UNDO_WITHIN = timedelta(days=1)
_READER = "reader"  # in the audit
_BY_LINK = frozenset({ConsentSource.LINK, ConsentSource.ONE_CLICK, ConsentSource.MAIL})


class Choice(StrEnum):
    """What the page offers."""

    ALL = "all"  # no more e-mails of the store
    CAMPAIGN = "campaign"  # none of this campaign
    WEEKLY = "weekly"  # at most one a week
    MONTHLY = "monthly"  # at most one in 30 days
    UNDO = "undo"


_EVERY_DAYS = {Choice.WEEKLY: 7, Choice.MONTHLY: 30}


@dataclass(frozen=True, kw_only=True)
class ReaderView:
    """What the page shows to whoever has a link."""

    store: Store
    address: str
    language: str  # the reader's, as the store knows it; may be empty
    chosen: Choice | None  # what holds now; None: they get e-mails as before
    may_undo: bool  # the link did it, less than a day ago


def look(engine: Engine, subscription: Subscription, *, now: datetime) -> ReaderView | None:
    """Return what holds for a link's reader; None if the ledger doesn't know the store."""
    with reading(engine) as connection:
        store = find_store(connection, subscription.ecwid_id)
        if store is None:
            return None
        active = active_of(connection, store.id, subscription.address, now)
        language = _language(connection, store.id, subscription.address)
    ours = [each for each in active if each.campaign in ("", subscription.campaign)]
    return ReaderView(
        store=store,
        address=subscription.address,
        language=language,
        chosen=_chosen(ours),
        may_undo=any(_may_undo(each, now) for each in ours),
    )


def choose(
    engine: Engine, subscription: Subscription, choice: Choice, *, source: ConsentSource, now: datetime
) -> bool:
    """Do what a reader chose. Returns whether that changed anything.

    Choosing the same again changes nothing, nor does a link of a store that isn't known.
    """
    with writing(engine) as connection:
        store = find_store(connection, subscription.ecwid_id)
        if store is None:
            return False
        if choice is Choice.UNDO:
            return _undo(connection, store.id, subscription.address, now)
        wish = Wish(
            address=subscription.address,
            cause=SuppressionCause.UNSUBSCRIBED,
            source=source,
            campaign=subscription.campaign if choice is Choice.CAMPAIGN else "",
            every_days=_EVERY_DAYS.get(choice),
            run_id=subscription.run_id,
        )
        return suppress(connection, store.id, wish, now=now, actor=_READER)


def _undo(connection: Connection, store_id: int, address: str, now: datetime) -> bool:
    """Take back what the link did within the last day. Consent is given again only where the link had taken it."""
    which = Which(
        causes=frozenset({SuppressionCause.UNSUBSCRIBED}), sources=_BY_LINK, since=now - UNDO_WITHIN
    )
    lifted = lift(connection, store_id, address, which, now=now, actor=_READER)
    if any(each.withdrew for each in lifted):
        agree(connection, store_id, address, source=ConsentSource.LINK, now=now, detail="undo")
    return bool(lifted)


def _may_undo(suppression: Suppression, now: datetime) -> bool:
    return (
        suppression.cause is SuppressionCause.UNSUBSCRIBED
        and suppression.source in _BY_LINK
        and suppression.at >= now - UNDO_WITHIN
    )


def _chosen(active: list[Suppression]) -> Choice | None:
    """Return what holds, in the page's words: the strictest of what was said."""
    if any(each.every_days is None and not each.campaign for each in active):
        return Choice.ALL
    if any(each.every_days is None for each in active):
        return Choice.CAMPAIGN
    days = max((each.every_days for each in active if each.every_days is not None), default=None)
    if days is None:
        return None
    return Choice.MONTHLY if days > _EVERY_DAYS[Choice.WEEKLY] else Choice.WEEKLY


def _language(connection: Connection, store_id: int, address: str) -> str:
    where = (customers.c.store_id == store_id, customers.c.mailbox == mailbox_of(address))
    query = sa.select(customers.c.language).where(*where, customers.c.language != "")
    return connection.scalar(query.order_by(customers.c.customer_id.desc()).limit(1)) or ""
