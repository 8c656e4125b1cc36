"""Agreements that take several people: codes that work again, or for longer, need as many approvers as their plans needed.

Each agreement is recorded and audited. With the last one the thing is done, in the same transaction, and the agreements are
removed. They become void when the codes are halted, paused or revoked in between, and after two days.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.approve.decide import Person, has_quorum
from tillroll.campaign.states import CODE_IN_STORE, ChangeKind
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.queries.agreements import AGREEMENT_LIFETIME, PendingAgreement
from tillroll.ledger.queries.changes import Scope
from tillroll.ledger.tables import agreements, changes, codes, plans, runs

_STOPS = (ChangeKind.PAUSE, ChangeKind.REVOKE)


def approvers_needed(connection: Connection, scope: Scope, also: Collection[int] = ()) -> int:
    """Return how many different people it takes: the most that any plan took whose codes are in the store.

    `also` are runs that count whether they have codes in the store or not.
    """
    in_store = sa.exists().where(codes.c.run_id == runs.c.id, codes.c.state.in_(sorted(CODE_IN_STORE)))
    makers = sa.select(codes.c.run_id).join(runs, runs.c.id == codes.c.run_id).where(*scope.codes)
    return _most_approvers(
        connection, sa.or_(sa.and_(*scope.runs, in_store), runs.c.id.in_(also), runs.c.id.in_(makers))
    )


def approvers_for_runs(connection: Connection, run_ids: Collection[int]) -> int:
    """Return how many different people it takes for codes of these runs."""
    return _most_approvers(connection, runs.c.id.in_(run_ids))


def _most_approvers(connection: Connection, concerned: sa.ColumnElement[bool]) -> int:
    """Return the most approvers that the plan of one of the concerned runs took."""
    most = sa.select(sa.func.max(plans.c.body["approvers"].as_integer()))
    query = most.join(runs, runs.c.plan_id == plans.c.id).where(concerned)
    return max(1, int(connection.scalar(query) or 1))


def last_stop_of(connection: Connection, scope: Scope) -> str:
    """Return the last pause or revocation of a campaign's codes, which an agreement names: a later one makes it void."""
    of_campaign = (changes.c.store_id == scope.store_id, changes.c.campaign == scope.campaign)
    query = sa.select(sa.func.max(changes.c.id)).where(*of_campaign, changes.c.kind.in_(_STOPS))
    return f"after change {connection.scalar(query) or 0}"


@dataclass(frozen=True, kw_only=True)
class AgreementTopic:
    """What people agree to."""

    scope: Scope
    kind: str  # resume, extend, restart, recycle, fix, words or again
    since: str  # what was stopped before: after another stop it is another topic
    needed: int  # different people
    valid_until: datetime | None = None  # extend: the new expiry

    @property
    def key(self) -> str:
        """What tells the topic apart from all others. It is stored and compared, so its form must stay."""
        until = f" until {self.valid_until.isoformat()}" if self.valid_until is not None else ""
        return f"{self.kind} {self.scope.key}{until}, {self.since}"


def record_agreement(
    connection: Connection, topic: AgreementTopic, *, person: Person, note: str, now: datetime
) -> PendingAgreement | None:
    """Record that a person agrees. Returns None once enough people have, and removes their agreements then.

    The caller holds the store's row, so that of two people who agree at once one is the last. Raises `Refused` for a person who
    has agreed already.
    """
    scope, needed = topic.scope, topic.needed
    if needed == 1:
        return None
    of_topic = (agreements.c.store_id == scope.store_id, agreements.c.about == topic.key)
    connection.execute(sa.delete(agreements).where(*of_topic, agreements.c.at <= now - AGREEMENT_LIFETIME))
    people = list(
        connection.scalars(sa.select(agreements.c.person).where(*of_topic).order_by(agreements.c.id))
    )
    if person.email in people:
        raise Refused(
            f"{person.email} has agreed already; it takes {needed} different people.",
            hint="Ask another approver for the same.",
        )
    people.append(person.email)
    if has_quorum(people, needed):
        connection.execute(sa.delete(agreements).where(*of_topic))
        return None
    _insert(connection, topic, person, note, now)
    body = {"to": topic.key, "needed": needed, "agreed": people, "note": note}
    action = f"{topic.kind}.agreed"
    audit.record(connection, at=now, actor=person.email, action=action, subject=scope.key, body=body)
    return PendingAgreement(
        kind=topic.kind,
        campaign=scope.campaign,
        run_id=scope.run_id,
        valid_until=topic.valid_until,
        by=tuple(people),
        needed=needed,
    )


def _insert(connection: Connection, topic: AgreementTopic, person: Person, note: str, now: datetime) -> None:
    row = {
        "store_id": topic.scope.store_id,
        "about": topic.key,
        "kind": topic.kind,
        "campaign": topic.scope.campaign,
        "run_id": topic.scope.run_id,
        "valid_until": topic.valid_until,
        "needed": topic.needed,
        "person": person.email,
        "note": note,
        "at": now,
    }
    connection.execute(sa.insert(agreements).values(row))
