"""Making a run's plan: read the audience, hold it against the guardrails, freeze it, and put a digest on it.

A large audience takes minutes, so it goes in steps and the lane does other things in between. Crash points: *some recipients, no
digest* (`freeze.py`): whoever plans the run next begins anew, and nobody can approve what was left. *The digest not committed*,
after `_finish_plan`: the same. *Planned*, after `Planning._settle`: the plan stands; others of the run are cleared away by the
next time it is planned.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import Proposal
from tillroll.campaign.language.models import Status
from tillroll.campaign.sentences.happened import say_happened
from tillroll.campaign.states import RunState
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.pools import POOL
from tillroll.ledger.tables import entries, plans, runs, stores
from tillroll.plan.audience import Selection
from tillroll.plan.catalog import unread
from tillroll.plan.freeze import Overtaken, clear_away, freeze_audience
from tillroll.plan.pool import lacking, only_fills_pool
from tillroll.plan.propose import propose
from tillroll.plan.record import current_revision
from tillroll.plan.segments.answerable import unanswered
from tillroll.plan.send_back import in_short
from tillroll.plan.since import since_approved
from tillroll.plan.subject import Subject


def make_plan(engine: Engine, *, run_id: int, now: datetime, per_minute: int) -> RunState:
    """Plan one run that is in `planning`, in one go; returns the state it is in afterwards. Harmless to repeat."""
    planning = Planning(engine, run_id=run_id, now=now, per_minute=per_minute)
    while (state := planning.step(lambda: False)) is None:
        continue
    return state


class Planning:
    """One run's plan being made; `step` goes on with it for a while.

    Nothing is held between two steps but numbers. Whoever has the lane meanwhile may be making a plan of the same run: the
    first one that is ready stands, and the others find the run moved on, or theirs cleared away, and give way.
    """

    def __init__(self, engine: Engine, *, run_id: int, now: datetime, per_minute: int) -> None:
        self._engine, self._run_id = engine, run_id
        self._now, self._per_minute = now, per_minute
        self._seen = self._look()
        self._work = self._pieces()

    def step(self, over: Callable[[], bool]) -> RunState | None:
        """Go on until it is over, a piece at least; the state that the run is in then, or None while there is more to do."""
        if self._look() != self._seen:
            return RunState(self._look()[0])  # it was moved: what is planned now is planned anew
        try:
            while True:
                next(self._work)
                if over():
                    return None
        except StopIteration as end:
            return RunState(end.value)
        except Overtaken:
            return RunState(self._look()[0])

    def _look(self) -> tuple[str, datetime]:
        """The run's state, and since when."""
        with reading(self._engine) as connection:
            query = sa.select(runs.c.state, runs.c.changed_at).where(runs.c.id == self._run_id)
            state, changed_at = connection.execute(query).one()
        return state, changed_at

    def _pieces(self) -> Generator[None, None, RunState]:
        """The whole way; what it yields is nothing but the chance to stop."""
        engine, run_id, now = self._engine, self._run_id, self._now
        if self._seen[0] != RunState.PLANNING:
            return RunState(self._seen[0])
        with reading(engine) as connection:
            run = connection.execute(sa.select(runs).where(runs.c.id == run_id)).one()
            store = connection.execute(sa.select(stores).where(stores.c.id == run.store_id)).one()
            found = current_revision(connection, run.store_id, run.campaign)
        if found is None:
            return self._wait("its files have faults or are gone")
        if found[1].campaign.status is not Status.ACTIVE:
            return self._wait(f"the campaign is {found[1].campaign.status}")
        if reason := _nothing_to_do(run, found[1]):
            return self._settle(RunState.DONE, reason)
        subject = _subject(engine, run, store, *found, now)
        if reason := (
            unread(engine, store, subject.goods_named.values())
            or unanswered(engine, store, subject.revision, now)
        ):
            return self._wait(reason)
        yield from clear_away(engine, run_id, now)
        plan_id, read = yield from freeze_audience(engine, subject, now)
        proposal = propose(engine, subject, read, now=now, per_minute=self._per_minute)
        state = self._settle(
            *_outcome(engine, subject, read.selection, plan_id, proposal), plan=(plan_id, proposal)
        )
        yield from clear_away(engine, run_id, now, keep=plan_id)
        return state

    def _wait(self, reason: str) -> RunState:
        """It can't be planned yet: it is tried again in a minute."""
        return self._settle(RunState.PLANNING, reason, not_before=self._now + timedelta(minutes=1))

    def _settle(
        self,
        state: RunState,
        reason: str,
        *,
        plan: tuple[int, Proposal] | None = None,
        not_before: datetime | None = None,
    ) -> RunState:
        """Put the plan in force and move the run on, unless somebody else has moved it meanwhile."""
        now, run_id = self._now, self._run_id
        values: dict[str, Any] = {
            "state": state,
            "reason": reason,
            "not_before": not_before,
            "changed_at": now,
        }
        values["finished_at"] = now if state in {RunState.REFUSED, RunState.DONE} else None
        still = (runs.c.id == run_id, runs.c.state == self._seen[0], runs.c.changed_at == self._seen[1])
        with writing(self._engine) as connection:
            if plan is not None:
                values["plan_id"] = plan[0]
                _finish_plan(connection, *plan)
            if connection.execute(sa.update(runs).where(*still).values(values)).rowcount != 1:
                raise Overtaken
            if plan is not None:
                _note(connection, run_id, plan[1], now)
        return state


