"""An approver reads what is different from what was approved before, by meaning and not by text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import ANA, NOW, campaign_text, planned_run, run_row, sample_files
from tillroll.approve.act import approve
from tillroll.campaign import Book, parse_book
from tillroll.campaign.sentences.changes import changes
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import writing
from tillroll.ledger.plans import load_plan
from tillroll.ledger.tables import customers, recipients
from tillroll.mint.begin import begin
from tillroll.plan.make import make_plan
from tillroll.plan.record import record_book
from tillroll.plan.since import Since, since_of_plan
from tillroll.plan.slots import start_by_hand

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
    assert not book.findings, [one.render() for one in book.findings]
    return book


def said(*edits: Edit) -> list[str]:
    """What is different in the win-back campaign after some edits."""
    before, after = book_after().revisions["winback"], book_after(*edits).revisions["winback"]
    assert before.digest != after.digest, "one character more or less is another revision"
    return [one.said() for one in changes(before, after)]


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
def test_one_character_is_said_by_what_it_means(path: str, old: str, new: str, expected: list[str]) -> None:
    found = said(edited(path, old, new))
    assert len(found) == len(expected)
    for one, wanted in zip(found, expected, strict=True):
        assert one.startswith(wanted.removesuffix("…"))


def test_a_line_of_an_e_mail_is_shown_as_it_was_and_is() -> None:
    assert said(edited(TEMPLATE, "It has been a while.", "It was a while.")) == [
        f"{TEMPLATE}:3: “It was a while. New harvests have come in since, and we would love to have you”, "
        "was “It has been a while. New harvests have come in since, and we would love to have you”"
    ]
    (found,) = said(edited(TEMPLATE, "It has", "It had"), edited(TEMPLATE, "Good until", "Good till"))
    assert found.startswith(f"{TEMPLATE}:3 (and 1 more line): ")


def decided(engine: Engine) -> tuple[int, int]:
    store_id, run_id = planned_run(engine)
    approve(engine, run_id=run_id, digest=digest(engine, run_id), person=ANA, note="", now=NOW)
    return store_id, run_id


def digest(engine: Engine, run_id: int) -> str:
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
    assert plan is not None
    return plan.digest


def since(engine: Engine, run_id: int) -> Since | None:
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
        assert plan is not None
        return since_of_plan(connection, plan)


@pytest.mark.parametrize(
    ("path", "old", "new", "where"),
    [
        ("rules/guardrails.yaml", "largest_percent: 30", "largest_percent: 31", "largest_percent"),
        ("campaigns/winback.yaml", "value: 15", "value: 14", "offer.value"),
        (TEMPLATE, "It has", "It hás", TEMPLATE),
    ],
)
def test_a_changed_character_voids_the_approval_and_the_next_plan_says_which(
    ledger: Engine, path: str, old: str, new: str, where: str
) -> None:
    store_id, run_id = decided(ledger)
    record_book(ledger, store_id=store_id, book=book_after(edited(path, old, new)), now=NOW)
    assert run_row(ledger, run_id).state == RunState.PLANNING
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    found = since(ledger, run_id)
    assert found is not None
    assert found.same_run
    assert found.person == ANA.email
    assert any(where in one.where for one in found.files)


def test_an_audience_that_was_touched_voids_the_approval_and_the_next_plan_says_who(ledger: Engine) -> None:
    _, run_id = decided(ledger)
    with writing(ledger) as connection:
        connection.execute(
            sa.update(recipients).where(recipients.c.customer_id == 4).values(name="Živa Novaj 4")
        )
    assert begin(ledger, run_id=run_id, now=NOW) is RunState.PLANNING
    make_plan(ledger, run_id=run_id, now=NOW, per_minute=600)
    found = since(ledger, run_id)
    assert found is not None
    assert found.figures == ("With other details: 1 (Živa Novak 4)",)


def test_who_came_in_and_who_dropped_out_is_counted_and_named(ledger: Engine) -> None:
    store_id, run_id = decided(ledger)
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
    found = since(ledger, run_id)
    assert found is not None
    assert found.files == ()
    assert not found.same_files
    assert "Dropped out: 3 (Živa Novak 1, Živa Novak 2, Živa Novak 4)" in found.figures


def test_another_run_is_compared_with_the_last_one_that_was_approved(ledger: Engine) -> None:
    store_id, first = decided(ledger)
    later = NOW + timedelta(minutes=1)
    second = start_by_hand(ledger, store_id=store_id, name="winback", person=ANA.email, now=later)
    make_plan(ledger, run_id=second, now=later, per_minute=600)
    found = since(ledger, second)
    assert found is not None
    assert (found.run_id, found.same_run, found.nothing) == (first, False, True)
    assert campaign_text("winback")
