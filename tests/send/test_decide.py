from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.shop import NOW
from tillroll.campaign.language.models import IfUnknown
from tillroll.campaign.states import CodeState, MessageState
from tillroll.send.decide import MOST_ATTEMPTS, Outcome, after, may_send, pause_before_retry


def word(**changed: Any) -> str:
    plain = {
        "code_state": CodeState.LIVE,
        "consent": True,
        "known": True,
        "email": "a@example.com",
        "valid_until": NOW + timedelta(days=1),
        "now": NOW,
    }
    return may_send(**{**plain, **changed}).reason


def test_a_message_goes_when_nothing_stands_against_it() -> None:
    assert word() == ""


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"code_state": CodeState.RESERVED}, "not live"),
        ({"code_state": CodeState.REVOKED}, "not live"),
        ({"consent": False}, "consent was withdrawn"),
        ({"consent": None}, "consent was withdrawn"),
        ({"known": False}, "gone from the store"),
        ({"email": "nobody"}, "can't be written to"),
        ({"email": "a@example.com\r\nBcc: b@example.com"}, "can't be written to"),
        ({"valid_until": NOW}, "expired"),
    ],
)
def test_each_reason_holds_it(changed: dict[str, Any], reason: str) -> None:
    assert reason in word(**changed)


@pytest.mark.parametrize(
    ("outcome", "attempts", "policy", "state"),
    [
        (Outcome.SENT, 1, IfUnknown.SKIP, MessageState.SENT),
        (Outcome.FAILED, 1, IfUnknown.RESEND, MessageState.FAILED),
        (Outcome.LATER, 1, IfUnknown.SKIP, MessageState.READY),
        (Outcome.LATER, MOST_ATTEMPTS, IfUnknown.SKIP, MessageState.FAILED),
        (Outcome.UNKNOWN, 1, IfUnknown.SKIP, MessageState.UNKNOWN),
        (Outcome.UNKNOWN, 1, IfUnknown.RESEND, MessageState.READY),
        (Outcome.UNKNOWN, MOST_ATTEMPTS, IfUnknown.RESEND, MessageState.UNKNOWN),
    ],
)
def test_an_outcome_leads_to_one_state(
    outcome: Outcome, attempts: int, policy: IfUnknown, state: MessageState
) -> None:
    assert after(outcome, attempts=attempts, if_unknown=policy) is state


def test_tries_grow_further_apart() -> None:
    assert [pause_before_retry(n).total_seconds() / 60 for n in (1, 2, 3)] == [1, 4, 16]
