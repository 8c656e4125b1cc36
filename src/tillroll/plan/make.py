"""Make a run's plan: read the audience, compare it with the guardrails, freeze it, and give it a digest.

A large audience takes minutes, so planning goes in steps and the store's worker does other things in between. Crash points:
*some recipients, no digest* (`freeze.py`): the next planning starts over, and nobody can approve what was left. *The digest not
committed*, after `_finish_plan`: the same. *Planned*, after `Planning._settle`: the plan is in force; stale plans of the run are
deleted the next time it is planned.
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
from tillroll.campaign.sentences.events import say_happened
from tillroll.campaign.states import RunState
from tillroll.campaign.text.counts import count_of
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.pools import POOL
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.records import Entry, Run, Store
from tillroll.ledger.tables import entries, plans, runs
from tillroll.plan.audience.select import Selection
from tillroll.plan.audience.subject import Subject
from tillroll.plan.diff import compare_with_approved
from tillroll.plan.due.pool import codes_imported, codes_lacking, only_fills_pool
from tillroll.plan.freeze import Overtaken, delete_stale_plans, freeze_audience
from tillroll.plan.goods.catalog import reason_goods_unread
from tillroll.plan.propose import propose
from tillroll.plan.record.revisions import current_revision
from tillroll.plan.record.send_back import summarise
from tillroll.plan.segments.answerable import reason_unanswered


def make_plan(
    engine: Engine,
    *,
    run_id: int,
    now: datetime,
    per_minute: int,
    has_links: bool = True,
    transport: str = "",
) -> RunState:
    """Plan a run that is in `planning`, to the end; return the state it is in afterwards. Safe to repeat."""
    planning = Planning(
        engine, run_id=run_id, now=now, per_minute=per_minute, has_links=has_links, transport=transport
    )
    while (state := planning.step(lambda: False)) is None:
        continue
    return state


class Planning:
    """The planning of one run; `step` continues it for a while.

    Between two steps it holds no connection, only ids. Another process may plan the same run meanwhile: the plan that is ready
    first is put in force, and the other process finds that the run has moved, or that its own plan was deleted, and stops.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        run_id: int,
        now: datetime,
        per_minute: int,
        has_links: bool = True,
        transport: str = "",
    ) -> None:
        """`has_links`: unsubscribe links can be made here; `transport`: by which e-mails leave here."""
        self._engine, self._run_id = engine, run_id
        self._now, self._per_minute, self._has_links = now, per_minute, has_links
        self._transport = transport
        self._seen = self._look()
        self._work = self._pieces()

    def step(self, finished: Callable[[], bool]) -> RunState | None:
        """Plan one piece, and more until `finished()`. Return the run's state at the end, or None while there is more to do."""
        if self._look() != self._seen:
            return RunState(
                self._look()[0]
            )  # another process moved it; if it is to be planned again, a new planning does that
        try:
            while True:
                next(self._work)
                if finished():
                    return None
        except StopIteration as end:
            return RunState(end.value)
        except Overtaken:
            return RunState(self._look()[0])

    def _look(self) -> tuple[str, datetime]:
        """Return the run's state, and since when it is in it."""
        with reading(self._engine) as connection:
            query = sa.select(runs.c.state, runs.c.changed_at).where(runs.c.id == self._run_id)
            state, changed_at = connection.execute(query).one()
        return state, changed_at

    def _pieces(self) -> Generator[None, None, RunState]:
        """Plan the run; each yield is a chance to pause."""
        engine, run_id, now = self._engine, self._run_id, self._now
        if self._seen[0] != RunState.PLANNING:
            return RunState(self._seen[0])
        with reading(engine) as connection:
            run = load_run(connection, run_id)
            store = load_store(connection, run.store_id)
            current = current_revision(connection, run.store_id, run.campaign)
        if current is None:
            return self._wait("its files have faults or are gone")
        revision_id, revision = current
        if revision.campaign.status is not Status.ACTIVE:
            return self._wait(f"the campaign is {revision.campaign.status}")
        if reason := _nothing_to_do(run, revision):
            return self._settle(RunState.DONE, reason)
        subject = _subject(engine, run, store, revision_id, revision, now)
        if reason := (
            reason_goods_unread(engine, store, subject.goods_named.values())
            or reason_unanswered(engine, store, subject.revision, now)
        ):
            return self._wait(reason)
        yield from delete_stale_plans(engine, run_id, now)
        plan_id, read = yield from freeze_audience(engine, subject, now)
        proposal = propose(
            engine,
            subject,
            read,
            now=now,
            per_minute=self._per_minute,
            has_links=self._has_links,
            transport=self._transport,
        )
        state = self._settle(
            *_outcome(engine, subject, read.selection, plan_id, proposal), plan=(plan_id, proposal)
        )
        yield from delete_stale_plans(engine, run_id, now, keep=plan_id)
        return state

    def _wait(self, reason: str) -> RunState:
        """Leave the run in `planning`, to be tried again in a minute."""
        return self._settle(RunState.PLANNING, reason, not_before=self._now + timedelta(minutes=1))

    def _settle(
        self,
        state: RunState,
        reason: str,
        *,
        plan: tuple[int, Proposal] | None = None,
        not_before: datetime | None = None,
    ) -> RunState:
        """Put the plan in force and move the run. Raises `Overtaken` if another process has moved it meanwhile."""
        now, run_id = self._now, self._run_id
        values: dict[str, Any] = {
            "state": state,
            "reason": reason,
            "not_before": not_before,
            "changed_at": now,
        }
        values["finished_at"] = now if state in {RunState.REFUSED, RunState.DONE} else None
        unmoved = (runs.c.id == run_id, runs.c.state == self._seen[0], runs.c.changed_at == self._seen[1])
        with writing(self._engine) as connection:
            if plan is not None:
                values["plan_id"] = plan[0]
                _finish_plan(connection, *plan)
            if connection.execute(sa.update(runs).where(*unmoved).values(values)).rowcount != 1:
                raise Overtaken
            if plan is not None:
                _audit(connection, run_id, plan[1], now)
        return state


