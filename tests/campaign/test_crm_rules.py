"""`rules/crm.yaml`: one target, within the installation's own folder or by an address without secrets."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tillroll.campaign import parse_book
from tillroll.campaign.folder.schema import schema_of
from tillroll.campaign.language.crm import CrmKind


def test_a_file_drop_with_defaults() -> None:
    book = parse_book({"rules/crm.yaml": b"folder: exports/crm\n"})
    assert not book.findings
    assert book.crm is not None
    assert (book.crm.folder, book.crm.webhook, book.crm.batch) == ("exports/crm", None, 200)
    assert book.crm.what == (CrmKind.ORDERS, CrmKind.CODES, CrmKind.REDEMPTIONS)
    assert book.crm.keep == timedelta(days=30)
    assert book.crm.history


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("batch: 5\n", "give one of webhook:, folder:, klaviyo: true and mailchimp:"),
        (
            "webhook: https://crm.example/x\nfolder: crm\n",
            "give one of webhook:, folder:, klaviyo: true and mailchimp:",
        ),
        ("folder: ../elsewhere\n", "not a folder in TILLROLL_HOME"),
        ("folder: /etc/cron.d\n", "not a folder in TILLROLL_HOME"),
        ("folder: 'C:\\crm'\n", "not a folder in TILLROLL_HOME"),
        ("webhook: https://me:secret@crm.example/x\n", "not an address"),
        ("webhook: https://crm.example/x?key=secret\n", "not an address"),
        ("webhook: https://crm.example:port/\n", "not an address"),
        ("webhook: ftp://crm.example/\n", "webhook"),
        ("folder: crm\nwhat: [orders, orders]\n", "orders is named twice"),
        ("folder: crm\nwhat: [erasures]\n", "erasures"),
        ("folder: crm\nbatch: 5000\n", "1000"),
        ("folder: crm\nkeep: 2h\n", "from 1d to 365d"),
        ("klaviyo: false\n", "klaviyo: true"),
        ("klaviyo: true\nfolder: crm\n", "give one of"),
        ("klaviyo: true\nwhat: [codes, orders]\n", "klaviyo: is told of codes alone; write  what: [codes]"),
        ("mailchimp: {audience: a1b2c3}\nwhat: [consent]\n", "mailchimp: is told of codes alone"),
        ("mailchimp: {audience: ../lists}\n", "audience"),
        ("mailchimp: {audience: a1b2c3, code: '*|CODE|*'}\n", "code"),
        ("mailchimp: {audience: a1b2c3, code: CODE, until: CODE}\n", "a field each"),
        ("mailchimp: {code: CODE}\n", "audience"),
    ],
)
def test_what_is_wrong_is_said(text: str, problem: str) -> None:
    book = parse_book({"rules/crm.yaml": text.encode()})
    assert book.crm is None
    assert book.crm_unreadable
    assert problem in " ".join(finding.render() for finding in book.findings)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("klaviyo: true\n", "Klaviyo"),
        ("mailchimp: {audience: a1b2c3}\n", "Mailchimp audience a1b2c3"),
    ],
)
def test_a_service_is_told_of_codes_by_default(text: str, target: str) -> None:
    book = parse_book({"rules/crm.yaml": text.encode()})
    assert not book.findings
    assert book.crm is not None
    assert (book.crm.what, book.crm.target) == ((CrmKind.CODES,), target)


CAMPAIGN = """title: Codes for the newsletter
owner: ana@shop.example
when: {manual: true}
who: {segment: everybody}
offer: {kind: percent, value: 10, valid: {for: 60d}}
codes: {sent_by: crm}
"""


@pytest.mark.parametrize(
    ("rules", "changes", "problem"),
    [
        ("klaviyo: true\n", {}, ""),
        ("webhook: https://crm.example/x\n", {}, ""),
        (None, {}, "name the receiver in rules/crm.yaml, like  klaviyo: true"),
        ("folder: crm\nwhat: [orders]\n", {}, "write there  what: [orders, codes]"),
        ("klaviyo: true\n", {"codes: {sent_by: crm}\n": ""}, "or write codes: {sent_by: crm}"),
        ("klaviyo: true\n", {"crm}": "crm, pool: {size: 9, low_water: 1}}"}, "leave out pool:"),
        (
            "klaviyo: true\n",
            {"crm}": "crm, shared: ALL26}", "10,": "10, uses: unlimited,"},
            "leave out shared:",
        ),
        ("klaviyo: true\n", {"crm}": "crm}\nmessage: {template: x, subject: y}"}, "would send the codes too"),
        ("klaviyo: true\n", {"offer: {kind: percent, value: 10, valid: {for: 60d}}\n": ""}, "needs an offer"),
    ],
)
def test_a_campaign_whose_codes_another_program_sends(
    rules: str | None, changes: dict[str, str], problem: str
) -> None:
    text = CAMPAIGN
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    files = {
        "campaigns/news.yaml": text.encode(),
        "rules/segments/everybody.yaml": b"title: Everybody\nwhere: {orders: {at_least: 0}}\n",
        "rules/codes/short.yaml": b'title: Short\npattern: "##########"\n',
    }
    if rules is not None:
        files["rules/crm.yaml"] = rules.encode()
    said = " ".join(finding.render() for finding in parse_book(files).findings)
    assert problem in said if problem else not said, said


def test_the_schema_names_what_can_be_pushed() -> None:
    words = schema_of("crm")["$defs"]["CrmKind"]["enum"]
    assert words == ["orders", "codes", "redemptions", "tiers", "consent"]
