"""MAIL_URL: which transport it names, and one sentence for each way to get it wrong."""

from __future__ import annotations

import pytest

from tests.clocks import FakeClock
from tillroll.campaign.language.models import Via
from tillroll.errors import Misconfigured
from tillroll.settings import from_mapping
from tillroll.wiring import open_transport

LONG = "0123456789abcdef"


@pytest.mark.parametrize(
    "url",
    [
        "postmark://TOKEN@",
        "postmark://TOKEN@?stream=broadcast&batch=500",
        "sendgrid://SG.key@",
        "sendgrid://SG.key@?region=eu",
        "mailgun://key@mail.shop.example?region=eu",
        "brevo://xkeysib-1@",
        "ses://AKIA:ab/cd+ef%3D@eu-central-1",
        "resend://re_123@?batch=100",
        f"webhook+https://shop.example/in?secret={LONG}",
        "smtp://mail.shop.example",
        "smtps://user:word@mail.shop.example",
    ],
)
def test_an_address_names_its_transport(url: str) -> None:
    settings = from_mapping({"MAIL_URL": url})
    word = url.partition(":")[0].partition("+")[0]
    assert settings.mail_via is Via("smtp" if word == "smtps" else word)
    assert open_transport(settings, FakeClock()).name == settings.mail_via.value


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postmark://", "The address has no key of the mail service."),
        ("postmark://TOKEN", "The address has no key of the mail service."),
        ("postmark://TO KEN@", "The address has no key of the mail service."),
        (
            "postmark://TOKEN@?batch=501",
            "The number of e-mails in one request (batch in the address) isn't possible.",
        ),
        (
            "postmark://TOKEN@?batch=0",
            "The number of e-mails in one request (batch in the address) isn't possible.",
        ),
        ("postmark://TOKEN@?stram=x", "The address has an option that isn't understood: stram."),
        (
            "sendgrid://KEY@?batch=2",
            "The number of e-mails in one request (batch in the address) isn't possible.",
        ),
        ("mailgun://KEY@", "The address lacks the sending domain."),
        ("ses://ACCESS@eu-central-1", "The address has no secret beside the key of the mail service."),
        ("ses://ACCESS:SECRET@", "The address lacks the AWS region."),
        ("ses://ACCESS:SECRET@frankfurt", "The address names no AWS region."),
        (
            "resend://KEY@?api=http://api.example",
            "The address leads to a place that e-mails can't be posted to.",
        ),
        (
            "webhook+https://shop.example/in",
            "The secret in the address is missing, or has less than 16 characters.",
        ),
        (f"webhook+https://?secret={LONG}", "The address names no host."),
        (f"webhook+ftp://shop.example?secret={LONG}", "The address is not valid."),
        (f"webhook://shop.example?secret={LONG}", "The address is not valid."),
        (
            f"webhook+http://shop.example/in?secret={LONG}",
            "The address leads to a place that e-mails can't be posted to.",
        ),
        ("brevo+x://KEY@", "The address is not valid."),
        ("brevo:KEY", "The address is not valid."),
        ("smtp://", "The address must begin with smtp:// or smtps:// and name a host."),
        ("smtp://a.example:x", "The address is not valid."),
        ("smtp://a.example?hello=KEY", "The address has an option that isn't understood."),
    ],
)
def test_a_wrong_address_is_told_in_one_sentence_without_its_key(url: str, sentence: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        open_transport(from_mapping({"MAIL_URL": url}), FakeClock())
    assert refused.value.message == f"MAIL_URL: {sentence}"
    assert refused.value.hint
    assert not any(
        word in f"{refused.value} {refused.value.hint}" for word in ("TO KEN", LONG, "KEY@?", "frankfurt")
    )


@pytest.mark.parametrize("url", ["sparrow://KEY@", "mail.shop.example", "KEY-of-something"])
def test_an_unknown_word_is_told_with_the_known_ones(url: str) -> None:
    with pytest.raises(Misconfigured, match="begins with one of smtp, outbox, postmark") as refused:
        from_mapping({"MAIL_URL": url})
    assert "KEY" not in str(refused.value).replace("TILLROLL_SECRET_KEYS", "")


def test_two_addresses_are_one_too_many() -> None:
    one, other = "smtp://a.example", "smtp://b.example"
    with pytest.raises(Misconfigured, match="different addresses"):
        from_mapping({"MAIL_URL": one, "SMTP_URL": other})
    assert from_mapping({"MAIL_URL": one, "SMTP_URL": one}).mail_url == one
    assert from_mapping({"SMTP_URL": other}).mail_url == other
