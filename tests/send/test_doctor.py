"""Whether the sender will be believed, asked of a DNS server on loopback."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.send.dns import Zone, dns_server
from tillroll.campaign.language.models import Via
from tillroll.errors import Refused
from tillroll.send.doctor.examine import examine
from tillroll.send.doctor.findings import Health, MailCheck, MailFinding
from tillroll.send.doctor.published import LiveDns

SENDER = "Shop <hello@shop.example>"
GOOD, WARNING, FAULT, UNSEEN = Health.GOOD, Health.WARNING, Health.FAULT, Health.UNSEEN


def key(bits: int) -> str:
    public = generate_private_key(65_537, bits).public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def dkim(value: str) -> list[str]:
    """Return a key's record, in pieces as long ones are published."""
    text = f"v=DKIM1; k=rsa; p={value}"
    return [" ".join(f'"{text[start : start + 200]}"' for start in range(0, len(text), 200))]


LONG_KEY = key(2_048)
WHOLE: Zone = {
    ("shop.example", "MX"): ["10 mx.shop.example."],
    ("shop.example", "TXT"): ['"google-site-verification=x"', '"v=spf1 include:_spf.mail.example ~all"'],
    ("_spf.mail.example", "TXT"): ['"v=spf1 ip4:192.0.2.0/24 -all"'],
    ("_dmarc.shop.example", "TXT"): ['"v=DMARC1; p=quarantine; rua=mailto:dmarc@shop.example"'],
    ("s1._domainkey.shop.example", "TXT"): dkim(LONG_KEY),
}


def found(
    zone: Zone,
    *,
    via: Via | None = Via.SMTP,
    bounces_to: str = "",
    selectors: Sequence[str] = ("s1",),
    sender: str = SENDER,
) -> dict[MailCheck, MailFinding]:
    with dns_server(zone) as port:
        records = LiveDns("127.0.0.1", port=port, seconds=60.0)
        findings = examine(records, sender=sender, via=via, bounces_to=bounces_to, selectors=selectors)
    return {one.check: one for one in findings}


def changed(**texts: Sequence[str] | None) -> Zone:
    """Return the whole zone with other records: `spf`, `dmarc`, `dkim` or `mx`; None: none."""
    places = {
        "spf": ("shop.example", "TXT"),
        "dmarc": ("_dmarc.shop.example", "TXT"),
        "dkim": ("s1._domainkey.shop.example", "TXT"),
        "mx": ("shop.example", "MX"),
    }
    zone = dict(WHOLE)
    for name, given in texts.items():
        zone.pop(places[name])
        if given is not None:
            zone[places[name]] = given
    return zone


def test_a_domain_in_order_is_told_so() -> None:
    seen = found(WHOLE)
    assert {one.health for one in seen.values()} == {GOOD}, seen
    assert seen.keys() == {MailCheck.MX, MailCheck.SPF, MailCheck.DKIM, MailCheck.DMARC, MailCheck.ALIGNMENT}


