"""The brand file: what it may say, what it lacks, and that it belongs to what is approved."""

from __future__ import annotations

import pytest

from tests.campaign.files import changed, with_files
from tests.shop import sample_files
from tillroll.campaign import parse_book
from tillroll.campaign.brand.brand import Brand
from tillroll.campaign.brand.colours import LEAST_CONTRAST, contrast, readable_on
from tillroll.campaign.brand.partials import FOLDER
from tillroll.campaign.brand.words import BRAND_VARIABLES, brand_facts
from tillroll.campaign.folder.book import revision_of
from tillroll.campaign.folder.drafts import _read
from tillroll.campaign.frozen.words import other_changes, word_changes

BRAND = "rules/brand.yaml"


def brand(*lines: str) -> str:
    return "\n".join(("postal_address: [Leaf & Kettle, 1000 Ljubljana]", *lines))


def test_contrast_is_that_of_the_w3c() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("paper", ["#ffffff", "#2a2a27", "#777777", "#000000"])
@pytest.mark.parametrize("ink", ["#31556b", "#ffee00", "#808080", "#ffffff", "#000000"])
def test_the_nearest_readable_shade_is_readable(ink: str, paper: str) -> None:
    assert contrast(readable_on(ink, paper), paper) >= LEAST_CONTRAST


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('colours: {ink: "#999999"}', "colours.ink"),
        ('colours: {accent: "#ffd24d"}', "colours.accent"),
        ('colours: {accent: "#31556b", button_text: "#000000"}', "colours.button_text"),
        ('colours: {ink: "#123"}', "colours.ink"),
        ("colours: {ink: black}", "colours.ink"),
        ('logo: {address: "http://shop.example/logo.png", alt: A shop}', "logo.address"),
        ('logo: {address: "https://shop.example/logo.png"}', "logo.alt"),
        ('links: [{words: Privacy, address: "javascript:alert(1)"}]', "links[0].address"),
        ("reply_to: Ana <ana@shop.example>", "reply_to"),
        ('reply_to: "ana@shop.example\\nBcc: eve@evil.example"', "reply_to"),
        ("reason: {english: You agreed.}", "reason.english"),
    ],
)
def test_a_fault_is_reported_at_its_key(line: str, key: str) -> None:
    found = [each for each in with_files({BRAND: brand(line)}).findings if each.file == BRAND]
    assert [each.key for each in found] == [key]


def test_what_cannot_be_read_comes_with_a_shade_that_can() -> None:
    (found,) = with_files({BRAND: brand('colours: {ink: "#999999"}')}).findings
    assert "2.8 to 1" in found.problem
    shade = found.problem.rpartition(" ")[2]
    assert not with_files({BRAND: brand(f'colours: {{ink: "{shade}"}}')}).findings


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "this file is missing"), ("name: Leaf & Kettle\n", "give your postal address")],
)
def test_a_folder_without_a_postal_address_is_warned_once(content: str | None, words: str) -> None:
    (told,) = (each for each in with_files({BRAND: content}).warnings if each.file == BRAND)
    assert words in told.problem
    assert "CAN-SPAM" in told.problem


def test_an_e_mail_that_does_not_show_the_address_is_told_of() -> None:
    bare, own = "templates/winback/message.txt.j2", "templates/welcome/message.txt.j2"
    written_out = "{{ code.text }}\nLeaf & Kettle, 1000 Ljubljana"
    book = with_files({BRAND: brand(), bare: "{{ code.text }}", own: written_out})
    told = [each.file for each in book.warnings if "postal address" in each.problem]
    assert told == [bare]


def test_the_partials_of_the_samples_are_those_of_the_library() -> None:
    own = {path.removeprefix(f"{FOLDER}/"): text for path, text in sample_files().items() if FOLDER in path}
    assert own.keys() >= {"style.mjml.j2", "header.mjml.j2", "footer.mjml.j2", "footer.txt.j2"}
    assert own == {name: _read("partials", name).encode() for name in own}


def test_no_e_mail_needs_no_address() -> None:
    pool = b"title: Pool\nowner: ana@shop.example\nwhen: {manual: true}\npool: {size: 5}\noffer: {kind: percent, value: 5}\n"
    assert [each for each in parse_book({"campaigns/pool.yaml": pool}).warnings if each.file == BRAND] == []


def test_an_approval_covers_the_brand() -> None:
    before = parse_book(changed()).revisions["winback"]
    after = with_files({BRAND: brand()}).revisions["winback"]
    assert BRAND in before.files
    assert before.digest != after.digest


def test_the_brand_is_words_that_a_run_under_way_may_be_mended_with() -> None:
    old = parse_book(changed()).revisions["winback"]
    new = with_files({BRAND: brand("name: Another name")}).revisions["winback"]
    assert other_changes(old, new) == []
    assert [change.place for change in word_changes(old, new)] == [BRAND]


def test_a_revision_recorded_before_there_were_brands_is_readable() -> None:
    files = {
        path: text for path, text in parse_book(changed()).revisions["winback"].files.items() if path != BRAND
    }
    old = revision_of("winback", files)
    assert old.brand == Brand()


def test_the_brand_of_a_revision_is_the_one_that_was_recorded() -> None:
    files = {**parse_book(changed()).revisions["winback"].files, BRAND: brand("name: Former name")}
    assert revision_of("winback", files).brand.name == "Former name"


def test_the_variables_are_those_that_templates_may_use() -> None:
    assert brand_facts(Brand(), language="en", store_name="S").keys() == BRAND_VARIABLES.keys()


@pytest.mark.parametrize(
    ("reason", "language", "shown"),
    [
        (
            {},
            "de-AT",
            "Sie erhalten diese E-Mail, weil Sie dem Empfang von E-Mails von Leaf zugestimmt haben.",
        ),
        ({}, "hr", "You get this e-mail because you agreed to receive e-mails from Leaf."),
        ({"hr": "Zato."}, "hr", "Zato."),
        (
            {"hr": "Zato."},
            "de",
            "Sie erhalten diese E-Mail, weil Sie dem Empfang von E-Mails von Leaf zugestimmt haben.",
        ),
        ({"hr": "Zato."}, "pl", "Zato."),
        ({"en": "Because.", "hr": "Zato."}, "pl", "Because."),
    ],
)
def test_the_reason_is_in_the_language_of_the_e_mail(
    reason: dict[str, str], language: str, shown: str
) -> None:
    facts = brand_facts(Brand(reason=reason), language=language, store_name="Leaf")
    assert facts["reason"] == shown


def test_the_end_of_an_e_mail_can_be_in_any_language() -> None:
    own = Brand(unsubscribe={"hr": "Odjava"})
    shown = [brand_facts(own, language=one, store_name="")["unsubscribe"] for one in ("hr", "fr", "pl")]
    assert shown == ["Odjava", "Se désabonner", "Unsubscribe"]


def test_what_is_written_from_the_right_says_so() -> None:
    shown = [
        brand_facts(Brand(), language=one, store_name="")["direction"] for one in ("he", "ar-EG", "sl", "")
    ]
    assert shown == ["rtl", "rtl", "ltr", "ltr"]