def _nothing_to_do(run: sa.Row[Any], revision: Revision) -> str:
    """Why a run ends without a plan; empty when it doesn't."""
    if run.step > max(1, len(revision.campaign.steps)):
        return f"the campaign has no step {run.step} any more"
    if only_fills_pool(revision.campaign) and run.kind != POOL:
        return "the campaign only fills its pool, which goes by itself"
    return ""


def _subject(
    engine: Engine,
    run: sa.Row[Any],
    store: sa.Row[Any],
    revision_id: int,
    revision: Revision,
    now: datetime,
) -> Subject:
    """The run with what happened to whom, if it is about an event, and how many codes it makes, if it fills a pool."""
    entry: sa.Row[Any] | None = None
    pool_codes = 0
    with reading(engine) as connection:
        if run.entry_id is not None:
            entry = connection.execute(sa.select(entries).where(entries.c.id == run.entry_id)).one()
    if run.kind == POOL:
        pool_codes = lacking(engine, run.store_id, revision, now=now)
    return Subject(
        run_id=run.id,
        slot_key=run.slot_key,
        slot_at=run.slot_at,
        store=store,
        revision_id=revision_id,
        revision=revision,
        kind=run.kind,
        step=run.step,
        only=entry.customer_id if entry is not None else None,
        happened=say_happened(revision.campaign.when.on, entry.facts, store.currency)
        if entry is not None
        else "",
        facts=entry.facts if entry is not None else None,
        pool_codes=pool_codes,
    )


def _outcome(
    engine: Engine, subject: Subject, selection: Selection, plan_id: int, proposal: Proposal
) -> tuple[RunState, str]:
    """What becomes of a run with this plan, and why."""
    if selection.count == 0 and not subject.pool_codes:
        return RunState.DONE, _no_pool(subject) if subject.makes_pool else _nobody(selection)
    if proposal.refusals:
        return RunState.REFUSED, "; ".join(verdict.text for verdict in proposal.refusals)
    return RunState.WAITING, _void(engine, subject, plan_id, proposal)


def _void(engine: Engine, subject: Subject, plan_id: int, proposal: Proposal) -> str:
    """Whose approval of this run is void, and what changed since; empty when nobody had approved it."""
    with reading(engine) as connection:
        since = since_approved(
            connection,
            store_id=subject.store.id,
            revision=subject.revision,
            proposal=proposal,
            run_id=subject.run_id,
            plan_id=plan_id,
        )
    if since is None or not since.same_run:
        return ""
    return f"{since.person}'s approval is void: {in_short(since.said())}"


def _no_pool(subject: Subject) -> str:
    """Why a pool run makes nothing."""
    return "the pool is full" if subject.campaign.codes.pool else "the campaign has no pool any more"


def _nobody(selection: Selection) -> str:
    """Why a run has no recipients, as far as one reason says it."""
    reasons = list(selection.excluded)
    return reasons[0] if selection.matched == 1 and reasons else "nobody is in the audience"


def _note(connection: Connection, run_id: int, proposal: Proposal, now: datetime) -> None:
    body = {
        "digest": proposal.digest,
        "codes": proposal.code_count,
        "worst_case": proposal.exposure.worst_case,
    }
    audit.record(connection, at=now, actor="loop", action="plan.made", subject=f"run {run_id}", body=body)


def _finish_plan(connection: Connection, plan_id: int, proposal: Proposal) -> None:
    connection.execute(
        sa.update(plans)
        .where(plans.c.id == plan_id)
        .values(
            digest=proposal.digest,
            body=proposal.to_json(),
            audience_count=proposal.audience.count,
            code_count=proposal.code_count,
            worst_case=proposal.exposure.worst_case,
            expected=proposal.exposure.expected,
        )
    )
