"""Codes made ahead of a run's launch: they are created switched off, and switched on when the time has come.

No crash points of its own: the launch is an ordinary change (`changes/step.py`), recorded once for a run.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import ChangeKind, ChangeState, CodeState
from tillroll.ledger import audit
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.changes import Scope, add_change
from tillroll.ledger.queries.runs import defer_run
from tillroll.ledger.records import Run
from tillroll.ledger.tables import changes, codes, runs
from tillroll.mint.context import MintContext
from tillroll.mint.pools.recycle import has_codes_to_switch_on

_LOOP = "loop"


def state_once_made(connection: Connection, code_ids: Sequence[int]) -> CodeState:
    """Return the state of codes of one run once the store has created them."""
    launch = sa.select(runs.c.launch_at).join(codes, codes.c.run_id == runs.c.id)
    launch_at = connection.scalar(launch.where(codes.c.id == code_ids[0])) if code_ids else None
    return CodeState.PAUSED if launch_at is not None else CodeState.LIVE


def launch_when_due(context: MintContext, run: Run) -> bool:
    """Record the launch of a run whose codes are all made, once it is due. Returns whether the run must still wait."""
    now = context.clock.now()
    with writing(context.engine) as connection:
        if run.launch_at is None and not has_codes_to_switch_on(connection, run.id):
            return False
        if run.launch_at is not None and now < run.launch_at:
            reason = "its codes are made and switched off; they are switched on at its time"
            defer_run(connection, run.id, until=run.launch_at, reason=reason)
            return True
        of_run = (changes.c.run_id == run.id, changes.c.kind == ChangeKind.LAUNCH)
        launch = connection.execute(sa.select(changes.c.state).where(*of_run)).first()
        if launch is not None and run.launch_at is not None:
            return bool(launch.state != ChangeState.DONE)
        scope = Scope(store_id=run.store_id, campaign=run.campaign, run_id=run.id)
        change_id = add_change(
            connection, scope, ChangeKind.LAUNCH, person=_LOOP, note="its time has come", now=now
        )
        body = {"change": change_id, "at": run.launch_at}
        subject = scope.key
        audit.record(connection, at=now, actor=_LOOP, action="codes.launched", subject=subject, body=body)
    return True
