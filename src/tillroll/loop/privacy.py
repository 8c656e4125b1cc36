"""The notice that somebody asked what the store knows about them, or to be forgotten."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.approve.people import approver_addresses
from tillroll.campaign.text.counts import count_of
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.people.requests import take_untold
from tillroll.ledger.records import Store
from tillroll.ledger.tables import privacy_requests
from tillroll.loop.notices import Notice, send_notice
from tillroll.wiring import Services

_MOST_NAMED = 50


def tell_of_requests(services: Services, store: Store) -> int:
    """E-mail the store's owner and the approvers about requests that nobody was told of yet. Returns how many.

    Waits for the store's profile, which says who the owner is.
    """
    if store.profile_at is None:
        return 0
    untold = (privacy_requests.c.store_id == store.id, privacy_requests.c.told_at.is_(None))
    with reading(services.engine) as connection:
        if connection.scalar(sa.select(privacy_requests.c.id).where(*untold).limit(1)) is None:
            return 0
        people = approver_addresses(connection, store.id)
    with writing(services.engine) as connection:
        requests = take_untold(connection, store.id, services.clock.now())
    if not requests:
        return 0
    name = store.name or f"store {store.ecwid_id}"
    asked = count_of(len(requests), "request")
    owner = [store.email] if store.email else []
    notice = Notice(
        kind="privacy",
        subject=f"{name}: {asked} about personal data",
        paragraphs=(
            f"{name} ({store.ecwid_id}) passed on {asked} about personal data. The law sets a deadline.",
            *(request.sentence for request in requests[:_MOST_NAMED]),
            f"And {len(requests) - _MOST_NAMED} more." if len(requests) > _MOST_NAMED else "",
            "`tillroll privacy list` names them. `tillroll privacy export` makes a copy, `tillroll privacy erase` forgets a "
            "person here; then delete them in the store.",
        ),
    )
    send_notice(services, store, notice, [*people, *owner])
    return len(requests)
