"""The store that the environment names, written to the ledger."""

from __future__ import annotations

from tillroll.ledger.engine import reading
from tillroll.track.connect import connect, find_store
from tillroll.wiring import Services


def register_store(services: Services) -> int | None:
    """Write the store the environment names to the ledger; its number, or None when the environment names none."""
    access = services.settings.store
    if access is None:
        return None
    with reading(services.engine) as connection:
        known = find_store(connection, access.ecwid_id)
    changed = (
        known is None
        or known.base_url != access.base_url
        or services.sealer.open(known.token) != access.token
    )
    return connect(
        services.engine,
        ecwid_id=access.ecwid_id,
        base_url=access.base_url,
        sealed_token=services.sealer.seal(access.token),
        changed=changed,
        now=services.clock.now(),
    )
