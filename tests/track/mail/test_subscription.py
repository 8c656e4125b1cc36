"""An SNS topic's subscription is confirmed at Amazon, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.shop import NOW
from tests.track.mail.hooks import Ses
from tillroll.campaign.states import MailEventKind
from tillroll.ecwid.http.session import CallFailed, HttpAnswer
from tillroll.errors import Refused
from tillroll.track.mail.hooks.subscription import confirm_subscription

QUERY = "Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-central-1:123456789012:mail&Token=2336412f37"


def asked(link: Any) -> dict[str, Any]:
    return {"Type": "SubscriptionConfirmation", "Token": "2336412f37", "SubscribeURL": link}


def answering(status: int, calls: list[tuple[str, str]]) -> Any:
    def opened(host: str, path: str) -> HttpAnswer:
        calls.append((host, path))
        return HttpAnswer(status=status, reason="", headers={}, body=b"")

    return opened


def test_the_link_is_opened_at_amazon() -> None:
    calls: list[tuple[str, str]] = []
    link = f"https://sns.eu-central-1.amazonaws.com/?{QUERY}"
    assert confirm_subscription(asked(link), answering(200, calls))
    assert calls == [("sns.eu-central-1.amazonaws.com", f"/?{QUERY}")]
    event = Ses().event(MailEventKind.BOUNCED, "r1-1-a", NOW, "e1")
    assert not confirm_subscription(event, answering(200, calls))
    assert len(calls) == 1


@pytest.mark.parametrize(
    "link",
    [
        f"http://sns.eu-central-1.amazonaws.com/?{QUERY}",
        f"https://sns.eu-central-1.amazonaws.com.evil.example/?{QUERY}",
        f"https://evil.example/?{QUERY}",
        f"https://sns.eu-central-1.amazonaws.com:8443/?{QUERY}",
        f"https://user@sns.eu-central-1.amazonaws.com/?{QUERY}",
        f"https://sns.eu-central-1.amazonaws.com/other?{QUERY}",
        "https://169.254.169.254/?x=1",
        "https://sns.eu-central-1.amazonaws.com/?a=b c",
        "",
        None,
        {"a": 1},
    ],
)
def test_no_other_link_is_opened(link: Any) -> None:
    calls: list[tuple[str, str]] = []
    with pytest.raises(Refused, match="doesn't lead to Amazon"):
        confirm_subscription(asked(link), answering(200, calls))
    assert calls == []


def test_a_link_that_fails_is_told_so_that_the_topic_asks_again() -> None:
    link = f"https://sns.eu-central-1.amazonaws.com/?{QUERY}"
    with pytest.raises(Refused, match="403"):
        confirm_subscription(asked(link), answering(403, []))

    def lost(_host: str, _path: str) -> HttpAnswer:
        raise CallFailed("timed out", sent=False, hung=True)

    with pytest.raises(Refused, match="timed out"):
        confirm_subscription(asked(link), lost)
