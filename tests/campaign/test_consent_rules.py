"""`rules/consent.yaml`: what it says reaches the form, and what can't work is reported at its place."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.campaign.files import with_files
from tillroll.campaign.frozen.sign_up import SignUpTerms
from tillroll.campaign.sentences.agreement import OWN_TEXTS

FILE = "rules/consent.yaml"
LINK = "<a href='{{ confirm_link }}'>Yes</a>"
TEMPLATE = "templates/confirm/message.html.j2"
RULES = """sign_up: true
double_opt_in: true
texts: {en: "Yes, send me your news, {shop}."}
sites: ["https://blog.shop.example"]
confirmation: {template: confirm, subject: Please confirm, subjects: {de: Bitte}, valid: 2d}
"""
GERMAN = "templates/confirm/message.de.html.j2"


def test_what_the_file_says_reaches_the_form() -> None:
    terms = with_files({FILE: RULES, TEMPLATE: LINK, GERMAN: LINK}).sign_up
    assert terms is not None
    assert (terms.is_open, terms.double_opt_in) == (True, True)
    assert terms.texts == {**OWN_TEXTS, "en": "Yes, send me your news, {shop}."}
    assert terms.confirmation is not None
    assert terms.confirmation.valid == timedelta(days=2)
    assert terms.confirmation.language_for("de-AT") == "de"
    assert terms.confirmation.language_for("fr") == ""
    assert SignUpTerms.from_json(terms.as_json(), is_open=True, texts=terms.texts) == terms


def test_only_another_text_is_another_version() -> None:
    closed = SignUpTerms(texts=OWN_TEXTS)
    assert closed.version == SignUpTerms(is_open=True, double_opt_in=True, texts=OWN_TEXTS).version
    assert closed.version != SignUpTerms(texts={**OWN_TEXTS, "en": "Another text"}).version


def test_without_the_file_there_is_no_form() -> None:
    terms = with_files({}).sign_up
    assert terms is not None
    assert not terms.is_open


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({FILE: "double_opt_in: true\n"}, "there is no e-mail to confirm with"),
        ({FILE: RULES}, "there is no templates/confirm/message.mjml.j2"),
        ({FILE: RULES, TEMPLATE: "<p>Hi</p>", GERMAN: LINK}, "has no link to confirm with"),
        ({FILE: RULES, TEMPLATE: LINK + "{{ code.text }}", GERMAN: LINK}, "uses 'code'"),
        ({FILE: RULES, TEMPLATE: LINK}, "has no message.de.mjml.j2"),
        ({FILE: RULES.replace("2d", "90d"), TEMPLATE: LINK, GERMAN: LINK}, "no sensible time"),
        ({FILE: "sites: [shop.example]\n"}, "sites"),
        ({FILE: "sign_upp: true\n"}, "sign_up"),
    ],
)
def test_what_cannot_work_is_reported_and_the_form_stays_as_it_is(files: dict[str, str], said: str) -> None:
    book = with_files(files)
    findings = [finding for finding in book.findings if finding.file == FILE]
    assert any(said in finding.render() for finding in findings), [each.render() for each in book.findings]
    assert book.sign_up is None
    assert book.revisions, "campaigns go on"


def test_a_campaign_cannot_show_the_link() -> None:
    name = "templates/winback/message.html.j2"
    book = with_files({name: "<p>{{ confirm_link }} {{ code.text }} {{ unsubscribe_link }}</p>"})
    assert any("only the e-mail of double opt-in has" in finding.problem for finding in book.findings)
