"""Record the members of customer lists in the ledger, under each list's digest, before a revision refers to the list.

Crash points: members are written in pieces, each in a transaction of its own. A partly written list is completed when the files
are read next; until then no plan uses it, since its count does not match (`plan/segments/answerable.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tillroll.campaign import Book
from tillroll.campaign.figures.batched import batched
from tillroll.campaign.segments.lists import CustomerList
from tillroll.campaign.segments.segment import lists_of
from tillroll.ledger.engine import insert_new, reading, writing
from tillroll.ledger.tables import list_members

_PIECE = 5_000


def record_lists(engine: Engine, *, store_id: int, book: Book) -> None:
    """Record the lists that segments ask for, and delete the members of all others. Safe to repeat."""
    used = [book.lists[name] for name in sorted(lists_of(book.segments.values()) & book.lists.keys())]
    for customer_list in used:
        record_list(engine, store_id=store_id, customer_list=customer_list)
    _delete_others(engine, store_id, [customer_list.digest for customer_list in used])


def record_list(engine: Engine, *, store_id: int, customer_list: CustomerList) -> None:
    """Record one list, unless it is there in full."""
    where = (list_members.c.store_id == store_id, list_members.c.digest == customer_list.digest)
    query = sa.select(sa.func.count()).select_from(list_members).where(*where)
    with reading(engine) as connection:
        if connection.scalar(query) == customer_list.count:
            return
    for piece in batched(sorted(customer_list.members), _PIECE):
        rows = [{"store_id": store_id, "digest": customer_list.digest, "member": member} for member in piece]
        with writing(engine) as connection:
            insert_new(connection, list_members, rows)


def _delete_others(engine: Engine, store_id: int, digests: Sequence[str]) -> None:
    """Delete the members of lists that no segment uses any more: plans keep their own recipients."""
    stale = (list_members.c.store_id == store_id, list_members.c.digest.not_in(digests))
    with reading(engine) as connection:
        if not connection.scalar(sa.select(sa.exists().where(*stale))):
            return
    with writing(engine) as connection:
        connection.execute(sa.delete(list_members).where(*stale))
