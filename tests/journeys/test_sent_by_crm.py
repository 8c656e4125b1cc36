"""A campaign whose codes another program sends: planned, approved, minted, told and tracked, and no e-mail leaves."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from tests.journeys.path import agree, go_on, outbox, start, state
from tests.journeys.steps import NO_LIMITS, see_orders
from tests.shop import run_row, sample_files
from tests.store import buy
from tillroll.campaign import Book, parse_book
from tillroll.campaign.language.crm import CrmKind, CrmRules
from tillroll.campaign.states import RunState
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.records import Run
from tillroll.ledger.tables import messages, runs
from tillroll.loop.advance import StoreWorker
from tillroll.plan.record.revisions import record_book
from tillroll.sandbox.serve import Sandbox
from tillroll.track.results.arms import results_by_arm
from tillroll.track.results.progress import run_progress
from tillroll.wiring import Services

CAMPAIGN = """title: Codes for the newsletter
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: lapsed-90, limit: 6}
offer: {kind: percent, value: 10, valid: {for: 60d}}
codes: {prefix: NEWS, sent_by: crm}
"""


VARIANTS = """variants:
  - {name: ten, weight: 1}
  - {name: twenty, weight: 1, offer: {value: 20}}
"""


def book(rules: str = "folder: crm\nwhat: [codes]\n", more: str = "") -> Book:
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    files |= {
        "campaigns/news.yaml": f"{CAMPAIGN}{more}".encode(),
        "rules/crm.yaml": rules.encode(),
        "rules/guardrails.yaml": NO_LIMITS.encode(),
    }
    made = parse_book(files)
    assert not made.findings, [finding.render() for finding in made.findings]
    return made


def told(services: Services) -> list[dict[str, Any]]:
    files = sorted((services.settings.home / "crm").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def test_codes_are_made_told_and_tracked_without_an_e_mail(
    worker: StoreWorker, services: Services, sandbox: Sandbox
) -> None:
    worker.crm, worker.crm_known = CrmRules(folder="crm", what=(CrmKind.CODES,)), True
    agree(services, start(worker, "news", book=book()))
    go_on(worker, until=lambda: state(services) is RunState.TRACKING)
    go_on(worker, until=lambda: len(told(services)) == 6)
    assert {event["type"] for event in told(services)} == {"code.issued"}
    with services.engine.connect() as connection:
        progress = run_progress(connection, 1)
        assert connection.scalar(sa.select(sa.func.count()).select_from(messages)) == 0
        plan = load_plan(connection, 1)
    assert plan is not None
    assert plan.proposal.codes_sent_by == "folder crm", "the approver sees who sends the codes"
    assert progress.planned == 6
    assert progress.to_send == 0
    assert outbox(services) == []
    first = told(services)[0]
    sold = buy(sandbox, email=first["customer"]["email"], coupon=first["data"]["code"])
    see_orders(worker, sold["orderId"])
    go_on(worker, until=lambda: told(services)[-1]["type"] == "code.used")


def test_an_approval_is_void_once_another_program_would_send_the_codes(
    worker: StoreWorker, services: Services
) -> None:
    run_id = start(worker, "news", book=book())
    agree(services, run_id)
    now = services.clock.now()
    record_book(services.engine, store_id=1, book=book("klaviyo: true\n"), now=now)
    go_on(worker, until=lambda: state(services) is RunState.WAITING)
    assert "who sends the codes: Klaviyo, was folder crm" in run_row(services.engine, run_id).reason
    with services.engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    assert plan.proposal.codes_sent_by == "Klaviyo"


def test_variants_are_compared_by_their_codes(worker: StoreWorker, services: Services) -> None:
    agree(services, start(worker, "news", book=book(more=VARIANTS)))
    go_on(worker, until=lambda: state(services) is RunState.TRACKING)
    with services.engine.connect() as connection:
        run = Run.from_row(connection.execute(sa.select(runs)).one())
        arms = results_by_arm(connection, run)
    assert [arm.name for arm in arms] == ["ten", "twenty"]
    assert sum(arm.recipients for arm in arms) == 6
