"""What a code is worth is one answer, from its state, its dates, its orders and the store's word; and one sentence says it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.shop import NOW
from tillroll.campaign.codes.standing import Standing, StandingFacts, standing_of
from tillroll.campaign.codes.standing_words import say_standing
from tillroll.campaign.states import CodeState, StoreUse
from tillroll.campaign.timing.moments import say_local

DAY = timedelta(days=1)


def facts(**changed: Any) -> StandingFacts:
    values: dict[str, Any] = {
        "state": CodeState.LIVE,
        "store_use": StoreUse.NONE,
        "works_once": True,
        "works_from": NOW - DAY,
        "works_until": NOW + DAY,
        "launch_at": None,
        "uses": 0,
        "last_order": "",
        "last_used_at": None,
    }
    return StandingFacts(**{**values, **changed})


USED = {"uses": 1, "last_order": "A1", "last_used_at": NOW}
SEVERAL = {**USED, "uses": 3, "works_once": False}
PAST = {"works_until": NOW}

SAID = [
    ({}, Standing.LIVE, "live"),
    ({"works_from": NOW + DAY}, Standing.SCHEDULED, "valid from Tue 24 Nov 2026, 10:00 CET"),
    (
        {"state": CodeState.PAUSED, "launch_at": NOW + DAY},
        Standing.SCHEDULED,
        "valid from Tue 24 Nov 2026, 10:00 CET",
    ),
    (USED, Standing.USED, "used: order A1, Mon 23 Nov 2026, 10:00 CET"),
    ({**USED, **PAST}, Standing.USED, "used: order A1, Mon 23 Nov 2026, 10:00 CET"),
    ({**USED, "state": CodeState.CLEARED}, Standing.USED, "used: order A1, Mon 23 Nov 2026, 10:00 CET"),
    ({**USED, "store_use": StoreUse.USED_UP}, Standing.USED, "used: order A1, Mon 23 Nov 2026, 10:00 CET"),
    (SEVERAL, Standing.LIVE, "live, used by 3 orders"),
    ({**SEVERAL, **PAST}, Standing.EXPIRED, "expired Mon 23 Nov 2026, 10:00 CET, used by 3 orders"),
    ({**SEVERAL, "uses": 1_000}, Standing.LIVE, "live, used by 1,000 orders or more"),
    ({**SEVERAL, "store_use": StoreUse.RETURNED}, Standing.LIVE, "live, used by 3 orders"),
    ({"store_use": StoreUse.USED_UP}, Standing.USED_UP, "used up, although no order that counts used it"),
    (
        {"store_use": StoreUse.UNCLEAR},
        Standing.UNCLEAR,
        "unclear: its order was undone, and the store is asked whether it works again",
    ),
    ({"store_use": StoreUse.RETURNED}, Standing.RETURNED, "returned: its order was undone, and it works again"),
    (
        {"store_use": StoreUse.RETURNED, **PAST},
        Standing.EXPIRED,
        "expired Mon 23 Nov 2026, 10:00 CET",
    ),
    ({"state": CodeState.PAUSED}, Standing.PAUSED, "paused"),
    ({"state": CodeState.PAUSED, "launch_at": NOW}, Standing.PAUSED, "paused"),
    ({"state": CodeState.PAUSED, **PAST}, Standing.EXPIRED, "expired Mon 23 Nov 2026, 10:00 CET"),
    ({"state": CodeState.REVOKED}, Standing.REVOKED, "revoked"),
    ({"state": CodeState.CLEARED, **PAST}, Standing.CLEARED, "expired, and deleted in the store"),
    ({"state": CodeState.RESERVED, "works_from": None}, Standing.RESERVED, "not in the store yet"),
    ({"state": CodeState.FAILED}, Standing.FAILED, "refused by the store"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "standing", "words"), SAID)
def test_a_code_is_worth_what_its_facts_say(changed: dict[str, Any], standing: Standing, words: str) -> None:
    def local(moment: datetime) -> str:
        return say_local(moment, ZoneInfo("Europe/Ljubljana"))

    assert standing_of(facts(**changed), NOW) is standing
    assert say_standing(facts(**changed), now=NOW, say_moment=local) == words


@pytest.mark.parametrize("state", CodeState)
@pytest.mark.parametrize("use", StoreUse)
def test_every_code_has_a_standing_and_a_sentence(state: CodeState, use: StoreUse) -> None:
    for more in ({}, USED, SEVERAL, PAST):
        assert say_standing(facts(state=state, store_use=use, **more), now=NOW, say_moment=str)
