"""Mending the words of a run that has begun: its subjects and templates are taken from the campaign's files as they are now.

Offer, audience and codes stay those of the plan, so files that changed in more than words are refused. The decision, its audit
row and the e-mails it frees are one transaction, which holds the store's row. It takes as many approvers as the plan did. E-mails
that left stay as they were: each says which revision it was made from.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.approve.agree import AgreementTopic, approvers_for_runs, record_agreement
from tillroll.approve.change import require_may_decide
from tillroll.approve.decide import Person
from tillroll.approve.send_again import queue_again
from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import StoredPlan, Verdict, VerdictLevel
from tillroll.campaign.frozen.words import WordChange, other_changes, word_changes
from tillroll.campaign.states import RUN_BEGUN, FaultState, ItemKind, MessageState, RunState, Stage
from tillroll.errors import Conflict, Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import lock_store_row, reading, writing
from tillroll.ledger.faults.rows import release
from tillroll.ledger.queries.agreements import PendingAgreement
from tillroll.ledger.queries.changes import Scope
from tillroll.ledger.queries.given import earlier_code
from tillroll.ledger.queries.plans import load_plan, load_revision
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.records import Run
from tillroll.ledger.tables import campaigns, faults, messages, recipients, runs
from tillroll.rendering.preview import EarlierCode, PreviewSubject
from tillroll.rendering.reading.people import AwkwardPeople
from tillroll.rendering.reading.read import read_emails
from tillroll.rendering.reading.verdicts import email_verdicts

_TRIED = 5_000  # recipients whose e-mails haven't left, among whom awkward ones are looked for
_LEFT = (MessageState.SENT, MessageState.SENDING, MessageState.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class WordsProposal:
    """Words that a run's e-mails could have from now on."""

    run: Run
    revision_id: int
    digest: str  # of the revision: what people agree to
    changes: tuple[WordChange, ...]
    verdicts: tuple[Verdict, ...]  # what was found when the e-mails were filled in and read
    waiting: int  # e-mails that haven't left
    needed: int  # different people

    @property
    def refusals(self) -> tuple[Verdict, ...]:
        """What forbids these words."""
        return tuple(verdict for verdict in self.verdicts if verdict.level is VerdictLevel.REFUSE)


@dataclass(frozen=True, kw_only=True)
class WordsMended:
    """What came of mending a run's words."""

    digest: str
    freed: int  # e-mails that had failed and are tried again


def has_other_words(connection: Connection, run: Run, plan: StoredPlan | None) -> bool:
    """Whether the files have other words than a run that has begun. Cheap: the pages ask each time."""
    if plan is None or not _has_begun(run):
        return False
    current = _current_revision_id(connection, run)
    in_force = run.words_id or plan.revision_id
    if current is None or current == in_force:
        return False
    old, new = load_revision(connection, in_force), load_revision(connection, current)
    return next(word_changes(old, new), None) is not None


def propose_words(engine: Engine, *, run_id: int, now: datetime) -> WordsProposal:
    """Return the words of the files as they are now, filled in and read for recipients whose e-mails haven't left.

    Raises `Conflict` if there is nothing to mend, and `Refused` if the files changed in more than words.
    """
    with reading(engine) as connection:
        run = load_run(connection, run_id)
        plan = load_plan(connection, run_id)
        if plan is None or not _has_begun(run):
            raise Conflict(
                f"Run {run_id} is {run.state}: words are mended while a run's e-mails are on their way.",
                hint="Before it begins, edit the files: it is planned again.",
            )
        revision_id = _current_revision_id(connection, run)
        if revision_id is None:
            raise Refused(f"The files of {run.campaign} have faults.", hint="Run: tillroll check")
        planned, new = load_revision(connection, plan.revision_id), load_revision(connection, revision_id)
        in_force = load_revision(connection, run.words_id or plan.revision_id)
        changes = tuple(word_changes(in_force, new))
        _require_words_only(run, planned, new, changes)
        people, counts = _unsent(connection, run)
        subject = PreviewSubject(
            store=load_store(connection, run.store_id),
            revision=new,
            proposal=plan.proposal,
            now=now,
            valid_from=run.valid_from,
            valid_until=run.extended_until or run.valid_until,
            earlier=_earlier(connection, run),
        )
        needed = approvers_for_runs(connection, [run_id])
    found = read_emails(engine, subject, people, counts)
    verdicts = email_verdicts(
        found,
        planned.guardrails.emails,
        steps=len(new.campaign.steps),
        arms=new.arms,
        refused=(),
    )
    return WordsProposal(
        run=run,
        revision_id=revision_id,
        digest=new.digest,
        changes=changes,
        verdicts=verdicts,
        waiting=sum(counts.values()),
        needed=needed,
    )


