"""A word that takes several people: codes that work again, or for longer, take as many different approvers as their plans took.

Each word is written down and audited. With the last of them the thing is done, in the same transaction, and they are used up. A
halt or a pause that comes in between makes them void, since they were about what was halted or paused before; so do two days.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.approve.decide import Person, quorum_reached
from tillroll.campaign.states import CODE_IN_STORE, ChangeKind
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.agreements import GOOD_FOR, Agreed
from tillroll.ledger.changes import Scope
from tillroll.ledger.tables import agreements, changes, codes, plans, runs

_STOPS = (ChangeKind.PAUSE, ChangeKind.REVOKE)


def people_needed(connection: Connection, scope: Scope, also: Collection[int] = ()) -> int:
    """How many different people it takes: the most that a plan took of those whose codes are in the store.

    `also`: runs that count whether they have codes in the store or not.
    """
    in_store = sa.exists().where(codes.c.run_id == runs.c.id, codes.c.state.in_(sorted(CODE_IN_STORE)))
    maker = sa.select(codes.c.run_id).join(runs, runs.c.id == codes.c.run_id).where(*scope.codes)
    concerned = sa.or_(sa.and_(*scope.runs, in_store), runs.c.id.in_(also), runs.c.id.in_(maker))
    most = sa.select(sa.func.max(plans.c.body["approvers"].as_integer()))
    query = most.join(runs, runs.c.plan_id == plans.c.id).where(concerned)
    return max(1, int(connection.scalar(query) or 1))


def people_for(connection: Connection, run_ids: Collection[int]) -> int:
    """How many different people it takes for codes of these runs."""
    most = sa.select(sa.func.max(plans.c.body["approvers"].as_integer()))
    query = most.join(runs, runs.c.plan_id == plans.c.id).where(runs.c.id.in_(run_ids))
    return max(1, int(connection.scalar(query) or 1))


def since_last_stop(connection: Connection, scope: Scope) -> str:
    """What an agreement about codes is about besides its codes: it is void once they are paused or revoked anew."""
    of_it = (changes.c.store_id == scope.store_id, changes.c.campaign == scope.campaign)
    query = sa.select(sa.func.max(changes.c.id)).where(*of_it, changes.c.kind.in_(_STOPS))
    return f"after change {connection.scalar(query) or 0}"


@dataclass(frozen=True, kw_only=True)
class Matter:
    """What people agree to."""

    scope: Scope
    kind: str  # resume, extend, restart, recycle, fix
    since: str  # what was halted or paused, so that a later halt is another matter
    needed: int  # different people
    valid_until: datetime | None = None  # extend: until when

    @property
    def about(self) -> str:
        """Exactly this, in words."""
        until = f" until {self.valid_until.isoformat()}" if self.valid_until is not None else ""
        return f"{self.kind} {self.scope}{until}, {self.since}"


def agree(
    connection: Connection, matter: Matter, *, person: Person, note: str, now: datetime
) -> Agreed | None:
    """Take a person's word. None: enough people have agreed now, and the words are used up. `Refused` for a second one.

    Whoever calls holds the store's row, so that two last words can't both be the last but one.
    """
    scope, needed = matter.scope, matter.needed
    if needed == 1:
        return None
    its = (agreements.c.store_id == scope.store_id, agreements.c.about == matter.about)
    connection.execute(sa.delete(agreements).where(*its, agreements.c.at <= now - GOOD_FOR))
    by = list(connection.scalars(sa.select(agreements.c.person).where(*its).order_by(agreements.c.id)))
    if person.email in by:
        raise Refused(
            f"{person.email} has agreed already; it takes {needed} different people.",
            hint="Ask another approver for the same.",
        )
    by.append(person.email)
    if quorum_reached(by, needed):
        connection.execute(sa.delete(agreements).where(*its))
        return None
    row = {
        "store_id": scope.store_id,
        "about": matter.about,
        "kind": matter.kind,
        "campaign": scope.campaign,
        "run_id": scope.run_id,
        "valid_until": matter.valid_until,
        "needed": needed,
        "person": person.email,
        "note": note,
        "at": now,
    }
    connection.execute(sa.insert(agreements).values(row))
    body = {"to": matter.about, "needed": needed, "agreed": by, "note": note}
    audit.record(
        connection, at=now, actor=person.email, action=f"{matter.kind}.agreed", subject=str(scope), body=body
    )
    return Agreed(
        kind=matter.kind,
        campaign=scope.campaign,
        run_id=scope.run_id,
        valid_until=matter.valid_until,
        by=tuple(by),
        needed=needed,
    )
