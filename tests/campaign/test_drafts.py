"""The library of starter campaigns: each is valid and its e-mails can be sent."""

from __future__ import annotations

import re
from datetime import date

import pytest
import yaml

from tillroll.campaign import parse_book
from tillroll.campaign.folder.drafts import _read, draft, draft_sign_up, fill_ins, kinds, languages
from tillroll.campaign.folder.folder_reader import BRAND
from tillroll.campaign.language.models import Status
from tillroll.errors import NotFound
from tillroll.rendering.compile import compile_message
from tillroll.rendering.facts import StoreFacts, filters_for
from tillroll.rendering.proof.confirmation import refusals_of_confirmation
from tillroll.rendering.trial import refusals_of

TODAY = date(2026, 11, 23)
ADDRESS = {BRAND: b"postal_address: [My shop, Main Street 1, 1000 Ljubljana]\n"}
MARK = re.compile(r"@[A-Z_ a-z0-9-]+@")
SHOP = StoreFacts(name="S", url="https://s.example", email="", currency="EUR", timezone="UTC", language="en")


def test_there_are_at_least_twelve() -> None:
    assert len(kinds()) >= 12
    assert all(len(meaning) > 20 for meaning in kinds().values())


@pytest.mark.parametrize("name", ["mine", "spring-26"])
@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_draft_is_valid_under_any_name(kind: str, name: str) -> None:
    files = draft(kind, name=name, today=TODAY)
    book = parse_book({path: text.encode() for path, text in files.items()})
    assert [finding.render() for finding in book.findings] == []
    revision = book.revisions[name]
    assert revision.campaign.status is Status.DRAFT, "nothing runs before somebody has read it"
    for message in revision.campaign.messages:
        compiled = compile_message(revision, message, filters_for(SHOP))
        assert compiled.text is not None
    used = {path.split("/")[1] for path in files if path.startswith("templates/")}
    assert used - {"_partials"} == {message.template for message in revision.campaign.messages}


def test_two_drafts_in_one_folder_are_valid() -> None:
    files: dict[str, str] = {}
    for kind in kinds():
        files |= draft(kind, name=f"my-{kind}", today=TODAY)
    book = parse_book({path: text.encode() for path, text in files.items()})
    assert [finding.render() for finding in book.findings] == []
    assert len(book.revisions) == len(kinds())


def test_an_unknown_kind_suggests_the_nearest() -> None:
    with pytest.raises(NotFound) as missing:
        draft("winbak", name="x", today=TODAY)
    assert "winback" in missing.value.hint


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_draft_in_any_language_has_neither_faults_nor_warnings(kind: str, language: str) -> None:
    other = "de" if language == "en" else "en"
    for wanted in ((language,), (language, other)):
        files = draft(kind, name="mine", today=TODAY, wanted=wanted)
        book = parse_book({path: text.encode() for path, text in files.items()} | ADDRESS)
        assert [finding.render() for finding in (*book.findings, *book.warnings)] == []
        assert not any(MARK.search(text) for text in files.values())
        assert list(refusals_of(book.revisions["mine"])) == []


@pytest.mark.parametrize("language", languages())
def test_an_e_mail_with_a_code_states_the_conditions(language: str) -> None:
    for kind in kinds():
        for path, text in draft(kind, name="mine", today=TODAY, wanted=(language,)).items():
            if path.startswith("templates/"):
                assert ("{{ offer.conditions }}" in text) == ("{{ code.text }}" in text), path


def test_every_language_has_every_text() -> None:
    words = {language: yaml.safe_load(_read("emails", f"{language}.yaml")) for language in languages()}
    shape = {email: text.keys() for email, text in words["en"].items()}
    assert len(words) == 6
    for each in words.values():
        assert {email: text.keys() for email, text in each.items()} == shape


def test_a_cart_is_shown_and_linked_and_so_is_a_product() -> None:
    files = draft("abandoned-cart", name="mine", today=TODAY)
    cart = files["templates/mine-1/message.mjml.j2"]
    assert '{% include "_partials/cart.mjml.j2" %}' in cart
    assert "{% for item in cart.goods %}" in files["templates/_partials/cart.mjml.j2"]
    assert 'href="{{ cart.url | tracked }}"' in cart
    for kind in ("back-in-stock", "overstock"):
        files = draft(kind, name="mine", today=TODAY)
        shown = files["templates/mine/message.mjml.j2"]
        assert '{% include "_partials/product.mjml.j2" %}' in shown
        assert 'src="{{ product.picture }}"' in files["templates/_partials/product.mjml.j2"]
        assert 'href="{{ product.url | tracked }}"' in shown


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_draft_says_what_to_fill_in(kind: str) -> None:
    text = draft(kind, name="mine", today=TODAY)["campaigns/mine.yaml"]
    places = fill_ins(text)
    assert places[0].key == "owner"
    assert [text.splitlines()[place.line - 1].count("# fill in: ") for place in places] == [1] * text.count(
        "# fill in: "
    )
    if "offer:" in text:
        assert "value" in {place.key for place in places}


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(NotFound) as missing:
        draft("welcome", name="x", today=TODAY, wanted=("ger",))
    assert "There are de, en, es, fr, it, sl" in missing.value.hint


@pytest.mark.parametrize("language", languages())
def test_signing_up_has_neither_faults_nor_warnings_and_a_link_in_every_part(language: str) -> None:
    other = "de" if language == "en" else "en"
    files = draft_sign_up((language, other))
    book = parse_book({path: text.encode() for path, text in files.items()} | ADDRESS)
    assert [finding.render() for finding in (*book.findings, *book.warnings)] == []
    assert not any(MARK.search(text) for text in files.values())
    assert book.sign_up is not None
    assert book.sign_up.double_opt_in
    assert list(refusals_of_confirmation(book.sign_up)) == []
    parts = [text for path, text in files.items() if path.startswith("templates/confirm/")]
    assert len(parts) == 4
    assert all("{{ confirm_link }}" in text and "brand.reason" not in text for text in parts)


def test_the_own_words_are_tried_beside_a_translation_into_the_trials_language() -> None:
    files = draft_sign_up(("de", "en"))
    rules = "rules/consent.yaml"
    files[rules] = files[rules].replace("  language: de\n", "")  # they are in the store's language then
    files["templates/confirm/message.txt.j2"] = "{{ 1 / 0 }} {{ confirm_link }}"
    book = parse_book({path: text.encode() for path, text in files.items()} | ADDRESS)
    assert book.sign_up is not None
    assert len(list(refusals_of_confirmation(book.sign_up))) == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("{{ 1 / 0 }}", "division"),
        ("{{ none }}", "None"),
        ("Dear {{ customer.name }},", "nobody knows customer.name"),
    ],
)
def test_an_e_mail_to_confirm_that_cannot_be_sent_or_has_a_gap_is_told(words: str, reason: str) -> None:
    files = draft_sign_up(("en",))
    files["templates/confirm/message.txt.j2"] = f"{words} {{{{ confirm_link }}}}"
    book = parse_book({path: text.encode() for path, text in files.items()} | ADDRESS)
    assert book.sign_up is not None
    (refusal,) = refusals_of_confirmation(book.sign_up)
    assert reason in refusal
