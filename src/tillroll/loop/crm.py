"""What a turn does for a store's CRM. It goes on while the store's API is away, but never for a ledger that is a copy."""

from __future__ import annotations

from datetime import datetime

from tillroll.crm.receivers.choose import CrmAccess
from tillroll.crm.turn import tell_crm
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.stores import load_store
from tillroll.loop.stages.store_worker import StoreWorker, slice_end
from tillroll.settings import SANDBOX, Settings
from tillroll.track.connect import FENCED

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


def crm_access(settings: Settings) -> CrmAccess:
    """Return what this installation allows a CRM's rules. Private hosts are those that TILLROLL_HOSTS names.

    A sandbox's customers are made up, and its files may be those of the real shop: a webhook on this
    machine and on named hosts alone is called, and Klaviyo and Mailchimp on this machine alone.
    """
    named = frozenset(settings.hosts)
    hosts = AllowedHosts(named=named)
    if settings.environment == SANDBOX:
        hosts = AllowedHosts(named=named | _THIS_MACHINE, others=False, private=True)
    return CrmAccess(
        home=settings.home,
        secret=settings.crm_secret,
        hosts=hosts,
        klaviyo=settings.klaviyo,
        mailchimp=settings.mailchimp,
        here_only=settings.environment == SANDBOX,
    )


def push_changes(worker: StoreWorker, until: datetime) -> bool:
    """Push what waits for the store's CRM, for a slice. Return whether there is more to push at once."""
    if not worker.crm_known or not worker.fence_checked:
        return False
    services = worker.services
    with reading(services.engine) as connection:
        store = load_store(connection, worker.store_id)
    if store.state == FENCED:
        return False
    next_at = tell_crm(
        services.engine,
        store,
        worker.crm,
        crm_access(services.settings),
        clock=services.clock,
        finished=slice_end(worker, until),
    )
    return next_at is not None and next_at <= services.clock.now()
