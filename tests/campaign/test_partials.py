"""Partials: what e-mails share is part of each of them."""

from __future__ import annotations

import pytest

from tests.campaign.files import with_files
from tillroll.campaign import Book
from tillroll.campaign.folder.book import revision_of
from tillroll.rendering.compile import compile_message
from tillroll.rendering.facts import RecipientFacts, StoreFacts, facts_for, filters_for

MJML, TEXT = "templates/winback/message.mjml.j2", "templates/winback/message.txt.j2"
FOOTER, FOOTER_TEXT = "templates/_partials/own-end.mjml.j2", "templates/_partials/own-end.txt.j2"
SHOP = StoreFacts(name="S", url="https://s.example", email="", currency="EUR", timezone="UTC", language="en")
READER = RecipientFacts(email="a@c.example", name="", first_name="", language="", country="")
SECTION = """<mj-section><mj-column>
  <mj-text>{tag} Held together by {{{{ store.name }}}} {{{{ unsubscribe_link }}}}</mj-text>
</mj-column></mj-section>"""


def email(tag: str) -> str:
    return f"<mjml>\n<mj-body>\n{tag}\n</mj-body>\n</mjml>"


def folder(tag: str, **more: str | None) -> Book:
    files = {MJML: email(tag), TEXT: None, FOOTER: SECTION.format(tag=""), **more}
    return with_files(files)


@pytest.mark.parametrize(
    "tag",
    [
        '{% include "_partials/own-end.mjml.j2" %}',
        "{%- include '_partials/own-end.mjml.j2' -%}",
        '<mj-include path="../_partials/own-end.mjml.j2" />',
        '<mj-include path="./_partials/own-end.mjml.j2"></mj-include>',
    ],
)
def test_a_partial_is_part_of_the_e_mail(tag: str) -> None:
    revision = folder(tag).revisions["winback"]
    facts = facts_for(shop=SHOP, title="", reader=READER, code=None)
    message = revision.message().model_copy(update={"subject": "x"})
    shown = compile_message(revision, message, filters_for(SHOP)).render(facts)
    assert "Held together by S" in shown.html
    assert "Held together by S" in shown.text
    again = revision_of("winback", revision.files)
    assert again.template_files("winback") == revision.template_files("winback")


def test_an_approval_covers_the_partials_that_are_used() -> None:
    tag = '{% include "_partials/own-end.mjml.j2" %}'
    one, other = (folder(tag, **{FOOTER: SECTION.format(tag=words)}).revisions for words in ("one", "other"))
    assert one["winback"].digest != other["winback"].digest
    assert one["welcome"].digest == other["welcome"].digest, "it doesn't use it"


def test_a_fault_in_a_partial_stops_the_campaigns_that_use_it() -> None:
    book = folder('{% include "_partials/own-end.mjml.j2" %}', **{FOOTER: "\n{{ custmer.name }}"})
    assert [(each.file, each.line) for each in book.findings] == [(FOOTER, 2)]
    assert book.faulty == {"winback"}


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ('{% include "_partials/own-ende.mjml.j2" %}', "there is no templates/_partials/own-ende.mjml.j2"),
        ('{% include "_partials/own-end.txt.j2" %}', "is of another form"),
        ('{% include "../../rules/brand.yaml" %}', "only what is in templates/_partials/ can be included"),
        ('<mj-include path="/etc/passwd" />', "only what is in templates/_partials/ can be included"),
        ('<mj-include path="../_partials/../../secret.mjml.j2" />', "only what is in templates/_partials/"),
        ('<mj-include path="https://evil.example/_partials/own-end.mjml.j2" />', "only what is in"),
        ('<mj-include type="css" path="a.css" />', "only a partial of templates/_partials/ can be included"),
        ("{% include customer.name %}", "only a partial can be included"),
        ('{% import "_partials/own-end.mjml.j2" as x %}', "only a partial can be included"),
        ('{% include "_partials/own-end.mjml.j2" ignore missing %}', "only a partial can be included"),
    ],
)
def test_nothing_else_can_be_included(tag: str, words: str) -> None:
    found = folder(tag, **{FOOTER_TEXT: "Bye"}).findings
    assert [(each.file, each.line) for each in found] == [(MJML, 3)]
    assert words in found[0].problem


def test_a_partial_includes_nothing() -> None:
    nested = SECTION.format(tag='{% include "_partials/own-end.mjml.j2" %}')
    found = folder('{% include "_partials/own-end.mjml.j2" %}', **{FOOTER: nested}).findings
    assert [(each.file, each.line) for each in found] == [(FOOTER, 2)]
    assert "a partial can't include another file" in found[0].problem


def test_a_partial_moves_no_line_of_its_e_mail() -> None:
    tag = '{% include "_partials/own-end.mjml.j2" %}\n{{ nobody.name }}'
    assert [each.line for each in folder(tag).findings if each.file == MJML] == [4]


def test_a_file_that_is_no_partial_is_reported() -> None:
    (found,) = folder(SECTION.format(tag=""), **{"templates/_partials/Footer.mjml": "x"}).findings
    assert "nothing reads this file" in found.problem
