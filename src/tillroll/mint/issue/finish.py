"""Moving a run on to sending once every one of its codes has an outcome."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import CODE_IN_STORE, CODE_OPEN, CodeState, RunState
from tillroll.ecwid.http.errors import StoreSaysNotFound
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.counting.read import codes_of_run
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.changes import is_switching_on
from tillroll.ledger.queries.runs import move_run
from tillroll.ledger.tables import codes
from tillroll.mint.context import MintContext
from tillroll.mint.issue.run_minting import CodeSource, RunMinting
from tillroll.mint.pools.pre_minting import launch_when_due
from tillroll.mint.pools.shared import SETTLED, load_shared_code


def finish(context: MintContext, minting: RunMinting) -> bool:
    """Move the run on if no code is open and every recipient has a code that did not clash; a pool is ready then.

    Returns whether the run has left minting. Raises `Refused` if the store's coupons are limited to other goods than approved:
    then nobody receives them.
    """
    run, now = minting.run, context.clock.now()
    with reading(context.engine) as connection:
        if _has_open_code(connection, run.id) or is_switching_on(
            connection, campaign=run.campaign, run_id=run.id, store_id=run.store_id
        ):
            return False  # codes are on their way, or about to be switched on
        counts = codes_of_run(connection, run.id)
        planned = minting.planned
        if minting.shared is not None:
            code = load_shared_code(connection, run.store_id, minting.shared)
            if code is None or code.state not in SETTLED:
                return False
            planned = 0
    if sum(number for state, number in counts.items() if state is not CodeState.CLASHED) < planned:
        return False  # a replacement for a clashed code is still to be drawn
    if launch_when_due(context, run):
        return False
    if minting.source is CodeSource.MAKE:
        _check_limits(context, minting)
    failed = counts.get(CodeState.FAILED, 0)
    refused = f"{failed} code was" if failed == 1 else f"{failed} codes were"
    reason = f"{refused} refused by the store" if failed else ""
    to = RunState.SENDING if minting.sends else RunState.TRACKING
    with writing(context.engine) as connection:
        if move_run(connection, run.id, was={RunState.MINTING}, to=to, now=now, reason=reason):
            body: dict[str, Any] = {state.value: number for state, number in sorted(counts.items())}
            audit.record(
                connection, at=now, actor="loop", action="mint.done", subject=f"run {run.id}", body=body
            )
    return True


def _has_open_code(connection: Connection, run_id: int) -> bool:
    """Return whether a code of the run is on its way. Cheap, since it is asked often."""
    where = (codes.c.run_id == run_id, codes.c.state.in_(tuple(CODE_OPEN)))
    return connection.scalar(sa.select(codes.c.id).where(*where).limit(1)) is not None


def _check_limits(context: MintContext, minting: RunMinting) -> None:
    """Read back one coupon of each arm: the store silently drops products and categories that it does not know.

    Raises `Refused` if the coupon is limited to other goods than requested.
    """
    for arm, requested in minting.pattern(context).arms.items():
        if not requested.products and not requested.categories:
            continue
        in_store = codes.c.state.in_(sorted(CODE_IN_STORE))
        of_arm = (codes.c.run_id == minting.run.id, codes.c.arm == arm, in_store)
        with reading(context.engine) as connection:
            coupon_id = connection.scalar(sa.select(codes.c.coupon_id).where(*of_arm).limit(1))
        if coupon_id is None:
            continue
        try:
            coupon = context.client.coupons.get(coupon_id)
        except StoreSaysNotFound:
            continue  # somebody deleted it: that is drift
        limits = (set(coupon.products), set(coupon.categories))
        if limits != (set(requested.products), set(requested.categories)):
            so = ", so no e-mails are sent" if minting.sends else ""
            raise Refused(
                f"The store limited the coupons to other goods than approved{so}.",
                hint="Halt the run and check that the store still has the products and categories of the offer.",
            )
