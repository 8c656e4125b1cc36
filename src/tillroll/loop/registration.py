"""What a worker does first: connect the store that the environment names, learn whether all locks were lost lately, and say so
if no e-mail can leave."""

from __future__ import annotations

import structlog

from tillroll.ledger.engine import reading
from tillroll.ledger.locks.store_lock import seconds_since_locks_were_lost
from tillroll.ledger.queries.stores import all_stores, find_store
from tillroll.send.hold import begin, hold
from tillroll.send.trouble import Trouble
from tillroll.track.connect import connect
from tillroll.wiring import Services

log = structlog.get_logger("tillroll.loop")


def register_store(services: Services) -> int | None:
    """Write the store that the environment names to the ledger. Return its id, or None when the environment names no store."""
    access = services.settings.store
    if access is None:
        return None
    with reading(services.engine) as connection:
        store = find_store(connection, access.ecwid_id)
    changed = (
        store is None
        or store.base_url != access.base_url
        or services.sealer.open(store.token) != access.token
    )
    return connect(
        services.engine,
        ecwid_id=access.ecwid_id,
        base_url=access.base_url,
        sealed_token=services.sealer.seal(access.token),
        changed=changed,
        now=services.clock.now(),
    )


def note_lost_locks(services: Services) -> None:
    """Note how long ago the database server began. Processes that live on may not have noticed yet that their locks are gone."""
    seconds = seconds_since_locks_were_lost(services.engine)
    if seconds is not None:
        services.database.note_return(seconds)


def note_transport(services: Services) -> None:
    """Hold the e-mails of an installation that has no way to send them; drop the holds of a way that it no longer uses."""
    now, usual = services.clock.now(), services.transport.name
    begin(services.engine, {usual, *(way.name for way in services.transports.values())}, now=now)
    with reading(services.engine) as connection:
        numbers = [store.ecwid_id for store in all_stores(connection)]
    for number in services.settings.mail_of_stores:
        if number not in numbers:
            log.warning("mail.account_of_no_store", store=number, reason="no such store is connected")
    is_used = not numbers or any(number not in services.transports for number in numbers)
    if services.settings.mail_via is None and is_used:
        hold(services.engine, transport=usual, trouble=Trouble.NO_TRANSPORT, answer="", now=now)
