"""A plan says when its last e-mail leaves, and warns when that is too late for its code."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.send.test_manners import book_with, people
from tests.shop import NOW, add_customers, add_store, lapsed
from tillroll.campaign.frozen.proposal import Proposal, Verdict, VerdictLevel
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.moments import Timing, timing
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan, load_revision
from tillroll.ledger.tables import sender_days
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book

RAMP = "ramp_up: {start: 10, grows: 50%, until: 1000}\n"
QUIET = "{quiet_hours: 21:00-08:00}"


def planned(
    ledger: Engine,
    rails: str = "",
    *,
    send: str = "",
    lasts: str = "90d",
    addresses: list[str],
    countries: tuple[str, ...] = ("SI",),
) -> tuple[Proposal, Timing]:
    """Plan the campaign for people of these addresses, who live in these countries in turn."""
    store_id = add_store(ledger)
    rows = (
        lapsed(number, email=email, country=countries[number % len(countries)])
        for number, email in enumerate(addresses)
    )
    add_customers(ledger, store_id, *rows)
    record_book(ledger, store_id=store_id, book=book_with(rails, send=send, lasts=lasts), now=NOW)
    run_id = start_by_hand(ledger, store_id=store_id, name="hello", person="ana", now=NOW)
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600, transport="smtp")
    with ledger.connect() as connection:
        plan = load_plan(connection, run_id)
        assert plan is not None
        revision = load_revision(connection, plan.revision_id)
    assert Proposal.from_json(plan.proposal.to_json()) == plan.proposal
    when = timing(
        revision,
        zone=zone_of("Europe/Ljubljana"),
        begins=NOW,
        messages=len(addresses),
        leaving=plan.proposal.leaving,
    )
    return plan.proposal, when


def verdict_of(proposal: Proposal) -> Verdict | None:
    return next((verdict for verdict in proposal.verdicts if verdict.rule == "last_email"), None)


def test_a_new_senders_plan_shows_its_days(ledger: Engine) -> None:
    proposal, when = planned(ledger, RAMP, addresses=people(50))
    assert f"{when.last_mail:%Y-%m-%d %H:%M}" == "2026-11-26 00:00"
    assert "spreads the e-mails over 4 days: 10, 15, 23, 2." in when.notes[0]
    verdict = verdict_of(proposal)
    assert verdict is not None
    assert (verdict.level, verdict.measured) == (VerdictLevel.PASS, "3 days")


def test_what_left_before_makes_the_days_fewer(ledger: Engine) -> None:
    with writing(ledger) as connection:
        row = {"transport": "smtp", "day": "2026-11-20", "left": 40}
        connection.execute(sa.insert(sender_days).values(row))
    _, when = planned(ledger, RAMP, addresses=people(50))
    assert f"{when.last_mail:%Y-%m-%d %H:%M}" == "2026-11-23 09:00"


def test_it_warns_when_codes_expire_before_the_last_e_mail(ledger: Engine) -> None:
    slow = "ramp_up: {start: 1, grows: 1%, until: 1000}\n"
    proposal, when = planned(ledger, slow, lasts="14d", addresses=people(200))
    verdict = verdict_of(proposal)
    assert verdict is not None
    assert verdict.level is VerdictLevel.WARN
    assert "e-mails that come too late are not sent" in verdict.text
    assert when.last_mail is not None
    assert when.last_mail > NOW + timedelta(days=15)


@pytest.mark.parametrize(
    ("send", "countries", "last", "note"),
    [
        ("", ("SI", "JP"), "09:00", ""),
        (QUIET, ("SI", "AT"), "09:00", ""),
        (QUIET, ("SI", "NZ", "JP"), "19:00", "2 recipients live in other time zones"),
    ],
)
def test_it_says_who_lives_in_other_zones(
    ledger: Engine, send: str, countries: tuple[str, ...], last: str, note: str
) -> None:
    _, when = planned(ledger, send=send, addresses=people(3), countries=countries)
    assert f"{when.last_mail:%H:%M}" == last
    assert when.notes[0].startswith(note)


def test_a_slow_domain_is_named_with_the_time_that_its_e_mails_take(ledger: Engine) -> None:
    addresses = [*people(40, "Slow.example"), *people(9, "own.example"), *people(30, "quick.example")]
    proposal, when = planned(ledger, "per_domain: {slow.example: 20/h, default: 60/m}\n", addresses=addresses)
    assert proposal.leaving is not None
    assert proposal.leaving.domains == {"slow.example": 40, "quick.example": 30}  # not a domain of few people
    assert "The e-mails to slow.example take about 2 hours" in when.notes[0]
    assert when.last_mail == NOW + timedelta(hours=2)


def test_a_plan_without_any_of_this_keeps_its_digest(ledger: Engine) -> None:
    proposal, _ = planned(ledger, addresses=people(3))
    assert proposal.leaving is None
    assert "leaving" not in proposal.to_json()
    assert verdict_of(proposal) is None
