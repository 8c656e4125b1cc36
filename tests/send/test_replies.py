"""Whose fault a refusal is: only an answer about the recipient fails the recipient."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transports.replies import Judgement, SmtpReply, SmtpStep, judge
from tillroll.send.trouble import Trouble

SENT, FAILED, LATER = DeliveryOutcome.SENT, DeliveryOutcome.FAILED, DeliveryOutcome.LATER
UNTRIED, DOUBTFUL = DeliveryOutcome.UNTRIED, DeliveryOutcome.DOUBTFUL
SENDER, RECIPIENT, DATA, CONTENT = SmtpStep.SENDER, SmtpStep.RECIPIENT, SmtpStep.DATA, SmtpStep.CONTENT


@pytest.mark.parametrize(
    ("step", "code", "text", "outcome", "trouble"),
    [
        (CONTENT, 250, "2.0.0 queued", SENT, None),
        # of the recipient
        (RECIPIENT, 550, "no such user here", FAILED, None),
        (RECIPIENT, 550, "5.1.1 <x@y.example>: Recipient address rejected: User unknown", FAILED, None),
        (RECIPIENT, 550, "5.4.1 Recipient address rejected: Access denied", FAILED, None),
        (RECIPIENT, 552, "5.2.2 The mailbox is over quota", FAILED, None),
        (RECIPIENT, 553, "mailbox name not allowed here? user is unknown", DOUBTFUL, Trouble.POLICY),
        (RECIPIENT, 556, "domain does not accept mail", FAILED, None),
        (CONTENT, 550, "5.2.1 mailbox disabled", FAILED, None),
        # for a while
        (RECIPIENT, 450, "4.2.0 greylisted, try again in 300 seconds", LATER, None),
        (RECIPIENT, 450, "4.7.1 Greylisting in effect, rate 5 minutes", LATER, None),
        (RECIPIENT, 452, "4.2.2 mailbox full, quota exceeded", LATER, None),
        (CONTENT, 451, "local error in processing", LATER, None),
        # of the sender, or the account
        (SENDER, 553, "5.1.8 sender domain does not exist", UNTRIED, Trouble.SENDER),
        (SENDER, 553, "sorry, your envelope sender is not yours", UNTRIED, Trouble.SENDER),
        (SENDER, 550, "no", UNTRIED, Trouble.SENDER),
        (SENDER, 451, "try later", UNTRIED, Trouble.UNREACHABLE),
        (SENDER, 452, "too busy", UNTRIED, Trouble.LIMIT),
        (RECIPIENT, 550, "5.1.8 bad sender", UNTRIED, Trouble.SENDER),
        (SENDER, 530, "5.7.0 Must issue a STARTTLS command first", UNTRIED, Trouble.LOGIN),
        (RECIPIENT, 530, "authentication required", UNTRIED, Trouble.LOGIN),
        (RECIPIENT, 535, "5.7.8 bad credentials", UNTRIED, Trouble.LOGIN),
        # nobody's, or everybody's
        (RECIPIENT, 550, "Daily limit reached", DOUBTFUL, Trouble.LIMIT),
        (RECIPIENT, 550, "5.4.5 Daily sending quota exceeded", DOUBTFUL, Trouble.LIMIT),
        (RECIPIENT, 450, "too many messages, slow down", LATER, Trouble.LIMIT),
        (RECIPIENT, 451, "4.7.0 rate limited", LATER, Trouble.LIMIT),
        (RECIPIENT, 550, "5.7.1 relaying denied", DOUBTFUL, Trouble.POLICY),
        (RECIPIENT, 554, "rejected", DOUBTFUL, Trouble.POLICY),
        (RECIPIENT, 550, "your IP is on our block list", DOUBTFUL, Trouble.POLICY),
        (CONTENT, 554, "5.7.1 looks like spam", DOUBTFUL, Trouble.POLICY),
        (CONTENT, 552, "message exceeds fixed maximum message size", DOUBTFUL, Trouble.SIZE),
        (SENDER, 552, "5.3.4 message size exceeds fixed limit", DOUBTFUL, Trouble.SIZE),
        (CONTENT, 550, "no", DOUBTFUL, Trouble.POLICY),
        (DATA, 503, "bad sequence", DOUBTFUL, Trouble.POLICY),
    ],
)
def test_a_reply_is_about_the_recipient_or_not(
    step: SmtpStep, code: int, text: str, outcome: DeliveryOutcome, trouble: Trouble | None
) -> None:
    assert judge(step, SmtpReply(code=code, text=text)) == Judgement(outcome=outcome, trouble=trouble)


@given(st.sampled_from(SmtpStep), st.integers(400, 599), st.text(max_size=80))
def test_any_reply_is_judged_and_none_that_refuses_is_taken_for_sent(
    step: SmtpStep, code: int, text: str
) -> None:
    reply = SmtpReply(code=code, text=text)
    judged = judge(step, reply)
    assert judged.outcome not in {SENT, DeliveryOutcome.UNKNOWN}
    if judged.outcome is FAILED:
        assert step not in {SmtpStep.SENDER, SmtpStep.LOGIN}, "before a recipient is named none is at fault"
        assert code >= 500
    assert not any(unicodedata.category(sign) == "Cc" for sign in reply.say())


def test_an_enhanced_code_of_another_class_is_no_code() -> None:
    assert SmtpReply(code=550, text="2.1.5 odd").enhanced is None
    assert SmtpReply(code=550, text="5.1.1 no").status == "550 1.1"
    assert SmtpReply.of((450, b"4.2.0 wait")).status == "450 2.0"
