"""The notice of an outage: a store no longer accepts our calls.

It is kept once per outage, in the transaction that stops the store. The banner, the log, the audit chain and the metric report
the outage for as long as it lasts.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Connection

from tillroll.campaign.states import NoticeKind
from tillroll.campaign.text.counts import count_of
from tillroll.ledger.people.notices import Notice, keep
from tillroll.loop.notices.whom import ShopPeople
from tillroll.track.connect import FENCED, NO_API
from tillroll.track.results.overview import OnHold, count_on_hold

_NOTHING_LOST = "Nothing is lost: all of it continues where it stopped."
_SUBJECTS = {
    NO_API: "has no API in its plan, or is suspended",
    FENCED: "may have been worked for by another ledger than this one",
}


def keep_outage(
    connection: Connection, people: ShopPeople, *, state: str, reason: str, now: datetime
) -> None:
    """Note whom to tell that the store has stopped, in the caller's transaction."""
    hold = count_on_hold(connection, people.store.id)
    notice = _notice(people, state, reason, hold, now)
    keep(connection, people.store.id, notice, people.addresses(connection, NoticeKind.OUTAGE), now)


def _notice(people: ShopPeople, state: str, reason: str, hold: OnHold, now: datetime) -> Notice:
    outage = _SUBJECTS.get(state, "no longer lets Tillroll in")
    page = people.page()
    return Notice(
        kind=NoticeKind.OUTAGE,
        topic=f"{state} {now.isoformat()}",
        subject=f"{people.name} {outage}",
        paragraphs=(
            f"{people.name} ({people.store.ecwid_id}) {outage}.",
            reason,
            f"On hold: {count_of(hold.runs, 'run')}, {count_of(hold.codes, 'code')} to make, "
            f"{count_of(hold.messages, 'e-mail')} to send. "
            + ("Some of it may have been done." if state == FENCED else _NOTHING_LOST),
            f"The pages are at {page}" if page else "",
        ),
    )
