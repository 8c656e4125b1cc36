"""Who unsubscribes arrives everywhere, once: in the mirror, in the store, and from the store; and too many complaints hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.loop.test_outage import account, letters
from tests.shop import ANA
from tests.store import turn
from tillroll.approve.halt import COMPLAINTS, restart_campaign
from tillroll.campaign.figures.complaints import ComplaintLevel, ComplaintRate
from tillroll.campaign.states import ConsentSource, PushOutcome, SuppressionCause
from tillroll.campaign.text.addresses import same_address
from tillroll.ecwid.endpoints.customers import Customer
from tillroll.ledger.consent.reports import MailReport, record_complaint
from tillroll.ledger.consent.standing import standings
from tillroll.ledger.consent.suppress import Wish, suppress
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import campaigns, consent_pushes, consents, customers, mail_reports
from tillroll.loop.advance import StoreWorker, advance
from tillroll.sandbox.serve import Sandbox
from tillroll.track.consent.to_store import tell_store
from tillroll.track.mirror.area_rows import write_customers
from tillroll.track.mirror.follow import sync_customers
from tillroll.track.mirror.session import MirrorSession

HUNDRED = 100


def soon(worker: StoreWorker) -> datetime:
    return worker.services.clock.now() + timedelta(seconds=30)


def read_all(worker: StoreWorker) -> None:
    """Read all customers into the mirror."""
    while not sync_customers(MirrorSession.of(worker.session, finished=lambda: False)).complete:
        continue


def agreeing(engine: Engine) -> list[str]:
    query = sa.select(customers.c.email).where(customers.c.accepts_marketing.is_(sa.true()))
    with reading(engine) as connection:
        return list(connection.scalars(query.order_by(customers.c.customer_id)))


def says_no(engine: Engine, *addresses: str, now: datetime) -> None:
    for address in addresses:
        wish = Wish(address=address, cause=SuppressionCause.UNSUBSCRIBED, source=ConsentSource.LINK)
        with writing(engine) as connection:
            suppress(connection, 1, wish, now=now, actor="reader")


def in_store(sandbox: Sandbox, addresses: list[str]) -> set[bool | None]:
    rows = sandbox.store.state.rows("select email, consent from customers")
    return {
        None if row["consent"] is None else bool(row["consent"]) for row in rows if row["email"] in addresses
    }


def outcomes(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return list(connection.scalars(sa.select(consent_pushes.c.outcome).order_by(consent_pushes.c.id)))


@pytest.fixture
def engine(worker: StoreWorker) -> Engine:
    read_all(worker)
    return worker.services.engine


def test_a_hundred_unsubscribes_arrive_in_the_store(
    engine: Engine, worker: StoreWorker, sandbox: Sandbox
) -> None:
    people = agreeing(engine)[:HUNDRED]
    assert len(people) == HUNDRED
    says_no(engine, *people, now=worker.services.clock.now())
    while tell_store(worker.session, until=soon(worker)) is not None:
        continue
    assert in_store(sandbox, people) == {False}
    assert outcomes(engine) == [PushOutcome.TOLD] * HUNDRED
    read_all(worker)
    assert not set(agreeing(engine)) & set(people)


def test_a_hundred_who_take_consent_back_in_the_store_arrive_here(
    engine: Engine, worker: StoreWorker, sandbox: Sandbox
) -> None:
    people = agreeing(engine)[:HUNDRED]
    with reading(engine) as connection:
        ids = list(
            connection.scalars(sa.select(customers.c.customer_id).where(customers.c.email.in_(people)))
        )
    for customer_id in ids:
        worker.client.customers.set_consent(customer_id, False)
    changed = [worker.client.customers.get(customer_id) for customer_id in ids]
    with writing(engine) as connection:
        write_customers(connection, 1, changed, worker.services.clock.now())
    assert not set(agreeing(engine)) & set(people)
    with reading(engine) as connection:
        proof = (
            consents.c.agreed.is_(sa.false()),
            consents.c.source == ConsentSource.STORE,
            consents.c.address.in_([same_address(person) for person in people]),
        )
        assert connection.scalar(sa.select(sa.func.count()).where(*proof)) == HUNDRED


def test_the_store_is_told_once_though_answers_are_lost(
    engine: Engine, worker: StoreWorker, sandbox: Sandbox
) -> None:
    (person,) = agreeing(engine)[:1]
    says_no(engine, person, now=worker.services.clock.now())
    assert tell_store(worker.session, until=soon(worker)) is None
    assert tell_store(worker.session, until=soon(worker)) is None
    assert outcomes(engine) == [PushOutcome.TOLD]


def test_without_the_scope_the_ledger_holds_and_nothing_stops(
    engine: Engine, worker: StoreWorker, sandbox: Sandbox
) -> None:
    (person,) = agreeing(engine)[:1]
    says_no(engine, person, now=worker.services.clock.now())
    turn(sandbox, missing_scopes=["update_customers"])
    assert tell_store(worker.session, until=soon(worker)) is None
    assert outcomes(engine) == [""]
    with reading(engine) as connection:
        assert standings(connection, 1, "any", [person], worker.services.clock.now())
        not_before = connection.scalars(sa.select(consent_pushes.c.not_before)).one()
    assert not_before is not None
    turn(sandbox, missing_scopes=[])
    with writing(engine) as connection:
        connection.execute(sa.update(consent_pushes).values(not_before=None))
    tell_store(worker.session, until=soon(worker))
    assert outcomes(engine) == [PushOutcome.TOLD]


def seen(worker: StoreWorker, address: str) -> Customer:
    """Return a customer as the store has them."""
    with reading(worker.services.engine) as connection:
        query = sa.select(customers.c.customer_id).where(customers.c.email == address)
        return worker.client.customers.get(connection.scalars(query).one())


def stopped(engine: Engine, address: str, now: datetime) -> bool:
    with reading(engine) as connection:
        return any(each.stopped for each in standings(connection, 1, "any", [address], now).values())


def test_what_the_store_said_before_gives_no_consent_back(
    engine: Engine, worker: StoreWorker, sandbox: Sandbox
) -> None:
    """It hasn't been told yet, or its list lags behind."""
    (person,) = agreeing(engine)[:1]
    now = worker.services.clock.now()
    says_no(engine, person, now=now)
    as_it_was = seen(worker, person)
    assert as_it_was.accepts_marketing is True
    for _ in range(2):
        with writing(engine) as connection:
            write_customers(connection, 1, [as_it_was], now)
        assert person not in agreeing(engine)
        assert stopped(engine, person, now)
        tell_store(worker.session, until=soon(worker))


