"""Holding a transport that takes no e-mails: nothing leaves by it, no message loses an attempt, and it is tried now and then.

While it is held one e-mail at a time is tried, at growing intervals; as soon as the server answers about a message, all go on.
Several senders may meet the same trouble: the first row stays, and only one of them makes each try (compare-and-set).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.states import RunState
from tillroll.ledger import audit
from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.tables import holds, runs
from tillroll.send.trouble import Trouble, probe_pause, say_nothing_leaves, say_trouble, say_what_to_do

log = structlog.get_logger("tillroll.send")


@dataclass(frozen=True, kw_only=True)
class Hold:
    """A transport that takes no e-mails."""

    transport: str
    trouble: Trouble
    answer: str  # what it said last, for people
    since: datetime
    probe_at: datetime  # when one e-mail is tried next
    probes: int  # how many were in vain

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> Hold:
        return cls(
            transport=row.transport,
            trouble=Trouble(row.trouble),
            answer=row.answer,
            since=row.since,
            probe_at=row.probe_at,
            probes=row.probes,
        )

    @property
    def sentence(self) -> str:
        """Return what is wrong and what to do, for people."""
        if self.trouble is Trouble.NO_TRANSPORT:
            return say_nothing_leaves()
        answer = f": {self.answer.rstrip('.')}" if self.answer else ""
        return (
            f"No e-mail leaves by {self.transport}. {say_trouble(self.trouble, self.transport)}{answer}. "
            f"{say_what_to_do(self.trouble, self.transport)} "
            "Nothing is lost: all e-mails wait, and go on by themselves once one is taken, or with: tillroll send resume"
        )


def load_hold(connection: Connection, transport: str) -> Hold | None:
    """Return the hold of a transport; None if it works, as far as known."""
    row = connection.execute(sa.select(holds).where(holds.c.transport == transport)).first()
    return Hold.from_row(row) if row is not None else None


def list_holds(connection: Connection) -> list[Hold]:
    """Return the transports that are held."""
    rows = connection.execute(sa.select(holds).order_by(holds.c.transport))
    return [Hold.from_row(row) for row in rows]


def hold(
    engine: Engine,
    *,
    transport: str,
    trouble: Trouble,
    answer: str,
    now: datetime,
    wait: timedelta | None = None,
) -> None:
    """Hold a transport; if it is held already, keep its latest answer. Told once, in the log and the audit chain.

    `wait`: the transport was asked not to try again before.
    """
    asked = now + wait if wait is not None else now
    row = {
        "transport": transport,
        "trouble": trouble.value,
        "answer": answer,
        "since": now,
        "probe_at": max(now + probe_pause(trouble, 0), asked),
        "probes": 0,
    }
    with writing(engine) as connection:
        is_new = insert_if_new(connection, holds, row)
        if is_new:
            body = {"trouble": trouble.value, "answer": answer}
            audit.record(
                connection,
                at=now,
                actor="loop",
                action="send.hold",
                subject=f"transport {transport}",
                body=body,
            )
        else:
            known = sa.update(holds).where(holds.c.transport == transport)
            connection.execute(known.values(trouble=trouble.value, answer=answer))
            too_soon = sa.and_(holds.c.transport == transport, holds.c.probe_at < asked)
            connection.execute(sa.update(holds).where(too_soon).values(probe_at=asked))
    if is_new:
        log.warning(
            "send.held",
            transport=transport,
            trouble=trouble.value,
            reason=answer or say_trouble(trouble, transport),
            do=say_what_to_do(trouble, transport),
        )


def begin(engine: Engine, transports: Collection[str], *, now: datetime) -> None:
    """Forget the holds of transports that this installation no longer uses, and let the runs that waited for them go on."""
    with writing(engine) as connection:
        others = sa.delete(holds).where(holds.c.transport.not_in(transports))
        if connection.execute(others).rowcount:
            wake_runs(connection)


def take_probe(engine: Engine, held: Hold, *, now: datetime) -> bool:
    """Return whether the caller may try one e-mail now. Each try is given to one sender, and the next is put off."""
    if held.probe_at > now:
        return False
    next_at = now + probe_pause(held.trouble, held.probes + 1)
    unchanged = (holds.c.transport == held.transport, holds.c.probe_at == held.probe_at)
    later = sa.update(holds).where(*unchanged).values(probe_at=next_at, probes=held.probes + 1)
    with writing(engine) as connection:
        return connection.execute(later).rowcount == 1


def give_probe_back(engine: Engine, held: Hold) -> None:
    """Note that no e-mail was there to be tried."""
    values = {"probe_at": held.probe_at, "probes": held.probes}
    with writing(engine) as connection:
        connection.execute(sa.update(holds).where(holds.c.transport == held.transport).values(values))


def release(engine: Engine, held: Hold, *, now: datetime) -> None:
    """End a hold: the server answered about a message. Runs that waited because of it go on at once."""
    with writing(engine) as connection:
        ended = connection.execute(sa.delete(holds).where(holds.c.transport == held.transport)).rowcount
        if not ended:
            return
        wake_runs(connection)
        seconds = int((now - held.since).total_seconds())
        audit.record(
            connection,
            at=now,
            actor="loop",
            action="send.resume",
            subject=f"transport {held.transport}",
            body={"held_seconds": seconds},
        )
    log.info("send.resumed", transport=held.transport, held_seconds=seconds)


def resume(engine: Engine, transports: Collection[str], *, person: str, now: datetime) -> list[Hold]:
    """Let those that are held of some transports be tried at once, because a person says so. Returns them. Safe to repeat."""
    with reading(engine) as connection:
        held = [one for one in list_holds(connection) if one.transport in transports]
    with writing(engine) as connection:
        for one in held:
            at_once = sa.update(holds).where(holds.c.transport == one.transport)
            connection.execute(at_once.values(probe_at=now, probes=0))
            audit.record(
                connection,
                at=now,
                actor=person,
                action="send.try",
                subject=f"transport {one.transport}",
                body={},
            )
        if held:
            wake_runs(connection)
    return held


def wake_runs(connection: Connection) -> None:
    """Let runs that send be looked at now: those that wait for something else are put off again at once."""
    waiting = (runs.c.state == RunState.SENDING, runs.c.not_before.is_not(None))
    connection.execute(sa.update(runs).where(*waiting).values(not_before=None, reason=""))