@pytest.mark.parametrize(
    ("check", "zone", "health", "words"),
    [
        (MailCheck.MX, changed(mx=None), FAULT, "takes no mail"),
        (MailCheck.MX, changed(mx=["0 ."]), FAULT, "no mail at all"),
        (
            MailCheck.MX,
            {**changed(mx=None), ("shop.example", "A"): ["192.0.2.1"]},
            WARNING,
            "names no mail server",
        ),
        (MailCheck.MX, changed(mx=[]), UNSEEN, "no answer"),
        (MailCheck.SPF, changed(spf=None), FAULT, "doesn't say"),
        (MailCheck.SPF, changed(spf=['"v=spf1 mx ~all"', '"v=spf1 a ~all"']), FAULT, "2 SPF records"),
        (MailCheck.SPF, changed(spf=['"v=spf1 +all"']), WARNING, "everybody"),
        (MailCheck.SPF, changed(spf=['"v=spf1 ?all"']), WARNING, "everybody"),
        (MailCheck.SPF, changed(spf=['"v=spf1 ' + "a:h.example " * 11 + '-all"']), FAULT, "11 look-ups"),
        (MailCheck.SPF, changed(spf=['"v=spf1 include:shop.example -all"']), GOOD, "says which"),
        (MailCheck.SPF, changed(spf=[]), UNSEEN, "no answer"),
        (MailCheck.DKIM, changed(dkim=None), FAULT, "no DKIM key"),
        (MailCheck.DKIM, changed(dkim=['"v=DKIM1; p="']), FAULT, "revoked"),
        (MailCheck.DKIM, changed(dkim=['"v=DKIM1; p=nonsense"']), FAULT, "can't be read"),
        (MailCheck.DKIM, changed(dkim=dkim(key(1_024))), WARNING, "1024 bits"),
        (MailCheck.DKIM, changed(dkim=[dkim(LONG_KEY)[0].replace("k=rsa", "t=y", 1)]), WARNING, "tested"),
        (
            MailCheck.DKIM,
            changed(dkim=['"v=DKIM1; k=ed25519; p=' + base64.b64encode(b"k" * 32).decode() + '"']),
            GOOD,
            "is a",
        ),
        (MailCheck.DMARC, changed(dmarc=None), FAULT, "no DMARC record"),
        (MailCheck.DMARC, changed(dmarc=['"v=DMARC1; p=none"']), WARNING, "only watches"),
        (MailCheck.DMARC, changed(dmarc=['"v=DMARC1; p=perhaps"']), FAULT, "no valid policy"),
        (
            MailCheck.DMARC,
            changed(dmarc=['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"']),
            FAULT,
            "2 DMARC records",
        ),
    ],
)
def test_what_is_wrong_is_told(check: MailCheck, zone: Zone, health: Health, words: str) -> None:
    seen = found(zone)
    assert (seen[check].health, words in seen[check].sentence) == (health, True), seen[check]
    others = [one.health for one in seen.values() if one.check not in {check, MailCheck.ALIGNMENT}]
    assert set(others) == {GOOD}, "one look-up costs the others nothing"


def test_what_is_missing_is_said_as_a_line_to_publish() -> None:
    seen = found({})
    assert seen[MailCheck.SPF].publish == 'shop.example. TXT "v=spf1 mx ~all"'
    assert seen[MailCheck.DMARC].publish.startswith('_dmarc.shop.example. TXT "v=DMARC1; p=none; rua=')
    assert seen[MailCheck.DKIM].publish.startswith("s1._domainkey.shop.example. TXT")


def test_a_record_of_the_domain_above_counts() -> None:
    zone = {**WHOLE, ("_dmarc.shop.example", "TXT"): ['"v=DMARC1; p=reject; sp=none"']}
    assert found(zone, sender="hello@news.shop.example")[MailCheck.DMARC].health is WARNING
    assert found(zone)[MailCheck.DMARC].health is GOOD


@pytest.mark.parametrize(
    ("bounces_to", "dmarc", "health"),
    [
        ("bounce@shop.example", "v=DMARC1; p=reject", GOOD),
        ("bounce@mail.shop.example", "v=DMARC1; p=reject", GOOD),
        ("bounce@mail.shop.example", "v=DMARC1; p=reject; aspf=s", WARNING),
        ("bounce@other.example", "v=DMARC1; p=reject", WARNING),
        ("bounce@evilshop.example", "v=DMARC1; p=reject", WARNING),
    ],
)
def test_bounces_belong_to_the_senders_domain(bounces_to: str, dmarc: str, health: Health) -> None:
    assert found(changed(dmarc=[f'"{dmarc}"']), bounces_to=bounces_to)[MailCheck.ALIGNMENT].health is health


def test_a_mail_service_has_checks_of_its_own() -> None:
    service = found(WHOLE, via=Via.SENDGRID, selectors=())
    assert service[MailCheck.DKIM].health is GOOD, "its selector is known"
    assert MailCheck.SPF not in service
    assert "include:mailgun.org" in found(WHOLE, via=Via.MAILGUN)[MailCheck.SPF].sentence
    assert found(WHOLE, via=Via.POSTMARK, selectors=())[MailCheck.DKIM].health is UNSEEN


def test_a_mailbox_provider_is_no_senders_domain() -> None:
    seen = found({}, sender="shop@gmail.com")
    assert seen.keys() == {MailCheck.SENDER}
    assert seen[MailCheck.SENDER].health is FAULT
    with pytest.raises(Refused):
        found({}, sender="nobody")


def test_a_server_that_says_nothing_is_told() -> None:
    records = LiveDns("127.0.0.1", port=1, seconds=0.3)
    findings = examine(records, sender=SENDER, via=Via.SMTP, selectors=("s1",))
    assert {one.health for one in findings} == {UNSEEN}