def test_who_agrees_again_in_the_store_later_gets_e_mails_again(
    engine: Engine, worker: StoreWorker, sandbox: Sandbox
) -> None:
    (person,) = agreeing(engine)[:1]
    now = worker.services.clock.now()
    says_no(engine, person, now=now)
    tell_store(worker.session, until=soon(worker))
    later = now + timedelta(hours=1)
    again = replace(seen(worker, person), accepts_marketing=True, updated_at=later)
    with writing(engine) as connection:
        write_customers(connection, 1, [again], later)
    assert person in agreeing(engine)
    assert not stopped(engine, person, later)


def test_a_complaint_stays_whatever_the_store_says(engine: Engine, worker: StoreWorker) -> None:
    (person,) = agreeing(engine)[:1]
    now = worker.services.clock.now()
    record_complaint(engine, 1, MailReport(address=person, at=now), now=now)
    tell_store(worker.session, until=soon(worker))
    later = now + timedelta(hours=1)
    again = replace(seen(worker, person), accepts_marketing=True, updated_at=later)
    with writing(engine) as connection:
        write_customers(connection, 1, [again], later)
    assert stopped(engine, person, later)


@pytest.mark.parametrize(
    ("complaints", "sent", "level"),
    [
        (0, 0, ComplaintLevel.FINE),
        (1, 1_000, ComplaintLevel.FINE),
        (2, 1_999, ComplaintLevel.WARN),
        (3, 1_000, ComplaintLevel.WARN),
        (4, 1_333, ComplaintLevel.HOLD),
        (1, 100, ComplaintLevel.FINE),  # so few mean nothing yet
        (2, 999, ComplaintLevel.FINE),
        (2, 1_000, ComplaintLevel.WARN),
        (3, 999, ComplaintLevel.HOLD),
        (3, 100, ComplaintLevel.HOLD),
    ],
)
def test_over_a_tenth_of_a_percent_warns_and_over_three_tenths_holds(
    complaints: int, sent: int, level: ComplaintLevel
) -> None:
    assert ComplaintRate(campaign="winback", complaints=complaints, sent=sent).level is level


def test_a_campaign_that_readers_call_spam_is_held_and_people_are_told_once(worker: StoreWorker) -> None:
    services, now = worker.services, worker.services.clock.now()
    account(services, ANA.email, "approver")
    advance(worker, until=soon(worker))
    about = {"store_id": 1, "kind": "complaint", "campaign": "winback", "at": now, "noted_at": now}
    people = ("a@b.example", "b@b.example", "c@b.example")
    rows = [{**about, "event_key": one, "address": one, "mailbox": one} for one in people]
    with writing(services.engine) as connection:
        connection.execute(sa.insert(mail_reports), rows)
    for _ in range(3):
        advance(worker, until=soon(worker))
    with reading(services.engine) as connection:
        halted = sa.select(campaigns.c.name).where(campaigns.c.halted_by == COMPLAINTS.email)
        assert list(connection.scalars(halted)) == ["winback"]
    told = [letter for letter in letters(services) if letter["to"] == ANA.email]
    assert ["is held" in letter["subject"] for letter in told] == [True]
    restart_campaign(services.engine, store_id=1, campaign="winback", person=ANA, note="", now=now)
    advance(worker, until=soon(worker))
    with reading(services.engine) as connection:
        assert list(connection.scalars(halted)) == []
