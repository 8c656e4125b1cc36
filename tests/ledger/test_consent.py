"""Wishes about e-mails are written at once and once, and reports of mail services are counted once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import NOW, add_customers, add_store, lapsed
from tillroll.campaign.states import ConsentSource, SuppressionCause
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.consent.reports import MOST_SOFT_BOUNCES, MailReport, record_bounce, record_complaint
from tillroll.ledger.consent.standing import WANTS_ALL, MailStanding, standings
from tillroll.ledger.consent.suppress import Which, Wish, agree, lift, suppress
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.tables import audit, consent_pushes, consents, customers, mail_reports, suppressions

ADDRESS = "customer1@example.com"
LATER = NOW + timedelta(hours=1)


def stop(
    engine: Engine, store_id: int, address: str = ADDRESS, *, now: datetime = NOW, **more: object
) -> bool:
    wish = Wish(
        address=address,
        **{"cause": SuppressionCause.UNSUBSCRIBED, "source": ConsentSource.LINK, **more},  # type: ignore[arg-type]
    )
    with writing(engine) as connection:
        return suppress(connection, store_id, wish, now=now, actor="reader")


def standing(
    engine: Engine, store_id: int, address: str = ADDRESS, *, campaign: str = "winback", now: datetime = NOW
) -> MailStanding:
    with reading(engine) as connection:
        found = standings(connection, store_id, campaign, [address], now)
    return next(iter(found.values()), WANTS_ALL)


def count(engine: Engine, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
    with reading(engine) as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table).where(*where)) or 0)


@pytest.fixture
def store_id(ledger: Engine) -> int:
    number = add_store(ledger)
    add_customers(ledger, number, lapsed(1), lapsed(2))
    return number


def test_a_wish_is_in_the_mirror_the_proof_and_what_the_store_is_told(ledger: Engine, store_id: int) -> None:
    assert stop(ledger, store_id)
    assert standing(ledger, store_id).stopped is SuppressionCause.UNSUBSCRIBED
    assert count(ledger, customers, customers.c.accepts_marketing.is_(sa.false())) == 1
    assert count(ledger, consents, consents.c.agreed.is_(sa.false())) == 1
    assert count(ledger, consent_pushes, consent_pushes.c.agreed.is_(sa.false())) == 1
    assert count(ledger, audit, audit.c.action == "suppression.added") == 1
    with reading(ledger) as connection:
        assert first_broken_row(connection) is None
        assert ADDRESS not in "".join(connection.scalars(sa.select(audit.c.body)))


def test_the_same_wish_again_changes_nothing(ledger: Engine, store_id: int) -> None:
    assert [stop(ledger, store_id), stop(ledger, store_id, f" {ADDRESS.upper()} ")] == [True, False]
    assert count(ledger, suppressions) == count(ledger, consents) == count(ledger, consent_pushes) == 1


def test_a_person_is_known_by_their_mailbox(ledger: Engine, store_id: int) -> None:
    stop(ledger, store_id, "ana.novak+shop@gmail.com")
    assert standing(ledger, store_id, "AnaNovak@googlemail.com").stopped
    assert standing(ledger, store_id, "ana@example.com") == WANTS_ALL


def test_a_wish_about_one_campaign_leaves_the_others(ledger: Engine, store_id: int) -> None:
    stop(ledger, store_id, campaign="winback")
    assert standing(ledger, store_id).stopped
    assert standing(ledger, store_id, campaign="welcome") == WANTS_ALL
    assert count(ledger, customers, customers.c.accepts_marketing.is_(sa.false())) == 0
    assert count(ledger, consent_pushes) == 0


def test_a_wish_for_fewer_e_mails_stops_none(ledger: Engine, store_id: int) -> None:
    stop(ledger, store_id, every_days=30)
    stop(ledger, store_id, every_days=7)
    assert standing(ledger, store_id) == MailStanding(pause=timedelta(days=30))


def test_a_wish_with_an_end_ends(ledger: Engine, store_id: int) -> None:
    stop(ledger, store_id, until=LATER)
    assert standing(ledger, store_id).stopped
    assert standing(ledger, store_id, now=LATER) == WANTS_ALL


def test_another_store_knows_nothing_of_it(ledger: Engine, store_id: int) -> None:
    other = add_store(ledger, ecwid_id=1004)
    stop(ledger, store_id)
    assert standing(ledger, other) == WANTS_ALL


def test_what_is_lifted_no_longer_counts_and_stays_in_the_ledger(ledger: Engine, store_id: int) -> None:
    stop(ledger, store_id)
    stop(ledger, store_id, cause=SuppressionCause.COMPLAINT)
    only = Which(causes=frozenset({SuppressionCause.UNSUBSCRIBED}))
    with writing(ledger) as connection:
        assert len(lift(connection, store_id, ADDRESS, only, now=LATER, actor="ana")) == 1
        assert lift(connection, store_id, ADDRESS, only, now=LATER, actor="ana") == []
    assert standing(ledger, store_id).stopped is SuppressionCause.COMPLAINT
    with writing(ledger) as connection:
        lift(connection, store_id, ADDRESS, Which(), now=LATER, actor="ana")
    assert standing(ledger, store_id) == WANTS_ALL
    assert count(ledger, suppressions) == 2


def test_the_last_wish_is_what_the_store_is_told(ledger: Engine, store_id: int) -> None:
    stop(ledger, store_id)
    with writing(ledger) as connection:
        agree(connection, store_id, ADDRESS, source=ConsentSource.LINK, now=LATER)
    open_ = consent_pushes.c.done_at.is_(None)
    assert count(ledger, consent_pushes, open_) == 1
    assert count(ledger, consent_pushes, open_, consent_pushes.c.agreed.is_(sa.true())) == 1
    assert count(ledger, customers, customers.c.accepts_marketing.is_(sa.true())) == 2


def report(number: int = 1, *, at: datetime = NOW) -> MailReport:
    return MailReport(address=ADDRESS, event_id=f"service:{number}", at=at, said="550 no such user\r\nX: y")


def test_a_complaint_is_counted_once_and_stops_all_e_mails(ledger: Engine, store_id: int) -> None:
    assert record_complaint(ledger, store_id, report(), now=NOW)
    assert not record_complaint(ledger, store_id, report(), now=LATER)
    assert count(ledger, mail_reports) == 1
    assert standing(ledger, store_id).stopped is SuppressionCause.COMPLAINT
    assert count(ledger, consent_pushes) == 1


def test_a_hard_bounce_stops_e_mails_and_says_nothing_about_consent(ledger: Engine, store_id: int) -> None:
    assert record_bounce(ledger, store_id, report(), hard=True, now=NOW)
    assert standing(ledger, store_id).stopped is SuppressionCause.HARD_BOUNCE
    assert count(ledger, consent_pushes) == count(ledger, consents) == 0
    assert count(ledger, customers, customers.c.accepts_marketing.is_(sa.false())) == 0


def test_several_soft_bounces_stop_e_mails_and_old_ones_are_forgotten(ledger: Engine, store_id: int) -> None:
    old = NOW - timedelta(days=100)
    for number in range(MOST_SOFT_BOUNCES):
        record_bounce(ledger, store_id, report(100 + number, at=old), hard=False, now=NOW)
    for number in range(MOST_SOFT_BOUNCES):
        assert standing(ledger, store_id) == WANTS_ALL
        record_bounce(ledger, store_id, report(number), hard=False, now=NOW)
    assert standing(ledger, store_id).stopped is SuppressionCause.SOFT_BOUNCES


def test_a_report_about_nobody_changes_nothing(ledger: Engine, store_id: int) -> None:
    unknown = MailReport(message_key="r9-9-abc", at=NOW)
    assert not record_complaint(ledger, store_id, unknown, now=NOW)
    assert count(ledger, mail_reports) == count(ledger, suppressions) == 0
