"""The preview of a scheduled plan: when it begins, what the reminder says, and whether it is approved automatically."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy.engine import Engine

from tests.flows.events import book_of, person, shop_with
from tests.shop import NOW
from tillroll.cli.plan.show import say_automatic, when_rows
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.stores import load_store
from tillroll.outlook.plan_preview import PreviewRequest, preview_plan

CAMPAIGN = """title: Winter
owner: ana@shop.example
status: active
when: {at: 2026-12-01 09:00}
who: {segment: everybody}
offer: {kind: amount, value: 5, minimum_subtotal: 20, valid: {until: 2026-12-10}}
message:
  template: note
  subject: Five euros
  reminder: {before_expiry: 2d, template: note, subject: Two days left}
approval: {by: 1, auto_when: {codes: 1, worst_case: 5}}
"""
EVERYBODY = b"title: All\nwhere: {accepts_marketing: true}\n"
SLOT = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)


def test_a_preview_begins_at_the_slot_and_tells_the_reminder_and_who_approves(ledger: Engine) -> None:
    store_id = shop_with(ledger, person(1), person(2), person(3))
    revision = book_of({"rules/segments/everybody.yaml": EVERYBODY}, winter=CAMPAIGN).revisions["winter"]
    with reading(ledger) as connection:
        store = load_store(connection, store_id)
    request = PreviewRequest(engine=ledger, store=store, revision=revision, now=NOW, per_minute=600)
    preview = preview_plan(request)
    assert preview.timing.begins == SLOT
    assert replace(request, at=NOW).begins == NOW
    assert replace(request, now=SLOT + timedelta(hours=1)).begins == SLOT + timedelta(hours=1)
    rows = dict(when_rows(preview.timing))
    assert rows["begins"].startswith("Tue 01 Dec 2026, 09:00")
    assert "2 days before the codes end, from Tue 08 Dec 2026, 23:59:59 CET" in rows["reminder"]
    assert rows["reminder"].endswith("note: Two days left")
    approval = revision.campaign.approval
    assert say_automatic(preview.proposal, approval) == (
        "by a person, since 3 codes exceeds 1 and a worst case of 15.00 exceeds 5 (auto_when)"
    )
    bounds = approval.auto_when
    assert bounds is not None
    larger = bounds.model_copy(update={"codes": 3, "worst_case": 15})
    small = approval.model_copy(update={"auto_when": larger})
    assert say_automatic(preview.proposal, small).startswith("automatically")
