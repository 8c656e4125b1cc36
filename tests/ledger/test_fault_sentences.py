"""A fault of any stage is said in words: one without them would break every page and command that lists faults."""

from __future__ import annotations

import pytest

from tests.shop import NOW
from tillroll.campaign.states import FaultState, ItemKind, Stage
from tillroll.ledger.faults.sentences import say_fault
from tillroll.ledger.records import ItemFault


@pytest.mark.parametrize("stage", Stage)
def test_a_fault_of_each_stage_is_said(stage: Stage) -> None:
    fault = ItemFault(
        id=1, store_id=1, kind=ItemKind.ROW, item="orders 7", stage=stage, run_id=None, campaign="", error="ValueError",
        place="", count=1, state=FaultState.SET_ASIDE, first_at=NOW, last_at=NOW, not_before=None, released_by="",
    )  # fmt: skip
    assert say_fault(fault).startswith("Row orders 7 failed while ")
