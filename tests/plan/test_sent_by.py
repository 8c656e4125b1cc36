"""What a plan says of codes that another program sends: it is told when they are made, and no e-mail of ours is counted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.engine import Engine

from tests.journeys.steps import NO_LIMITS
from tests.plan.test_overlap import put_under_way
from tests.plan.test_repeats import HAD_IT, PEOPLE
from tests.shop import ANA, NOW, add_customers, add_store, sample_files
from tillroll.campaign import parse_book
from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.plans import load_plan
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book

WEEKLY = """title: Welcome
owner: ana@shop.example
status: active
when: {cron: "0 10 * * MON"}
who: {segment: newcomers, exclude: [had-it]}
offer: {kind: percent, value: 10, valid: {%s}}
codes: {sent_by: crm}
"""


def shop(engine: Engine, valid: str) -> int:
    """Return a store with people who never ordered, and a weekly campaign whose codes Klaviyo sends them."""
    store_id = add_store(engine)
    add_customers(engine, store_id, *({"customer_id": number} for number in range(1, PEOPLE + 1)))
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    files["rules/guardrails.yaml"] = NO_LIMITS.encode()
    files["rules/segments/had-it.yaml"] = HAD_IT.encode()
    files["rules/crm.yaml"] = b"klaviyo: true\n"
    files["campaigns/hello.yaml"] = (WEEKLY % valid).encode()
    book = parse_book(files)
    assert not book.findings, [finding.render() for finding in book.findings]
    record_book(engine, store_id=store_id, book=book, now=NOW - timedelta(days=30))
    return store_id


def planned(engine: Engine, store_id: int, *, days: float = 0) -> tuple[int, dict[str, Verdict]]:
    """Plan a run; return it and its verdicts by their rule."""
    now = NOW + timedelta(days=days)
    run_id = start_by_hand(engine, store_id=store_id, name="hello", person=ANA.email, now=now)
    make_plan(engine, run_id=run_id, now=now, per_minute=600)
    with reading(engine) as connection:
        stored = load_plan(connection, run_id)
    assert stored is not None
    return run_id, {verdict.rule: verdict for verdict in stored.proposal.verdicts}


def test_who_got_a_code_that_another_program_sent_is_counted(ledger: Engine) -> None:
    store_id = shop(ledger, "for: 5d")
    run_id, before = planned(ledger, store_id)
    assert before["repeats"].text.startswith("4 of 4 would get another code at its next slot"), (
        "no e-mail of ours says that they got one, so the segment doesn't leave them out"
    )
    assert before["repeats"].text.endswith(
        "; got_code: doesn't leave them out, since Klaviyo sends the codes"
    )
    put_under_way(ledger, run_id, RunState.TRACKING, live=3)
    _, again = planned(ledger, store_id, days=1)
    assert again["repeats"].text.startswith("3 of 4 got a code of hello before")
    assert again["holds_code_already"].text == (
        "3 of 4 hold an unused code of hello that still works; "
        "got_code: doesn't leave them out, since Klaviyo sends the codes"
    )


@pytest.mark.parametrize(("begins", "is_refused"), [("2026-11-20 00:00", False), ("2026-12-01 00:00", True)])
def test_codes_that_would_be_told_before_they_work_are_refused(
    ledger: Engine, begins: str, is_refused: bool
) -> None:
    _, verdicts = planned(ledger, shop(ledger, f'from: "{begins}", until: "2026-12-24"'))
    assert ("told_early" in verdicts) is is_refused
    if is_refused:
        assert verdicts["told_early"].level is VerdictLevel.REFUSE
        assert "but Klaviyo is told of them when they are made" in verdicts["told_early"].text
