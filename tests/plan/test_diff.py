"""The differences from the last approved plan, described by meaning and not by text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import ANA, NOW, campaign_text, planned_run, run_row, sample_files
from tillroll.approve.act import approve
from tillroll.campaign import Book, parse_book
from tillroll.campaign.sentences.changes import compare_revisions
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.queries.plans import load_plan
from tillroll.ledger.tables import customers, plans, recipients
from tillroll.mint.issue.begin import begin
from tillroll.plan.diff import PlanDiff, compare_stored_plan
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.make import make_plan
from tillroll.plan.record.revisions import record_book

Edit = Callable[[dict[str, bytes]], None]


def edited(path: str, old: str, new: str) -> Edit:
    def edit(files: dict[str, bytes]) -> None:
        text = files[path].decode()
        assert old in text
        files[path] = text.replace(old, new, 1).encode()

    return edit


def book_after(*edits: Edit) -> Book:
    files = sample_files()
    for edit in edits:
        edit(files)
    book = parse_book(files)
    assert not book.findings, [finding.render() for finding in book.findings]
    return book


def differences(*edits: Edit) -> list[str]:
    """Return the differences in the win-back campaign after some edits."""
    before, after = book_after().revisions["winback"], book_after(*edits).revisions["winback"]
    assert before.digest != after.digest, "every changed character makes a new revision"
    return [change.sentence() for change in compare_revisions(before, after)]


TEMPLATE = "templates/winback/message.txt.j2"


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("campaigns/winback.yaml", "value: 15", "value: 16", ["offer.value: 16, was 15"]),
        ("campaigns/winback.yaml", "title: ", "# for the season\ntitle: ", []),
        (
            "rules/segments/lapsed-90.yaml",
            "90d ago",
            "91d ago",
            [
                "rules/segments/lapsed-90.yaml: where: Customers who ordered at least 2 times, and last ordered…",
            ],
        ),
        (
            "rules/guardrails.yaml",
            "largest_percent: 30",
            "largest_percent: 31",
            ["rules/guardrails.yaml: largest_percent: 31, was 30"],
        ),
        (
            "rules/calendar.yaml",
            "  - 2025-12-25\n",
            "  - 2025-12-25\n  - 12-31\n",
            [
                "rules/calendar.yaml: quiet_days: 2025-12-25, 12-31, 2026-01-01, was 2025-12-25, 2026-01-01",
            ],
        ),
    ],
)
def test_a_changed_character_is_described_by_its_meaning(
    path: str, old: str, new: str, expected: list[str]
) -> None:
    sentences = differences(edited(path, old, new))
    assert len(sentences) == len(expected)
    for sentence, beginning in zip(sentences, expected, strict=True):
        assert sentence.startswith(beginning.removesuffix("…"))


def test_a_changed_line_of_an_e_mail_is_shown_before_and_after() -> None:
    assert differences(edited(TEMPLATE, "It has been a while.", "It was a while.")) == [
        f"{TEMPLATE}:3: “It was a while. New harvests have come in since, and we would love to have you”, "
        "was “It has been a while. New harvests have come in since, and we would love to have you”"
    ]
    (sentence,) = differences(edited(TEMPLATE, "It has", "It had"), edited(TEMPLATE, "Enter it", "Type it"))
    assert sentence.startswith(f"{TEMPLATE}:3 (and 1 more line): ")


def approved_run(engine: Engine) -> tuple[int, int]:
    store_id, run_id = planned_run(engine)
    approve(engine, run_id=run_id, digest=digest(engine, run_id), person=ANA, note="", now=NOW)
    return store_id, run_id


def digest(engine: Engine, run_id: int) -> str:
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    return plan.digest


def diff_of(engine: Engine, run_id: int) -> PlanDiff | None:
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
        assert plan is not None
        return compare_stored_plan(connection, plan)


@pytest.mark.parametrize(
    ("path", "old", "new", "where"),
    [
        ("rules/guardrails.yaml", "largest_percent: 30", "largest_percent: 31", "largest_percent"),
        ("campaigns/winback.yaml", "value: 15", "value: 14", "offer.value"),
        (TEMPLATE, "It has", "It hás", TEMPLATE),
    ],
)
def test_a_changed_character_voids_the_approval_and_the_next_plan_names_it(
    ledger: Engine, path: str, old: str, new: str, where: str
) -> None:
    store_id, run_id = approved_run(ledger)
    record_book(ledger, store_id=store_id, book=book_after(edited(path, old, new)), now=NOW)
    assert run_row(ledger, run_id).state == RunState.PLANNING
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    diff = diff_of(ledger, run_id)
    assert diff is not None
    assert diff.same_run
    assert diff.person == ANA.email
    assert any(where in changed.where for changed in diff.files)


def test_a_changed_audience_voids_the_approval_and_the_next_plan_names_the_customer(ledger: Engine) -> None:
    _, run_id = approved_run(ledger)
    with writing(ledger) as connection:
        connection.execute(
            sa.update(recipients).where(recipients.c.customer_id == 4).values(name="Živa Novaj 4")
        )
    assert begin(ledger, run_id=run_id, now=NOW) is RunState.PLANNING
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    diff = diff_of(ledger, run_id)
    assert diff is not None
    assert diff.figures == ("With changed details: 1 (Živa Novak 4)",)


def test_added_and_removed_recipients_are_counted_and_named(ledger: Engine) -> None:
    store_id, run_id = approved_run(ledger)
    with writing(ledger) as connection:
        connection.execute(
            sa.update(customers).where(customers.c.customer_id <= 5).values(accepts_marketing=False)
        )
    record_book(
        ledger,
        store_id=store_id,
        book=book_after(edited("campaigns/winback.yaml", "title: ", "# again\ntitle: ")),
        now=NOW,
    )
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    diff = diff_of(ledger, run_id)
    assert diff is not None
    assert diff.files == ()
    assert not diff.same_files
    assert "Removed: 3 (Živa Novak 1, Živa Novak 2, Živa Novak 4)" in diff.figures


def test_a_stored_plan_with_other_wording_is_not_reported_as_different(ledger: Engine) -> None:
    store_id, run_id = approved_run(ledger)
    with writing(ledger) as connection:
        body = connection.execute(sa.select(plans.c.body)).scalar_one()
        body["audience"]["sentence"] = "in the words of an earlier version"
        connection.execute(sa.update(plans).values(body=body | {"offer": "the same", "valid": "as long"}))
    text = edited("campaigns/winback.yaml", "value: 15", "value: 16")
    record_book(ledger, store_id=store_id, book=book_after(text), now=NOW)
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    diff = diff_of(ledger, run_id)
    assert diff is not None
    assert [figure for figure in diff.figures if figure.startswith(("Valid", "Who"))] == []
    assert [figure for figure in diff.figures if figure.startswith("Offer: 16% off")] != []


def test_another_run_is_compared_with_the_last_approved_run(ledger: Engine) -> None:
    store_id, first = approved_run(ledger)
    later = NOW + timedelta(minutes=1)
    second = start_by_hand(ledger, store_id=store_id, name="winback", person=ANA.email, now=later)
    make_plan(ledger, run_id=second, now=later, per_minute=600)
    diff = diff_of(ledger, second)
    assert diff is not None
    assert (diff.run_id, diff.same_run, diff.nothing) == (first, False, True)
    assert campaign_text("winback")
