"""A plan says who got a code of its campaign before, and who would get another one at its next slot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.journeys.steps import NO_LIMITS
from tests.plan.test_overlap import put_under_way
from tests.shop import ANA, NOW, add_customers, add_store, run_row, sample_files
from tillroll.campaign import parse_book
from tillroll.campaign.frozen.proposal import Verdict
from tillroll.campaign.language.models import Who
from tillroll.campaign.segments.after_sending import leaves_out_its_own
from tillroll.campaign.segments.segment import Segment
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import messages
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book

WELCOME = """title: Welcome
owner: ana@shop.example
status: active
when: {%s}
who: {segment: newcomers%s}
%s
message: {template: note, subject: Hello}
"""
WEEKLY = 'cron: "0 10 * * MON"'
OFFER = "offer: {kind: percent, value: 10, valid: {for: 5d}}"
HAD_IT = "title: t\nwhere: {got_code: {campaigns: [hello], within: 8d}}\n"
PEOPLE = 4


def shop(engine: Engine, when: str = WEEKLY, exclude: str = "", offer: str = OFFER, rails: str = "") -> int:
    """Return a store with people who never ordered, and a campaign for them."""
    store_id = add_store(engine)
    add_customers(engine, store_id, *({"customer_id": number} for number in range(1, PEOPLE + 1)))
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    files["rules/guardrails.yaml"] = (NO_LIMITS + rails).encode()
    files["rules/segments/had-it.yaml"] = HAD_IT.encode()
    files["templates/note/message.html.j2"] = b"<p>Hello {{ unsubscribe_link }}</p>"
    files["campaigns/hello.yaml"] = (WELCOME % (when, exclude, offer)).encode()
    book = parse_book(files)
    assert not book.findings, [finding.render() for finding in book.findings]
    record_book(engine, store_id=store_id, book=book, now=NOW - timedelta(days=30))
    return store_id


def planned(engine: Engine, store_id: int, now: datetime = NOW) -> tuple[int, list[Verdict]]:
    """Plan a run; return it and the verdicts on repetition."""
    run_id = start_by_hand(engine, store_id=store_id, name="hello", person=ANA.email, now=now)
    make_plan(engine, run_id=run_id, now=now, per_minute=600)
    with reading(engine) as connection:
        stored = load_plan(connection, run_id)
    assert stored is not None
    return run_id, [verdict for verdict in stored.proposal.verdicts if verdict.rule == "repeats"]


@pytest.mark.parametrize(
    ("rails", "state"), [("", RunState.WAITING), ("repeats: refuse\n", RunState.REFUSED)]
)
def test_a_weekly_code_for_who_never_ordered_is_told_before_the_first_run(
    ledger: Engine, rails: str, state: RunState
) -> None:
    run_id, (verdict,) = planned(ledger, shop(ledger, rails=rails))
    assert verdict.text == (
        "4 of 4 would get another code at its next slot, Mon 30 November 2026 10:00; "
        "to leave them out, exclude a segment with got_code: {campaigns: [hello], within: 30d}"
    )
    assert run_row(ledger, run_id).state is state


@pytest.mark.parametrize(
    ("when", "exclude", "offer"),
    [
        (WEEKLY, ", exclude: [had-it]", OFFER),
        (WEEKLY, "", ""),
        ("manual: true", "", OFFER),
    ],
)
def test_what_cannot_repeat_is_not_told(ledger: Engine, when: str, exclude: str, offer: str) -> None:
    assert planned(ledger, shop(ledger, when, exclude, offer))[1] == []


def test_the_last_slot_is_followed_by_none(ledger: Engine) -> None:
    store_id = shop(ledger, "at: 2026-12-01 10:00")
    assert len(planned(ledger, store_id)[1]) == 1, "started by hand, before its slot"
    assert planned(ledger, store_id, datetime(2026, 12, 1, 9, tzinfo=UTC))[1] == []


def test_an_exclusion_shorter_than_the_gap_between_slots_is_no_protection(ledger: Engine) -> None:
    _, (verdict,) = planned(ledger, shop(ledger, 'cron: "0 10 1 */2 *"', ", exclude: [had-it]"))
    assert verdict.text.startswith(
        "4 of 4 would get another code at its next slot, Fri 01 January 2027 10:00"
    )


def test_who_got_a_code_before_is_counted(ledger: Engine) -> None:
    store_id = shop(ledger, "manual: true")
    run_id, _ = planned(ledger, store_id)
    put_under_way(ledger, run_id, RunState.TRACKING, live=3, message_states=[("sent", "")] * 3)
    with writing(ledger) as connection:
        connection.execute(sa.update(messages).values(sent_at=NOW))
    add_customers(ledger, store_id, {"customer_id": 99})
    _, (verdict,) = planned(ledger, store_id, NOW + timedelta(days=60))
    assert verdict.text.startswith(
        "3 of 5 got a code of hello before, the last one on 23 November 2026; to leave"
    )


@pytest.mark.parametrize(
    ("where", "selected", "leaves_out"),
    [
        ({"got_code": {}}, False, True),
        ({"got_code": {"campaigns": ["other"]}}, False, False),
        ({"got_email": {"within": "7d"}}, False, True),
        ({"got_email": {"within": "6d"}}, False, False),
        ({"got_email": {"at_least": 2}}, False, False),
        ({"any": [{"orders": {"at_least": 9}}, {"got_code": {}}]}, False, True),
        ({"all": [{"orders": {"at_least": 9}}, {"got_code": {}}]}, False, False),
        ({"all": [{"orders": {"at_most": 0}}, {"not": {"got_code": {"within": "30d"}}}]}, True, True),
        ({"not": {"got_code": {"campaigns": ["hello"], "within": "3d"}}}, True, False),
        ({"orders": {"at_most": 0}}, True, False),
    ],
)
def test_segments_tell_whether_recipients_are_left_out_next_time(
    where: dict[str, object], selected: bool, leaves_out: bool
) -> None:
    everybody = Segment.model_validate({"title": "t", "where": {"accepts_marketing": True}})
    segments = {"asked": Segment.model_validate({"title": "t", "where": where}), "all": everybody}
    who = Who(segment="asked") if selected else Who(segment="all", exclude=("asked",))
    week = timedelta(days=7)
    assert leaves_out_its_own(who, segments, campaign="hello", gap=week) is leaves_out
