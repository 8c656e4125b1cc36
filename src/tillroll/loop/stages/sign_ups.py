"""What follows when somebody signs up: the e-mail to confirm it, and a customer in the store."""

from __future__ import annotations

from datetime import datetime, timedelta

from tillroll.ledger.consent.sign_ups import forget_unconfirmed
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.stores import load_store
from tillroll.loop.stages.sending import send_context
from tillroll.loop.stages.store_worker import StoreWorker
from tillroll.send.beside.confirm import send_confirmations
from tillroll.track.signups.new_customers import make_customers

_SOON = timedelta(minutes=1)


def welcome(worker: StoreWorker, until: datetime) -> datetime | None:
    """Send the e-mails to confirm a sign-up, and make customers of those who agreed.

    Returns when to continue, if that is within the minute in which a store has its turn anyway; otherwise None, since a wish that
    waits for a day must not keep the store from its turns.
    """
    services = worker.services
    with reading(services.engine) as connection:
        store = load_store(connection, worker.store_id)
    forget_unconfirmed(services.engine, worker.store_id, services.clock.now())
    waits = (
        send_confirmations(
            send_context(services, store.ecwid_id), services.confirm_links, store, until=until
        ),
        make_customers(worker.session, until=until),
    )
    now = services.clock.now()
    soon = [max(moment, now) for moment in waits if moment is not None and moment < now + _SOON]
    return min(soon, default=None)
