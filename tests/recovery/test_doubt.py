"""What a refused ledger would repeat."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.journeys.path import agree, start
from tests.journeys.test_sent_by_crm import book
from tests.recovery.test_ownership_check import age
from tillroll.campaign import Book
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.tables import runs
from tillroll.loop.advance import StoreWorker
from tillroll.recovery.doubt import find_doubt


@pytest.mark.parametrize(("name", "own", "sends"), [("winback", None, True), ("news", book(), False)])
def test_only_e_mails_of_ours_count_as_ones_that_it_would_send(
    worker: StoreWorker, name: str, own: Book | None, sends: bool
) -> None:
    engine = worker.services.engine
    run_id = start(worker, name, book=own)
    agree(worker.services, run_id)
    with writing(engine) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(state=RunState.MINTING))
    age(worker)
    with reading(engine) as connection:
        store = load_store(connection, 1)
    doubt = find_doubt(worker.session, store)
    assert doubt is not None
    assert (doubt.messages > 0) is sends
