"""Probing a store: remove what an earlier probe left, learn every fact, remove what is left, record what was learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tillroll.batches.session import StoreSession
from tillroll.ecwid.http.connection import Connection
from tillroll.errors import Refused, TillrollError
from tillroll.ledger import audit
from tillroll.ledger.engine import writing
from tillroll.ledger.locks.store_lock import store_lock
from tillroll.ledger.queries.stores import record_facts
from tillroll.probe.conversation import Depth, Fact
from tillroll.probe.decide import FactFinding
from tillroll.probe.edge import Made, ProbeTalk
from tillroll.probe.leftovers import BegunProbe, begun_probe, note_begin, note_end, remove_leftovers
from tillroll.probe.samples import NAME, STORAGE_KEY

_USUAL_LAG = 5.0
"""Seconds; the vendor's own tests wait as long for a search."""


@dataclass(kw_only=True)
class ProbeOutcome:
    """What a probe found, and what became of what it made."""

    findings: list[FactFinding] = field(default_factory=list)
    removed: list[Made] = field(default_factory=list)  # that an earlier probe had left
    left: list[Made] = field(default_factory=list)  # that this one could not delete
    unfinished: bool = (
        False  # an earlier probe that wrote did not come to its end, and this one may not write
    )
    stopped: TillrollError | None = None  # what ended it early


def probe_store(
    session: StoreSession,
    facts: Sequence[Fact],
    *,
    stranger: Connection,
    depth: Depth,
    actor: str,
    each: Callable[[FactFinding], None] = lambda _finding: None,
) -> ProbeOutcome:
    """Learn how a store answers. Safe to repeat; only one probe of a store runs at a time.

    Raises `Refused` while another one runs. What ends a probe early is in the outcome, with what was learned until then.
    """
    with store_lock(session.engine, session.store_id, name="probe") as held:
        if not held:
            raise Refused("Another probe of this store is running.", hint="Wait for its end, then repeat.")
        outcome = ProbeOutcome()
        talk = ProbeTalk(
            connection=session.client.connection,
            stranger=stranger,
            clock=session.clock,
            depth=depth,
            mark=_mark(session),
            storage_key=STORAGE_KEY,
        )
        try:
            session.client.shop.profile()  # it also tells how the store's clock goes
            with _tidied(session, talk, outcome, actor):
                _learn_all(talk, facts, outcome, each)
        except TillrollError as ended:
            outcome.stopped = ended
        _record(session, outcome, depth, actor)
        return outcome


def _mark(session: StoreSession) -> str:
    """Return letters and digits that no other probe of this store has: the moment of its beginning."""
    return f"{int(session.clock.now().timestamp() * 1000):X}"


def _learn_all(
    talk: ProbeTalk, facts: Sequence[Fact], outcome: ProbeOutcome, each: Callable[[FactFinding], None]
) -> None:
    for fact in facts:
        finding = talk.learn(fact)
        outcome.findings.append(finding)
        each(finding)


@contextmanager
def _tidied(session: StoreSession, talk: ProbeTalk, outcome: ProbeOutcome, actor: str) -> Iterator[None]:
    """Remove leftovers before and after a block that may write, also if it is interrupted."""
    earlier = begun_probe(session.engine, session.store_id)
    if talk.depth is Depth.READ:
        outcome.unfinished = earlier is not None
        yield
        return
    if earlier is not None:
        outcome.removed, outcome.left = remove_leftovers(session.client, talk, earlier)
        if outcome.left:
            raise Refused(
                "The store refuses to delete what an earlier probe left.",
                hint=f'Delete everything called "{NAME}" in the store\'s admin, or give the token the scopes to delete it.',
            )
        note_end(session.engine, session.store_id)
    begun = BegunProbe(began_at=session.client.connection.store_time(), depth=talk.depth)
    note_begin(session.engine, session.store_id, begun, actor=actor, now=session.clock.now())
    outcome.unfinished = True
    try:
        yield
    finally:
        outcome.left = talk.left
        session.clock.sleep(_until_found(outcome, talk.depth))
        _, outcome.left = remove_leftovers(session.client, talk, begun)
        outcome.unfinished = False
        if not outcome.left:
            note_end(session.engine, session.store_id)


def _until_found(outcome: ProbeOutcome, depth: Depth) -> float:
    """Return the seconds until searches show what was made last: they lag for all but coupons."""
    if depth < Depth.SAMPLES:
        return 0.0
    lags = [finding.setting for finding in outcome.findings if finding.fact.switch == "index_lag"]
    return 2 * lags[0] if lags and isinstance(lags[0], float) else _USUAL_LAG


def _record(session: StoreSession, outcome: ProbeOutcome, depth: Depth, actor: str) -> None:
    """Record in the ledger what was learned, with a row of the audit."""
    learned = {finding.fact.switch: finding.setting for finding in outcome.findings if finding.learned}
    now = session.clock.now()
    with writing(session.engine) as connection:
        record_facts(connection, session.store_id, learned, now=now)
        audit.record(
            connection,
            at=now,
            actor=actor,
            action="store.probed",
            subject=f"store {session.client.connection.store_id}",
            body={
                "depth": depth.name.lower(),
                "learned": learned,
                "left": [str(made.kind) for made in outcome.left],
            },
        )
