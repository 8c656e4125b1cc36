"""What a probe makes in a store is noted in the ledger before, so that a later one removes what a killed one left behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign.text.clean import CleanText
from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.rows import identity_of
from tillroll.ecwid.http.wire import parts, seconds_out
from tillroll.errors import ScopeMissing
from tillroll.ledger import audit
from tillroll.ledger.engine import insert_if_new, reading, writing
from tillroll.ledger.tables import probes
from tillroll.probe.conversation import Depth, Kind
from tillroll.probe.edge import Made, ProbeTalk
from tillroll.probe.samples import NAME, STORAGE_KEY

_BEFORE, _AFTER = timedelta(minutes=10), timedelta(hours=2)
"""Around the beginning of a probe: what it made was made in this time, by the store's clock."""


@dataclass(frozen=True, kw_only=True)
class BegunProbe:
    """A probe that may have left something in the store."""

    began_at: datetime  # by the store's clock
    depth: Depth


def begun_probe(engine: Engine, store_id: int) -> BegunProbe | None:
    """Return the probe that did not come to its end, or None."""
    query = sa.select(probes.c.began_at, probes.c.depth).where(probes.c.store_id == store_id)
    with reading(engine) as connection:
        row = connection.execute(query).first()
    return BegunProbe(began_at=row.began_at, depth=Depth(row.depth)) if row is not None else None


def note_begin(engine: Engine, store_id: int, probe: BegunProbe, *, actor: str, now: datetime) -> None:
    """Record that a probe begins to write, with a row of the audit. Call it before the first request that makes something."""
    values = {"store_id": store_id, "began_at": probe.began_at, "depth": int(probe.depth)}
    with writing(engine) as connection:
        insert_if_new(connection, probes, values)
        audit.record(
            connection,
            at=now,
            actor=actor,
            action="store.probe_began",
            subject=f"store {store_id}",
            body={"depth": probe.depth.name.lower()},
        )


def note_end(engine: Engine, store_id: int) -> None:
    """Record that nothing is left of a probe."""
    with writing(engine) as connection:
        connection.execute(sa.delete(probes).where(probes.c.store_id == store_id))


def remove_leftovers(client: Client, talk: ProbeTalk, probe: BegunProbe) -> tuple[list[Made], list[Made]]:
    """Delete everything that a probe has left in the store. Returns what was removed, and what could not be."""
    removed: list[Made] = []
    left: list[Made] = []
    for made in _found(client, probe):
        (removed if talk.delete(made) else left).append(made)
    return removed, left


def _found(client: Client, probe: BegunProbe) -> Sequence[Made]:
    """Return what is in the store under the probe's name, the newest first: a code may be the id of an older coupon."""
    found = (
        []
        if client.shop.read_storage(STORAGE_KEY) is None
        else [Made(kind=Kind.STORAGE, identity=STORAGE_KEY)]
    )
    if probe.depth >= Kind.EXTRA_FIELD.depth:
        with suppress(ScopeMissing):
            listed = client.connection.read(Kind.EXTRA_FIELD.path)
            rows = [row for row in parts(listed, "items") if row.get("title") == NAME]
            found += [Made(kind=Kind.EXTRA_FIELD, identity=str(row.get("key"))) for row in rows]
    for kind in (Kind.ORDER, Kind.CUSTOMER, Kind.PRODUCT, Kind.COUPON):
        if kind.depth > probe.depth:
            continue
        with suppress(ScopeMissing):  # what can't be listed can't have been made either
            found += sorted(_rows(client, kind, probe), key=_newest_first)
    return found


def _newest_first(made: Made) -> tuple[int, str]:
    return (-int(made.identity) if made.identity.isdecimal() else 0, made.identity)


def _rows(client: Client, kind: Kind, probe: BegunProbe) -> Iterator[Made]:
    query: dict[str, Any] = {
        "createdFrom": seconds_out(probe.began_at - _BEFORE),
        "createdTo": seconds_out(probe.began_at + _AFTER),
    }
    seen: set[str] = set()
    for extra in ({}, {"paymentStatus": "INCOMPLETE"}) if kind is Kind.ORDER else ({},):
        for row in client.connection.every(kind.path, {**query, **extra}, identity=identity_of("id")):
            identity = str(row.get("id"))
            if identity not in seen and _is_ours(kind, row):
                seen.add(identity)
                yield Made(kind=kind, identity=identity)


def _is_ours(kind: Kind, row: Mapping[str, Any]) -> bool:
    match kind:
        case Kind.COUPON | Kind.PRODUCT:
            return bool(row.get("name") == NAME)
        case Kind.ORDER:
            return bool(row.get("privateAdminNotes") == NAME)
        case _:
            email = CleanText(str(row.get("email") or "")).lower()
            return email.startswith("tillroll-probe-") and email.endswith("@example.com")
