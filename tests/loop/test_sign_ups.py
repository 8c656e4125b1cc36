"""Who signs up gets one e-mail to confirm it, and becomes one customer of the store, whatever is lost or killed on the way."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.flows.events import book_of, campaign, entered
from tests.store import lay_faults, turn
from tests.web.test_sign_up import DOUBLE, NEW, SINGLE
from tillroll.campaign.frozen.sign_up import SignUpTerms
from tillroll.campaign.states import SignUpState
from tillroll.flows.enroll import enroll
from tillroll.ledger.consent.sign_ups import load_form, record_form
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import customers, sign_ups
from tillroll.loop.advance import StoreWorker
from tillroll.loop.due import due_stores, record_turn
from tillroll.loop.stages.sign_ups import welcome
from tillroll.plan.record.revisions import record_book
from tillroll.recovery.park import park
from tillroll.sandbox.serve import Sandbox
from tillroll.track.mirror.sync import sync_profile
from tillroll.track.signups.sign_up import Wanted, ask, confirm

ADDRESS = NEW.lower()
WANTED = Wanted(address=NEW, language="en", client="c1")


def sign_up(worker: StoreWorker, terms: SignUpTerms = SINGLE, wanted: Wanted = WANTED) -> None:
    engine, now = worker.services.engine, worker.services.clock.now()
    record_form(engine, store_id=1, terms=terms, now=now)
    sync_profile(engine, worker.client, store_id=1, now=now)  # the sender of its e-mails
    with reading(engine) as connection:
        form = load_form(connection, 1)
    assert form is not None
    ask(engine, form, wanted, now=now)


def work(worker: StoreWorker) -> None:
    """Do what is due, as if what waits were due already."""
    with writing(worker.services.engine) as connection:
        connection.execute(sa.update(sign_ups).values(not_before=None))
    welcome(worker, worker.services.clock.now() + timedelta(seconds=30))


def row(engine: Engine) -> sa.Row[Any]:
    with reading(engine) as connection:
        return connection.execute(sa.select(sign_ups)).one()


def in_store(sandbox: Sandbox) -> list[tuple[int, int]]:
    """The store's customers with the address, and whether they agree."""
    rows = sandbox.store.state.rows("select id, consent from customers where email = ?", (ADDRESS,))
    return [(each["id"], each["consent"]) for each in rows]


def mails(worker: StoreWorker) -> list[dict[str, Any]]:
    path = worker.services.settings.outbox / "messages.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [line for line in map(json.loads, lines) if line["to"] == ADDRESS]


def test_a_new_customer_is_made_once_and_is_in_the_mirror_at_once(
    worker: StoreWorker, sandbox: Sandbox
) -> None:
    engine = worker.services.engine
    sign_up(worker)
    work(worker)
    work(worker)
    ((number, agrees),) = in_store(sandbox)
    assert agrees == 1
    assert (row(engine).state, row(engine).customer_id) == (SignUpState.DONE, number)
    with reading(engine) as connection:
        query = sa.select(customers.c.email, customers.c.accepts_marketing).where(
            customers.c.customer_id == number
        )
        assert tuple(connection.execute(query).one()) == (ADDRESS, True)
    assert mails(worker) == []


def test_a_welcome_flow_begins_for_who_signed_up(worker: StoreWorker, sandbox: Sandbox) -> None:
    engine, now = worker.services.engine, worker.services.clock.now()
    book = book_of(welcome=campaign("customer_created"))
    record_book(engine, store_id=1, book=book, now=now - timedelta(hours=1))
    sign_up(worker)
    work(worker)
    enroll(engine, store_id=1, now=worker.services.clock.now() + timedelta(minutes=1))
    assert [entry.customer_id for entry in entered(engine)] == [row(engine).customer_id]


def test_a_lost_answer_makes_no_second_customer(worker: StoreWorker, sandbox: Sandbox) -> None:
    sign_up(worker)
    lay_faults(sandbox, lost_answers={"path": "/customers", "on": "writes"})
    work(worker)
    assert row(worker.services.engine).state == SignUpState.CREATING
    assert len(in_store(sandbox)) == 1
    lay_faults(sandbox, lost_answers=False)
    work(worker)
    ((number, _),) = in_store(sandbox)
    assert (row(worker.services.engine).state, row(worker.services.engine).customer_id) == (
        SignUpState.DONE,
        number,
    )


