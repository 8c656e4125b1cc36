"""The notice that somebody asked what the store knows about them, or to be forgotten."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from tillroll.campaign.states import NoticeKind
from tillroll.campaign.text.counts import count_of
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.people.notices import Notice, keep
from tillroll.ledger.people.requests import take_untold
from tillroll.ledger.records import PrivacyRequest
from tillroll.ledger.tables import privacy_requests
from tillroll.loop.notices.whom import ShopPeople

_MOST_NAMED = 50


def keep_requests(people: ShopPeople) -> None:
    """Note whom to tell about requests that nobody was told of yet.

    Waits for the store's profile, which says who the owner is.
    """
    services, store = people.services, people.store
    if store.profile_at is None:
        return
    untold = (privacy_requests.c.store_id == store.id, privacy_requests.c.told_at.is_(None))
    with reading(services.engine) as connection:
        if connection.scalar(sa.select(privacy_requests.c.id).where(*untold).limit(1)) is None:
            return
    now = services.clock.now()
    with writing(services.engine) as connection:
        requests = take_untold(connection, store.id, now)
        if requests:
            addresses = people.addresses(connection, NoticeKind.PRIVACY)
            keep(connection, store.id, _notice(people, requests), addresses, now)


def _notice(people: ShopPeople, requests: Sequence[PrivacyRequest]) -> Notice:
    asked = count_of(len(requests), "request")
    return Notice(
        kind=NoticeKind.PRIVACY,
        topic=f"request {requests[0].id} and {len(requests) - 1} more",
        subject=f"{people.name}: {asked} about personal data",
        paragraphs=(
            f"{people.name} ({people.store.ecwid_id}) passed on {asked} about personal data. The law sets a deadline.",
            *(request.sentence for request in requests[:_MOST_NAMED]),
            f"And {len(requests) - _MOST_NAMED} more." if len(requests) > _MOST_NAMED else "",
            "`tillroll privacy list` names them. `tillroll privacy export` makes a copy, `tillroll privacy erase` forgets a "
            "person here; then delete them in the store.",
        ),
    )
