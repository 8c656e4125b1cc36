"""What an e-mail says is read as its recipient would, and compared with what is true of its offer."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.language.models import OfferKind
from tillroll.campaign.reading.days import days_in
from tillroll.campaign.reading.email import EmailWords, read_email
from tillroll.campaign.reading.expected import Expected
from tillroll.campaign.reading.faults import EmailPart, WordFault, WordKind
from tillroll.campaign.reading.figures import figures_in
from tillroll.campaign.reading.gaps import MARKERS, blanks_in, gaps_in
from tillroll.campaign.reading.links import goods_linked, links_in
from tillroll.campaign.reading.said.bargains import PATTERNS, ROOTS, BargainKind
from tillroll.campaign.reading.visible import lines_of
from tillroll.campaign.text.written.holding import may_hold

PERCENT = Expected(
    today=date(2026, 11, 23),
    language="de",
    currency="EUR",
    store_url="https://shop.example",
    names=("Ana Novak", "Cocoa 70% dark"),
    kind=OfferKind.PERCENT,
    code="BACK-1234",
    value=Decimal(15),
    percents=frozenset({Decimal(15)}),
    amounts=frozenset({Decimal(30)}),
    ends=date(2026, 12, 7),
    days=frozenset({date(2026, 11, 23), date(2026, 12, 7)}),
)
EUROS = replace(
    PERCENT,
    kind=OfferKind.AMOUNT,
    value=Decimal(5),
    percents=frozenset(),
    off=frozenset({Decimal(5)}),
)
CERTAIN, PERHAPS, FINE = "certain", "perhaps", "fine"


def judged(faults: list[WordFault]) -> str:
    if not faults:
        return FINE
    return CERTAIN if any(fault.is_certain for fault in faults) else PERHAPS


@pytest.mark.parametrize(
    ("expected", "text", "verdict"),
    [
        (PERCENT, "15 % off everything", FINE),
        (PERCENT, "15,0 % Rabatt auf alles", FINE),
        (PERCENT, "%15 indirim", FINE),
        (PERCENT, "15٪ off, on orders of €30.00 or more", FINE),
        (PERCENT, "Cocoa 70% dark is back", FINE),  # the name of a product
        (PERCENT, "20 % off everything", CERTAIN),
        (PERCENT, "-20%", CERTAIN),
        (PERCENT, "Sparen Sie 20 %", CERTAIN),
        (PERCENT, "20 % de réduction", CERTAIN),
        (PERCENT, "20% popusta", CERTAIN),
        (PERCENT, "made of 100 % cotton, 70% cocoa", FINE),
        (PERCENT, "€15.00 off", CERTAIN),  # the value as an amount
        (PERCENT, "from €45 on", PERHAPS),
        (PERCENT, "$30 or more", CERTAIN),  # the store sells in euros
        (EUROS, "5 % off", CERTAIN),
        (EUROS, "5 % mehr für Sie", CERTAIN),  # the value as a percentage
        (EUROS, "€5 off orders of €30 or more", FINE),
        (EUROS, "5,00 € Rabatt ab 30,00 €", FINE),
        (EUROS, "EUR 5 sconto", FINE),
        (EUROS, "10 € Rabatt", CERTAIN),
        (EUROS, "€5 off our €40 teapot", PERHAPS),
        (EUROS, "made of 100 % cotton", FINE),
        (EUROS, "1.234,50 € sparen", CERTAIN),
    ],
)
def test_figures_are_the_offers(expected: Expected, text: str, verdict: str) -> None:
    assert judged(list(figures_in(text, "", expected, EmailPart.TEXT))) == verdict


def test_a_number_that_can_mean_two_is_true_if_one_of_them_is() -> None:
    dinars = replace(EUROS, currency="KWD", off=frozenset({Decimal("5.005")}))
    assert judged(list(figures_in("KWD 5.005 off", "", dinars, EmailPart.TEXT))) == FINE
    assert judged(list(figures_in("KWD 5.006 off", "", dinars, EmailPart.TEXT))) == CERTAIN


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Valid until December 7, 2026", FINE),
        ("gültig bis 7. Dezember 2026", FINE),
        ("bis 07.12.2026, bis 7.12., until 2026-12-07, by 12/7/2026", FINE),
        ("until 7th of December", FINE),
        ("since 12 May 1987", FINE),
        ("call 01/23/45 or 030-12-34", FINE),
        ("until December 31", CERTAIN),
        ("bis 31. Dez. 2026", CERTAIN),
        ("until 31/12/2026", CERTAIN),
        ("until 2025-12-07", CERTAIN),  # of last year
        ("Our fair is on 12 December. Your code works until 7 December.", PERHAPS),
    ],
)
def test_days_are_those_of_the_code(text: str, verdict: str) -> None:
    assert judged(list(days_in(text, "", PERCENT, EmailPart.TEXT))) == verdict


@pytest.mark.parametrize(
    ("text", "own", "count"),
    [
        ("None % off", "\x1f % off", 1),
        ("nan € for you", "\x1f € for you", 1),
        ("Hello undefined", "Hello \x1f", 1),
        ("{{ customer.first_name }}", "\x1f", 2),
        ("Decimal('15.00') off", "\x1f off", 1),
        ("Tea &amp; more", "\x1f", 1),
        ("until 2026-12-07 22:59:59+00:00", "until \x1f", 1),
        ("None of our teas is bitter", "None of our teas is bitter", 0),
        ("Dear None", "Dear \x1f", 0),  # it is the customer's name
        ("An undefined-looking thing", "\x1f", 0),
    ],
)
def test_gaps_are_found_unless_they_are_meant(text: str, own: str, count: int) -> None:
    names = ("None",) if text == "Dear None" else ()
    assert len(list(gaps_in(text, own, EmailPart.TEXT, names))) == count


@pytest.mark.parametrize(
    ("template", "is_bare"),
    [
        ("Hello {},", True),
        ("Bonjour {} !", True),
        ("{}, 15 % für dich", True),
        ("שלום {}!", True),
        ("Hello friend,", False),
        ("{}", False),  # a line of its own is left out
    ],
)
def test_an_empty_greeting_is_seen_in_any_language(template: str, is_bare: bool) -> None:
    bare, signed = lines_of(template.format("")), lines_of(template.format(MARKERS[0].sign))
    assert bool(list(blanks_in(bare, signed, EmailPart.TEXT))) == is_bare


@pytest.mark.parametrize(
    ("address", "is_fine"),
    [
        ("https://shop.example/tea", True),
        ("http://shop.example", True),
        ("mailto:hello@shop.example", True),
        ("tel:+38612345678", True),
        ("#top", True),
        ("", False),
        ("/tea", False),
        ("www.shop.example", False),
        ("shop.example/tea", False),
        ("//shop.example/tea", False),
        ("javascript:alert(1)", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("https:///tea", False),
        ("mailto:", False),
        ("https://[", False),
    ],
)
def test_links_are_whole_addresses(address: str, is_fine: bool) -> None:
    assert (not list(links_in(f'<a class="b" href="{address}">Tea</a>', ""))) == is_fine
    if not address.startswith(("mailto", "tel", "#")):
        assert (not list(links_in(f"<img src='{address}' alt=''>", ""))) == is_fine


def test_links_to_goods_of_the_store_are_recognised() -> None:
    html = (
        '<a href="https://www.shop.example/Sencha-p1001">a</a><a href="https://shop.example/#!/Cup/p/1002/category=7">b</a>'
        '<a href="https://shop.example/Tea-c2001?x=1">c</a><a href="https://other.example/x-p3003">d</a>'
        '<a href="https://shop.example/products/1003">e</a>'
    )
    found = [(goods.is_category, goods.number) for goods in goods_linked(html, "", "https://shop.example")]
    assert found == [(False, 1001), (False, 1002), (True, 2001), (False, 1003)]


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"subject": " "}, WordKind.GAPS),
        ({"subject": "long " * 20}, WordKind.STYLE),
        ({"html": "<style>a {}</style><p> </p>"}, WordKind.GAPS),
        ({"text": "\n"}, WordKind.GAPS),
        ({"text": "Your code is in the HTML part"}, WordKind.STYLE),
        ({"html": f"<p>BACK-1234{'x' * 105_000}</p>"}, WordKind.STYLE),
        ({}, None),
    ],
)
def test_the_parts_as_such_are_looked_at(changed: dict[str, str], kind: WordKind | None) -> None:
    words = EmailWords(
        **{"subject": "Hello Ana Novak", "html": "<p>BACK-1234</p>", "text": "BACK-1234", **changed}
    )
    found = list(read_email(words, dict.fromkeys(EmailPart, ""), PERCENT))
    assert [fault.kind for fault in found] == ([kind] if kind else [])


def test_a_long_name_makes_no_long_subject() -> None:
    name = "Ana " * 25 + "Novak"
    words = EmailWords(subject=f"Hello {name}", html="BACK-1234", text="BACK-1234")
    assert not list(read_email(words, dict.fromkeys(EmailPart, ""), replace(PERCENT, names=(name,))))


@given(text=st.text(alphabet="miİıdnghtfle:/ſKs <?xml-ty@por", max_size=40))
def test_a_text_without_the_words_is_one_in_which_no_pattern_finds_them(text: str) -> None:
    words = ("midnight", "file:/", "<?xml-stylesheet", "@import")
    if re.search("|".join(map(re.escape, words)), text, re.IGNORECASE):
        assert may_hold(text, words)


@pytest.mark.parametrize("kind", ROOTS)
@given(data=st.data())
def test_whatever_a_pattern_finds_holds_one_of_its_roots(kind: BargainKind, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(PATTERNS[kind]))
    assert may_hold(text, ROOTS[kind])


@pytest.mark.parametrize("text", ["Midnıght", "<?xml-ſtylesheet", "FİLE:/", "MIDNIGHT"])
def test_letters_that_patterns_take_for_others_are_not_overlooked(text: str) -> None:
    assert may_hold(text, ("midnight", "file:/", "<?xml-stylesheet"))
