"""What could be better about an e-mail is said, with its reason."""

from __future__ import annotations

import pytest

from tests.rendering.examples import sample_emails, starter_emails
from tillroll.campaign.reading.email import EmailWords
from tillroll.campaign.reading.lint import BEST, LintNote, LintRule, lint, score_of
from tillroll.rendering.bulk.link import EXAMPLE_LINK

LINK = "https://shop.example/unsubscribe/T0KEN"
GOOD = f"""<!doctype html><html lang="en"><head><style>@media (prefers-color-scheme: dark) {{}}</style></head>
<body><h1>Tea</h1><a href="https://shop.example">To the shop</a><img src="cid:a" alt="">
<a href="{LINK}">Unsubscribe</a></body></html>"""
TEXT = f"Tea is here, and more of it than ever.\n{LINK}\n"


def notes_on(*, subject: str = "Tea", html: str = GOOD, text: str = TEXT) -> list[LintNote]:
    return list(lint(EmailWords(subject=subject, html=html, text=text), unsubscribe_link=LINK))


def test_a_good_e_mail_has_all_points() -> None:
    assert notes_on() == []
    assert score_of(()) == BEST


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (f'href="{LINK}"', 'href="https://shop.example/help"', LintRule.UNSUBSCRIBE),
        (' alt=""', "", LintRule.ALT),
        ('href="https://shop.example"', 'href="http://shop.example"', LintRule.LINKS),
        ('href="https://shop.example"', 'href=""', LintRule.LINKS),
        ("To the shop", "here", LintRule.LINKS),
        ("To the shop", "", LintRule.LINKS),
        ("<h1>", '<h1 style="color: #aaaaaa">', LintRule.CONTRAST),
        ("<h1>", '<h1 style="background-color:#333333; color:#31556b">', LintRule.CONTRAST),
        ("h1", "p", LintRule.HEADING),
        (' lang="en"', "", LintRule.LANGUAGE),
        ("prefers-color-scheme: dark", "min-width: 1px", LintRule.DARK),
        ("</body>", "x" * 105_000 + "</body>", LintRule.SIZE),
    ],
)
def test_what_could_be_better_is_named(old: str, new: str, rule: LintRule) -> None:
    assert old in GOOD
    found = notes_on(html=GOOD.replace(old, new))
    assert [note.rule for note in found] == [rule]
    assert score_of(tuple(found)) < BEST


def test_words_on_their_background_are_read_where_they_stand() -> None:
    inside = '<div style="background-color:#222222;color:#ffffff"><p>Light</p></div><p style="color:#222222">Dark</p>'
    assert notes_on(html=GOOD.replace("</body>", f"{inside}</body>")) == []


def test_an_image_with_a_text_names_its_link() -> None:
    pictured = '<img src="https://shop.example/a.png" alt="To the shop">'
    assert notes_on(html=GOOD.replace("To the shop", pictured)) == []


def test_a_long_subject_and_an_empty_text_are_named() -> None:
    assert [note.rule for note in notes_on(subject="x" * 79)] == [LintRule.SUBJECT]
    assert [note.rule for note in notes_on(text=f"{LINK[-5:]}")] == [LintRule.UNSUBSCRIBE, LintRule.TEXT]


@pytest.mark.parametrize(
    "html", ["", "<a", "</a></p>", "<a href='x'><a href='y'>", "<p style='color:#12345'>x", "\x00<"]
)
def test_broken_markup_is_read_too(html: str) -> None:
    assert LintRule.UNSUBSCRIBE in {note.rule for note in notes_on(html=html)}


@pytest.mark.parametrize("language", ["en", "de", "fr", "it", "es", "sl"])
def test_nothing_could_be_better_about_the_starter_e_mails(language: str) -> None:
    for example in starter_emails(language):
        rendered = example.rendered
        words = EmailWords(subject=rendered.subject, html=rendered.html, text=rendered.text)
        assert list(lint(words, unsubscribe_link=EXAMPLE_LINK)) == [], example.name


def test_nothing_could_be_better_about_the_samples() -> None:
    for example in sample_emails():
        rendered = example.rendered
        words = EmailWords(subject=rendered.subject, html=rendered.html, text=rendered.text)
        assert list(lint(words, unsubscribe_link=EXAMPLE_LINK)) == [], example.name