def test_a_customer_whom_the_mirror_does_not_know_yet_agrees_too(
    worker: StoreWorker, sandbox: Sandbox
) -> None:
    number = worker.client.customers.create(ADDRESS)
    worker.client.customers.set_consent(number, False)
    sign_up(worker)
    work(worker)
    assert [each for each, _ in in_store(sandbox)] == [number]
    with reading(worker.services.engine) as connection:
        agrees = sa.select(customers.c.accepts_marketing).where(customers.c.customer_id == number)
        assert connection.scalar(agrees) is True


def test_a_language_that_the_store_lacks_and_a_missing_scope_cost_nobody_anything(
    worker: StoreWorker, sandbox: Sandbox
) -> None:
    turn(sandbox, missing_scopes=["create_customers"])
    sign_up(worker, wanted=Wanted(address=NEW, language="sl", client="c1"))
    now = worker.services.clock.now()
    assert (
        welcome(worker, now + timedelta(seconds=30)) is None
    )  # it waits for a day, and the store has its turns
    assert in_store(sandbox) == []
    turn(sandbox, missing_scopes=[], unknown_language="refuse")
    work(worker)
    work(worker)
    work(worker)
    assert len(in_store(sandbox)) == 1
    assert row(worker.services.engine).state == SignUpState.DONE


def test_with_double_opt_in_one_e_mail_leaves_and_its_click_makes_the_customer(
    worker: StoreWorker, sandbox: Sandbox
) -> None:
    engine = worker.services.engine
    sign_up(worker, DOUBLE)
    work(worker)
    work(worker)
    (mail,) = mails(worker)
    assert (mail["subject"], row(engine).state) == ("Please confirm", SignUpState.MAILED)
    assert in_store(sandbox) == []
    written = (worker.services.settings.outbox / mail["file"]).read_text("utf-8").replace("=\n", "")
    token = written.rpartition("/confirm/")[2].partition("'")[0].partition('"')[0]
    claim = worker.services.confirm_links.opened(token)
    assert claim is not None
    now = worker.services.clock.now()
    assert confirm(engine, 1, claim.sign_up_id, claim.address, client="c2", now=now) is not None
    work(worker)
    assert [agrees for _, agrees in in_store(sandbox)] == [1]
    assert (row(engine).client, row(engine).confirmed_client) == ("c1", "c2")
    assert len(mails(worker)) == 1


@pytest.mark.parametrize("left", [True, False])
def test_an_e_mail_that_was_leaving_when_the_process_died_is_sent_once(
    worker: StoreWorker, sandbox: Sandbox, left: bool
) -> None:
    sign_up(worker, DOUBLE)
    if left:
        work(worker)
    with writing(worker.services.engine) as connection:
        connection.execute(sa.update(sign_ups).values(state=SignUpState.LEAVING))
    work(worker)
    assert (len(mails(worker)), row(worker.services.engine).state) == (1, SignUpState.MAILED)


def test_the_e_mail_is_in_the_language_of_the_form(worker: StoreWorker, sandbox: Sandbox) -> None:
    sign_up(worker, DOUBLE, Wanted(address=NEW, language="de-AT", client="c1"))
    work(worker)
    assert [mail["subject"] for mail in mails(worker)] == ["Bitte bestätigen"]


def test_a_form_wakes_the_worker(worker: StoreWorker) -> None:
    engine, now = worker.services.engine, worker.services.clock.now()
    later = now + timedelta(hours=1)
    record_turn(engine, store_id=1, began=now, ended=now, next_at=later, polled_at=None)
    with reading(engine) as connection:
        assert due_stores(connection, now) == []
    sign_up(worker)
    with reading(engine) as connection:
        assert [due.store_id for due in due_stores(connection, now)] == [1]


def test_a_wish_without_a_click_is_forgotten_after_a_while(worker: StoreWorker) -> None:
    sign_up(worker, DOUBLE)
    work(worker)
    for days, left in ((59, 1), (61, 0)):
        long_ago = worker.services.clock.now() - timedelta(days=days)
        with writing(worker.services.engine) as connection:
            connection.execute(sa.update(sign_ups).values(asked_at=long_ago))
        work(worker)
        with reading(worker.services.engine) as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(sign_ups)) == left


def test_after_a_restore_no_second_e_mail_leaves(worker: StoreWorker, sandbox: Sandbox) -> None:
    sign_up(worker, DOUBLE)  # as the backup has it: the e-mail left after that
    services = worker.services
    park(services.engine, services.transport, store_id=1, record=None, now=services.clock.now())
    work(worker)
    assert (mails(worker), row(services.engine).state) == ([], SignUpState.MAILED)
    now = services.clock.now()
    assert confirm(services.engine, 1, row(services.engine).id, ADDRESS, client="c2", now=now) is not None
    work(worker)
    assert len(in_store(sandbox)) == 1
