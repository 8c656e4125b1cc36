"""`rules/crm.yaml`: one target, within the installation's own folder or by an address without secrets."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tillroll.campaign import Revision, parse_book, revision_of
from tillroll.campaign.folder.schema import schema_of
from tillroll.campaign.language.crm import CrmKind
from tillroll.campaign.sentences.changes import compare_revisions


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
FILES = {
    "campaigns/news.yaml": CAMPAIGN.encode(),
    "rules/segments/everybody.yaml": b"title: Everybody\nwhere: {orders: {at_least: 0}}\n",
    "rules/codes/short.yaml": b'title: Short\npattern: "##########"\n',
}


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
        ("klaviyo: true\n", {"crm}": "crm}\nannounce: true"}, "Tillroll sends none; leave it out"),
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
    files = {**FILES, "campaigns/news.yaml": text.encode()}
    if rules is not None:
        files["rules/crm.yaml"] = rules.encode()
    said = " ".join(finding.render() for finding in parse_book(files).findings)
    assert problem in said if problem else not said, said


def test_the_schema_names_what_can_be_pushed() -> None:
    words = schema_of("crm")["$defs"]["CrmKind"]["enum"]
    assert words == ["orders", "codes", "redemptions", "tiers", "consent"]


def campaign_told_by(rules: str) -> Revision:
    return parse_book({**FILES, "rules/crm.yaml": rules.encode()}).revisions["news"]


def test_a_revision_knows_who_sends_its_codes_and_nothing_secret() -> None:
    revision = campaign_told_by("webhook: https://crm.example/hooks/s3cret\n")
    assert revision.codes_sent_by == "crm.example"
    assert "s3cret" not in str(revision.files)
    recorded = revision_of("news", revision.files)
    assert (recorded.codes_sent_by, recorded.digest) == ("crm.example", revision.digest)


def test_another_program_that_sends_the_codes_is_another_revision() -> None:
    klaviyo, mailchimp = (
        campaign_told_by(rules) for rules in ("klaviyo: true\n", "mailchimp: {audience: a1b2c3}\n")
    )
    assert klaviyo.digest == campaign_told_by("klaviyo: true\nbatch: 10\n").digest
    (difference,) = compare_revisions(klaviyo, mailchimp)
    assert difference.sentence() == "who sends the codes: Mailchimp audience a1b2c3, was Klaviyo"


def test_faulty_rules_of_a_crm_stop_the_campaign_whose_codes_it_sends() -> None:
    assert parse_book({**FILES, "rules/crm.yaml": b"klaviyo: perhaps\n"}).faulty == {"news"}
