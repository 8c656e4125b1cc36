"""Codes made ahead of a run's time: made switched off, and switched on when it has come.

Crash points: none of its own. The launch is a change like any (`changes/step.py`), written down once for a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.states import ChangeKind, ChangeState, CodeState
from tillroll.ledger import audit
from tillroll.ledger.changes import Scope, add_change
from tillroll.ledger.engine import writing
from tillroll.ledger.runs import put_off
from tillroll.ledger.tables import changes, codes, runs
from tillroll.mint.parts import Mint
from tillroll.mint.recycle import to_switch_on

_LOOP = "loop"


def made_as(connection: Connection, some: Sequence[sa.Row[Any]]) -> CodeState:
    """What codes of one run are when the store has made them."""
    its = sa.select(runs.c.launch_at).join(codes, codes.c.run_id == runs.c.id)
    ahead = connection.scalar(its.where(codes.c.id == some[0].id)) if some else None
    return CodeState.PAUSED if ahead is not None else CodeState.LIVE


def not_launched(mint: Mint, run: sa.Row[Any]) -> bool:
    """Whether a run whose codes are all made must wait: for its time, or until they are switched on."""
    now = mint.clock.now()
    with writing(mint.engine) as connection:
        if run.launch_at is None and not to_switch_on(connection, run.id):
            return False
        if run.launch_at is not None and now < run.launch_at:
            reason = "its codes are made and switched off; they are switched on at its time"
            put_off(connection, run.id, until=run.launch_at, reason=reason)
            return True
        its = (changes.c.run_id == run.id, changes.c.kind == ChangeKind.LAUNCH)
        launch = connection.execute(sa.select(changes.c.state).where(*its)).first()
        if launch is not None and run.launch_at is not None:
            return bool(launch.state != ChangeState.DONE)
        scope = Scope(store_id=run.store_id, campaign=run.campaign, run_id=run.id)
        change_id = add_change(
            connection, scope, ChangeKind.LAUNCH, person=_LOOP, note="its time has come", now=now
        )
        body = {"change": change_id, "at": run.launch_at}
        subject = str(scope)
        audit.record(connection, at=now, actor=_LOOP, action="codes.launched", subject=subject, body=body)
    return True
