"""Before codes are shown in clear: is this ledger still in charge of the store?"""

from __future__ import annotations

from tillroll.cli.support.output import err
from tillroll.errors import StaleLedger, TillrollError
from tillroll.ledger.records import Store
from tillroll.mint.draw import new_key
from tillroll.recovery.ownership_check import check_ownership, check_ownership_offline
from tillroll.wiring import Services


def check_ownership_if_reachable(services: Services, store: Store) -> None:
    """Raise `StaleLedger` for a restored ledger: it may not know who has its codes. Warn when the store can't be asked."""
    try:
        with services.client(store, person=True) as client:
            check_ownership(services.session(store.id, client), store=store, mark=new_key())
    except StaleLedger:
        raise
    except TillrollError as error:
        check_ownership_offline(services.engine, store_id=store.id)
        err().print(
            f"Warning: the store couldn't be asked whether this ledger is in charge of it: {error.message}",
            style="yellow",
        )
