"""docs/e-mails.md names every variable and filter that templates have, and shows none that they lack."""

from __future__ import annotations

import re

from tests.shop import ROOT
from tillroll.campaign.brand.partials import without_inclusions
from tillroll.campaign.folder.drafts import languages
from tillroll.campaign.folder.template_words import FILTER_NAMES, VARIABLES
from tillroll.campaign.folder.templates import check_template
from tillroll.campaign.sentences.offer_words import WORDS

PAGE = (ROOT / "docs" / "e-mails.md").read_text("utf-8")
NAMED = set(re.findall(r"^\| `([a-z_.]+)` \|", PAGE, re.MULTILINE))
SHOWN = re.findall(r"^```(?:jinja|xml)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_every_variable_is_named_and_no_other() -> None:
    fields = {f"{name}.{field}" for name, fields in VARIABLES.items() for field in fields}
    assert fields | {name for name, fields in VARIABLES.items() if not fields} == NAMED


def test_the_meaning_of_each_variable_is_the_one_of_the_code() -> None:
    for name, fields in VARIABLES.items():
        for field, meaning in fields.items():
            assert f"| `{name}.{field}` | {meaning or '–'} |" in PAGE


def test_every_filter_is_named() -> None:
    missing = {name for name in FILTER_NAMES if f"`{name}`" not in PAGE and f"| {name} }}}}" not in PAGE}
    assert missing == set()


def test_what_is_shown_can_be_written() -> None:
    assert len(SHOWN) >= 3
    for text in [*SHOWN, *re.findall(r"\{\{.*?\}\}", PAGE)]:
        if "event." not in text and "item." not in text.partition("{% for")[0]:
            assert [
                fault.render() for fault in check_template("message.txt.j2", without_inclusions(text))
            ] == []


def test_the_languages_of_the_starter_e_mails_are_those_of_the_offer_words() -> None:
    assert set(languages()) == set(WORDS)
