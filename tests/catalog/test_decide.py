from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tillroll.catalog.decide import (
    ROW_RETRIES,
    RowAction,
    RowKind,
    RowOutcome,
    RowState,
    after_creation,
    after_deletion,
    after_update,
    for_existing,
    for_new,
    for_variation,
    outcome,
    undo_creation,
    undo_update,
)

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
TEN, TWELVE, NINE = Decimal("10.0"), Decimal("12"), Decimal("9")


def test_an_update_has_only_the_fields_that_differ() -> None:
    there = {"name": "Sencha", "price": TEN, "quantity": 5}
    assert for_existing({"price": Decimal("10.00")}, there).state is RowState.UNCHANGED
    decision = for_existing({"price": TWELVE, "name": "Sencha"}, there)
    assert (decision.state, decision.action) == (RowState.PLANNED, RowAction.UPDATE)
    assert decision.old == {"price": TEN, "name": "Sencha"}


def test_a_new_product_needs_a_name_and_a_price_and_a_new_variation_options() -> None:
    assert for_new(RowKind.PRODUCT, "A", {"name": "A", "price": TEN}, ()).action is RowAction.CREATE
    assert "a name and a price" in for_new(RowKind.PRODUCT, "A", {}, ()).reason
    assert "options like" in for_new(RowKind.VARIATION, "A", {"price": TEN}, ()).reason


def test_options_of_a_variation_are_never_changed() -> None:
    there = (("Size", "S"), ("Colour", "Ash"))
    assert for_variation({}, tuple(reversed(there)), {}, there).state is RowState.UNCHANGED
    assert "Size=S; Colour=Ash" in for_variation({}, (("Size", "L"),), {}, there).reason


@pytest.mark.parametrize(
    ("action", "status", "meaning"),
    [
        (RowAction.CREATE, 200, RowOutcome.DONE),
        (RowAction.CREATE, 409, RowOutcome.LOOK_UP),
        (RowAction.UPDATE, 409, RowOutcome.FAIL),
        (RowAction.CREATE, 500, RowOutcome.LOOK_UP),
        (RowAction.UPDATE, 503, RowOutcome.LOOK_UP),
        (RowAction.UPDATE, 408, RowOutcome.LOOK_UP),
        (RowAction.UPDATE, 429, RowOutcome.AGAIN),
        (RowAction.UPDATE, 404, RowOutcome.FAIL),
        (RowAction.DELETE, 404, RowOutcome.DONE),
        (RowAction.CREATE, 400, RowOutcome.FAIL),
        (RowAction.CREATE, 402, RowOutcome.STOP),
        (RowAction.CREATE, 403, RowOutcome.STOP),
    ],
)
def test_what_each_answer_means(action: RowAction, status: int, meaning: RowOutcome) -> None:
    assert outcome(action=action, executed=True, status=status, attempts=1) is meaning


def test_what_was_not_executed_is_retried_a_limited_number_of_times() -> None:
    assert outcome(action=RowAction.CREATE, executed=False, status=0, attempts=1) is RowOutcome.AGAIN
    assert (
        outcome(action=RowAction.CREATE, executed=False, status=0, attempts=ROW_RETRIES.attempts)
        is RowOutcome.FAIL
    )


def test_an_update_with_a_lost_answer_is_judged_by_what_the_store_has() -> None:
    old, wanted = {"price": TEN, "quantity": 5}, {"price": TWELVE, "quantity": 40}

    def then(**present: object) -> RowState:
        return after_update(wanted=wanted, old=old, present=present, attempts=1).state  # type: ignore[arg-type]

    assert then(price=TWELVE, quantity=40) is RowState.DONE
    assert then(price=TWELVE, quantity=39) is RowState.DONE  # applied, and one was sold since
    assert then(price=TEN, quantity=5) is RowState.PLANNED
    assert then(price=TEN, quantity=4) is RowState.FAILED  # one was sold, before or after our change


def test_a_creation_is_ours_if_it_has_our_values_and_came_after_we_asked() -> None:
    wanted = {"name": "A", "price": TEN}

    def then(present: dict[str, object] | None, made_at: datetime | None) -> tuple[RowState, RowAction]:
        decision = after_creation(
            wanted=wanted,
            present=present,  # type: ignore[arg-type]
            made_at=made_at,
            asked_at=NOW,
            attempts=1,
        )
        return decision.state, decision.action

    assert then({**wanted, "quantity": 3}, NOW) == (RowState.DONE, RowAction.CREATE)
    assert then({**wanted}, NOW - timedelta(hours=1)) == (RowState.UNCHANGED, RowAction.NOTHING)
    assert then({**wanted, "price": NINE}, NOW) == (RowState.PLANNED, RowAction.UPDATE)
    assert then(None, None) == (RowState.PLANNED, RowAction.CREATE)
    assert after_deletion(present=False, attempts=1).state is RowState.DONE


def test_an_undo_restores_only_what_nobody_has_changed_since() -> None:
    before, set_ = {"price": TEN, "quantity": 5}, {"price": TWELVE, "quantity": 40}
    present = {"price": TWELVE, "quantity": 39}
    decision = undo_update(before=before, set_=set_, present=present, variation=False, force=False)
    assert (decision.state, decision.wanted) == (RowState.PLANNED, {"price": TEN})
    assert "the import set 40, it is 39 now (before: 5)" in decision.reason
    forced = undo_update(before=before, set_=set_, present=present, variation=False, force=True)
    assert (forced.wanted, forced.reason) == (before, "")
    again = undo_update(before=before, set_=set_, present=before, variation=False, force=False)
    assert again.state is RowState.UNCHANGED


def test_an_undo_says_what_the_api_cannot_restore() -> None:
    decision = undo_update(
        before={"price": None}, set_={"price": TEN}, present={"price": TEN}, variation=True, force=False
    )
    assert decision.state is RowState.FAILED
    assert "the product's own" in decision.reason


def test_what_was_created_is_deleted_unless_others_have_added_to_it() -> None:
    set_ = {"price": TEN}
    assert undo_creation(set_=set_, present=set_, strangers=0, force=False).action is RowAction.DELETE
    assert undo_creation(set_=set_, present=None, strangers=0, force=False).state is RowState.UNCHANGED
    assert "price" in undo_creation(set_=set_, present={"price": NINE}, strangers=0, force=False).reason
    assert "didn't make" in undo_creation(set_=set_, present=set_, strangers=1, force=False).reason
    assert (
        undo_creation(set_=set_, present={"price": NINE}, strangers=1, force=True).action is RowAction.DELETE
    )