def mend_words(
    engine: Engine, *, run_id: int, digest: str, person: Person, note: str, now: datetime
) -> WordsMended | PendingAgreement:
    """Let the e-mails of a run that haven't left be made from the files as they are now, whose digest the person has seen.

    Returns the pending agreement while approvers are missing. Raises `Conflict` and `Refused`. Safe to repeat.
    """
    with reading(engine) as connection:
        require_may_decide(person, load_run(connection, run_id).store_id, f"mend the words of run {run_id}")
    words = propose_words(engine, run_id=run_id, now=now)
    if words.digest != digest:
        raise Conflict("The files have changed meanwhile; look at the words again.")
    if words.refusals:
        problems = "; ".join(verdict.text for verdict in words.refusals)
        raise Refused(f"These words can't be sent: {problems}.", hint="Mend the template, and try again.")
    with writing(engine) as connection:
        lock_store_row(connection, words.run.store_id)
        run = load_run(connection, run_id)
        if run.words_id != words.run.words_id or not _has_begun(run):
            raise Conflict(f"Run {run_id} has changed meanwhile; look again.")
        scope = Scope(store_id=run.store_id, campaign=run.campaign, run_id=run_id)
        since = f"to {digest} from {run.words_id or 'the plan'}"
        topic = AgreementTopic(scope=scope, kind="words", since=since, needed=words.needed)
        pending = record_agreement(connection, topic, person=person, note=note, now=now)
        if pending is not None:
            return pending
        values = {"words_id": words.revision_id}
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(values))
        freed = _free(connection, run, person, now)
        body = {"note": note, "words": digest, "freed": freed}
        audit.record(
            connection,
            at=now,
            actor=person.email,
            action="run.words_mended",
            subject=f"run {run_id}",
            body=body,
        )
    return WordsMended(digest=digest, freed=freed)


def _earlier(connection: Connection, run: Run) -> EarlierCode | None:
    """Return the code of an earlier step that the run's e-mail may show."""
    code = earlier_code(connection, run)
    if code is None:
        return None
    return EarlierCode(value=code.value, valid_from=code.valid_from, valid_until=code.valid_until)


def _has_begun(run: Run) -> bool:
    return run.state in RUN_BEGUN or (run.state == RunState.HALTED and run.halted_in in RUN_BEGUN)


def _current_revision_id(connection: Connection, run: Run) -> int | None:
    where = (campaigns.c.store_id == run.store_id, campaigns.c.name == run.campaign)
    revision_id: int | None = connection.scalar(sa.select(campaigns.c.revision_id).where(*where))
    return revision_id


def _require_words_only(run: Run, planned: Revision, new: Revision, changes: tuple[WordChange, ...]) -> None:
    """Raise unless the files differ from the plan's in words, and in nothing else that the run follows."""
    if others := other_changes(planned, new):
        raise Refused(
            f"The files of {run.campaign} changed in more than words since run {run.id} was approved: {', '.join(others)}.",
            hint="A run that has begun keeps its offer, audience and codes. Put those lines back, and mend the words first.",
        )
    if not changes:
        raise Conflict(
            f"The words of run {run.id} are those of the files.",
            hint="Edit the template or the subject; the worker reads the files every few seconds.",
        )


def _unsent(connection: Connection, run: Run) -> tuple[AwkwardPeople, Counter[str]]:
    """Return recipients whose e-mails haven't left, those that failed first, and their number by arm."""
    query = (
        sa.select(recipients)
        .outerjoin(messages, messages.c.recipient_id == recipients.c.id)
        .where(
            recipients.c.plan_id == run.plan_id,
            sa.or_(messages.c.state.is_(None), messages.c.state.not_in(_LEFT)),
        )
        .order_by(sa.case((messages.c.state == MessageState.FAILED, 0), else_=1), recipients.c.id)
        .limit(_TRIED)
    )
    people, counts = AwkwardPeople(), Counter[str]()
    for row in connection.execute(query):
        people.take(row._asdict())
        counts[row.arm] += 1
    return people, counts


def _free(connection: Connection, run: Run, person: Person, now: datetime) -> int:
    """Have e-mails tried again that failed before they were handed over, and the run, if it was set aside. Returns how many."""
    of_run = (faults.c.run_id == run.id, faults.c.stage.in_((Stage.SEND, Stage.REMIND)))
    items = sa.select(faults.c.item).where(
        *of_run, faults.c.kind == ItemKind.MESSAGE, faults.c.state != FaultState.RELEASED
    )
    failed = (messages.c.state == MessageState.FAILED, sa.cast(messages.c.id, sa.Text).in_(items))
    freed = queue_again(connection, run, failed, now=now)
    release(connection, *of_run, by=person.email)
    return freed
