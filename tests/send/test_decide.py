from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.shop import NOW
from tillroll.campaign.language.models import IfUnknown
from tillroll.campaign.states import CodeState, MessageState
from tillroll.send.decide import (
    MESSAGE_RETRIES,
    Decision,
    DeliveryOutcome,
    ShownCodeNow,
    may_send,
    next_state,
)


def reason_for(**changed: Any) -> str:
    return decision(**changed).reason


def decision(**changed: Any) -> Decision:
    """Decide about a message that may go but for these changes; those of its code by their own names."""
    code = {"state": CodeState.LIVE, "valid_until": NOW + timedelta(days=1)}
    plain = {"consent": True, "is_customer": True, "email": "a@example.com", "now": NOW}
    plain["email_now"] = changed.get("email", plain["email"])
    of_code = {name: changed.pop(name) for name in list(changed) if name in ShownCodeNow.__annotations__}
    return may_send(**{"code": ShownCodeNow(**{**code, **of_code}), **plain, **changed})


def test_a_message_goes_when_there_is_no_reason_against_it() -> None:
    assert reason_for() == ""


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"state": CodeState.RESERVED}, "not live"),
        ({"state": CodeState.REVOKED}, "not live"),
        ({"over": "the cart became an order"}, "the cart became an order"),
        ({"consent": False}, "consent was withdrawn"),
        ({"consent": None}, "doesn't say any more whether they agreed"),
        ({"is_customer": False}, "gone from the store"),
        ({"email": "nobody"}, "address is not valid"),
        ({"email_now": "b@example.com"}, "address changed after the plan"),
        ({"email_now": ""}, "address changed after the plan"),
        ({"email": "a@example.com\r\nBcc: b@example.com"}, "address is not valid"),
        ({"valid_until": NOW}, "expired"),
    ],
)
def test_a_message_is_held_with_the_reason(changed: dict[str, Any], reason: str) -> None:
    assert reason in reason_for(**changed)


def test_an_e_mail_waits_until_its_code_works() -> None:
    later = NOW + timedelta(hours=12)
    waiting = decision(works_from=later)
    assert (waiting.go, waiting.wait_until) == (False, later)
    assert decision(works_from=NOW).go
    assert decision(works_from=later, consent=False).wait_until is None, "nothing waits that may never go"


@pytest.mark.parametrize(
    ("outcome", "attempts", "policy", "state"),
    [
        (DeliveryOutcome.SENT, 1, IfUnknown.SKIP, MessageState.SENT),
        (DeliveryOutcome.FAILED, 1, IfUnknown.RESEND, MessageState.FAILED),
        (DeliveryOutcome.LATER, 1, IfUnknown.SKIP, MessageState.READY),
        (DeliveryOutcome.LATER, MESSAGE_RETRIES.attempts, IfUnknown.SKIP, MessageState.FAILED),
        (DeliveryOutcome.UNKNOWN, 1, IfUnknown.SKIP, MessageState.UNKNOWN),
        (DeliveryOutcome.UNKNOWN, 1, IfUnknown.RESEND, MessageState.READY),
        (DeliveryOutcome.UNKNOWN, MESSAGE_RETRIES.attempts, IfUnknown.RESEND, MessageState.UNKNOWN),
    ],
)
def test_each_outcome_leads_to_one_state(
    outcome: DeliveryOutcome, attempts: int, policy: IfUnknown, state: MessageState
) -> None:
    assert next_state(outcome, attempts=attempts, if_unknown=policy) is state


def test_pauses_between_attempts_grow() -> None:
    assert [MESSAGE_RETRIES.pause_before(n).total_seconds() / 60 for n in (1, 2, 3)] == [1, 4, 16]
