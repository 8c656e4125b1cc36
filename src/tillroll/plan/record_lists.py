"""Who stands on uploaded lists, written to the ledger under each list's digest, before a revision refers to it.

Crash points: members are written in pieces, each its own transaction. What is there half is completed by the next reading of the
files; until then nobody's plan is made of it, since the count doesn't fit (`answerable.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign import Book
from tillroll.campaign.segments.lists import CustomerList
from tillroll.campaign.segments.segment import lists_of
from tillroll.ledger.engine import insert_new, reading, writing
from tillroll.ledger.tables import list_members

_PIECE = 5_000


def record_lists(engine: Engine, *, store_id: int, book: Book) -> None:
    """Write down the lists that segments ask for, and forget who stood on any other. Harmless to repeat."""
    wanted = [book.lists[name] for name in sorted(lists_of(book.segments.values()) & book.lists.keys())]
    for one in wanted:
        record_list(engine, store_id=store_id, found=one)
    _forget_others(engine, store_id, [one.digest for one in wanted])


def record_list(engine: Engine, *, store_id: int, found: CustomerList) -> None:
    """Write one list down, unless all of it is there."""
    where = (list_members.c.store_id == store_id, list_members.c.digest == found.digest)
    query = sa.select(sa.func.count()).select_from(list_members).where(*where)
    with reading(engine) as connection:
        if connection.scalar(query) == found.count:
            return
    members = iter(sorted(found.members))
    while piece := list(islice(members, _PIECE)):
        rows = [{"store_id": store_id, "digest": found.digest, "member": member} for member in piece]
        with writing(engine) as connection:
            insert_new(connection, list_members, rows)


def _forget_others(engine: Engine, store_id: int, digests: Sequence[str]) -> None:
    """Members of lists that nothing asks for any more: what was planned of them is frozen in its plan."""
    stale = (list_members.c.store_id == store_id, list_members.c.digest.not_in(digests))
    with reading(engine) as connection:
        if not connection.scalar(sa.select(sa.exists().where(*stale))):
            return
    with writing(engine) as connection:
        connection.execute(sa.delete(list_members).where(*stale))