def _nothing_to_do(run: Run, revision: Revision) -> str:
    """Return why a run ends without a plan; empty if it needs one."""
    if run.step > max(1, len(revision.campaign.steps)):
        return f"the campaign has no step {run.step} any more"
    if only_fills_pool(revision.campaign) and run.kind != POOL:
        return "the campaign only fills its pool, which happens automatically"
    return ""


def _subject(
    engine: Engine,
    run: Run,
    store: Store,
    revision_id: int,
    revision: Revision,
    now: datetime,
) -> Subject:
    """Return the run as the subject of a plan: with its event, if it is about one, or its codes, if it fills a pool."""
    entry: Entry | None = None
    pool_codes = imported = 0
    with reading(engine) as connection:
        if run.entry_id is not None:
            row = connection.execute(sa.select(entries).where(entries.c.id == run.entry_id)).one()
            entry = Entry.from_row(row)
        if run.kind == POOL:
            imported = codes_imported(connection, run.id)
    if run.kind == POOL:
        pool_codes = imported or codes_lacking(engine, run.store_id, revision, now=now)
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
        else _say_imported(imported),
        facts=entry.facts if entry is not None else None,
        pool_codes=pool_codes,
        imports=bool(imported),
    )


def _say_imported(count: int) -> str:
    """Return what an import brought; empty if the run is none."""
    were = "was" if count == 1 else "were"
    return f"{count_of(count, 'code')} that {were} made elsewhere {were} imported" if count else ""


def _outcome(
    engine: Engine, subject: Subject, selection: Selection, plan_id: int, proposal: Proposal
) -> tuple[RunState, str]:
    """Return the state that a run with this plan goes to, and why."""
    if selection.count == 0 and not subject.pool_codes:
        return RunState.DONE, _no_pool(subject) if subject.makes_pool else _nobody(selection)
    if proposal.refusals:
        return RunState.REFUSED, "; ".join(verdict.text for verdict in proposal.refusals)
    return RunState.WAITING, _void(engine, subject, plan_id, proposal)


def _void(engine: Engine, subject: Subject, plan_id: int, proposal: Proposal) -> str:
    """Return whose approval of this run is void, and what has changed since; empty if nobody had approved it."""
    with reading(engine) as connection:
        since = compare_with_approved(
            connection,
            store_id=subject.store.id,
            revision=subject.revision,
            proposal=proposal,
            run_id=subject.run_id,
            plan_id=plan_id,
        )
    if since is None or not since.same_run:
        return ""
    return f"{since.person}'s approval is void: {summarise(since.sentences())}"


def _no_pool(subject: Subject) -> str:
    """Return why a run that fills a pool makes no codes."""
    return "the pool is full" if subject.campaign.codes.pool else "the campaign has no pool any more"


def _nobody(selection: Selection) -> str:
    """Return why a run has no recipients: for one customer the reason, else that the audience is empty."""
    reasons = list(selection.excluded)
    return reasons[0] if selection.matched == 1 and reasons else "nobody is in the audience"


def _audit(connection: Connection, run_id: int, proposal: Proposal, now: datetime) -> None:
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
