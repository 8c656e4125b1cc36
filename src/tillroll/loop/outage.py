"""The notice of an outage: a store no longer accepts our calls.

It is sent once per outage, to the store's owner and to everybody who may approve. The banner, the log, the audit chain and the
metric report the outage for as long as it lasts.
"""

from __future__ import annotations

from tillroll.approve.people import approver_addresses
from tillroll.campaign.text.counts import count_of
from tillroll.ledger.engine import reading
from tillroll.ledger.records import Store
from tillroll.loop.notices import Notice, send_notice
from tillroll.track.connect import FENCED, NO_API
from tillroll.track.results.overview import OnHold, count_on_hold
from tillroll.wiring import Services

_NOTHING_LOST = "Nothing is lost: all of it continues where it stopped."
_SUBJECTS = {
    NO_API: "has no API in its plan, or is suspended",
    FENCED: "may have been worked for by another ledger than this one",
}


def tell_of_outage(services: Services, store: Store, *, state: str, reason: str) -> None:
    """E-mail the people concerned, and record in the audit chain whom it reached."""
    with reading(services.engine) as connection:
        people = approver_addresses(connection, store.id)
        hold = count_on_hold(connection, store.id)
    owner = [store.email] if store.email else []
    notice = _notice(store, state, reason, hold, services.settings.public_url)
    send_notice(services, store, notice, [*people, *owner])


def _notice(store: Store, state: str, reason: str, hold: OnHold, public_url: str) -> Notice:
    name = store.name or f"store {store.ecwid_id}"
    outage = _SUBJECTS.get(state, "no longer lets Tillroll in")
    return Notice(
        kind="outage",
        subject=f"{name} {outage}",
        paragraphs=(
            f"{name} ({store.ecwid_id}) {outage}.",
            reason,
            f"On hold: {count_of(hold.runs, 'run')}, {count_of(hold.codes, 'code')} to make, "
            f"{count_of(hold.messages, 'e-mail')} to send. "
            + ("Some of it may have been done." if state == FENCED else _NOTHING_LOST),
            f"The pages are at {public_url}/stores/{store.ecwid_id}/" if public_url else "",
        ),
    )
