"""Figures, bargains and last days as people write them in several languages, read as their reader would."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from babel.numbers import format_currency

from tests.campaign.test_reading import CERTAIN, EUROS, FINE, PERCENT, PERHAPS, judged
from tillroll.campaign.language.models import Offer, OfferKind
from tillroll.campaign.reading.days import days_in
from tillroll.campaign.reading.expected import CodeTerms, Expected
from tillroll.campaign.reading.faults import EmailPart
from tillroll.campaign.reading.figures import figures_in
from tillroll.campaign.reading.said.numbers import WORDS

SHIPPING = replace(PERCENT, kind=OfferKind.FREE_SHIPPING, value=None, percents=frozenset())
HALF = replace(PERCENT, value=Decimal(50), percents=frozenset({Decimal(50)}))
OFFERS = {"percent": PERCENT, "shipping": SHIPPING, "half": HALF}


def read(text: str, expected: Expected) -> str:
    return judged(list(figures_in(text, text, expected, EmailPart.TEXT)))


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("twenty five", 25), ("fünfundzwanzig", 25), ("vingt cinq", 25), ("venticinque", 25), ("veinticinco", 25),
        ("petindvajset", 25), ("ninety nine", 99), ("treinta y cinco", 35),
        ("ventuno", 21), ("dreißig", 30), ("quatre vingts", 80),
    ],
)  # fmt: skip
def test_numbers_in_words(word: str, number: int) -> None:
    assert WORDS[word] == number


@pytest.mark.parametrize("fine", [True, False])
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("fifteen percent off", "twenty percent off"),
        ("15 per cent off", "twenty-five per cent off"),
        ("fünfzehn Prozent Rabatt", "zwanzig Prozent Rabatt"),
        ("ein 15-prozentiger Rabatt", "ein 20-prozentiger Rabatt"),
        ("quinze pour cent de réduction", "20 pour cent de remise"),
        ("quindici per cento di sconto", "il 20 per cento di sconto"),
        ("15 por ciento de descuento", "veinte por ciento de descuento"),
        ("petnajst odstotkov popusta", "20 odstotkov popusta"),
        ("15 % auf alles", "20 % auf alles"),
        ("15% on your next order", "20% on your next order"),
        ("% 15 indirim", "% 20 indirim"),
        ("١٥٪ خصم", "٢٠٪ خصم"),
        ("全品15％オフ", "全品20％オフ"),
        ("最大15%OFF、今だけ", "最大20%OFF、今だけ"),
    ],
)
def test_percentages_in_words_and_digits(right: str, wrong: str, *, fine: bool) -> None:
    assert read(right if fine else wrong, PERCENT) == (FINE if fine else CERTAIN)


@pytest.mark.parametrize("fine", [True, False])
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("EUR 5.- Rabatt", "EUR 10.- Rabatt"),
        ("5,- € Rabatt", "10,-- € Rabatt"),
        ("€ 5,— korting", "€ 6,— korting"),
        ("5 Euro Rabatt", "zehn Euro Rabatt"),
        ("five euros off", "ten euros off"),
        ("5\u00a0€ de réduction", "1\u202f000\u00a0€ de réduction"),
        ("a 5-euro voucher", "a 10-euro voucher"),
        ("5 evrov popusta", "10 evrov popusta"),
        ("5 eur off", "5 dollars off"),
        ("5 € Rabatt ab 30 €", "5 £ Rabatt"),
    ],
)
def test_amounts_in_words_and_digits(right: str, wrong: str, *, fine: bool) -> None:
    assert read(right if fine else wrong, EUROS) == (FINE if fine else CERTAIN)


@pytest.mark.parametrize("fine", [True, False])
@pytest.mark.parametrize(
    ("currency", "right", "wrong"),
    [
        ("CHF", "Fr. 5.- Rabatt", "Fr. 12.- Rabatt"),
        ("CHF", "Sparen Sie SFr. 5.00", "Sparen Sie SFr. 9.95"),
        ("CHF", "5.– Rabatt ab Fr. 30.–", "15.– Rabatt ab Fr. 30.–"),
        ("CHF", "5 Fr. Rabatt, bis Fr. 18. Dezember oder Fr. 4.12.", "10 Fr. Rabatt"),
        ("JPY", "5円OFF、￥30以上", "600円OFF、￥30以上"),
        ("JPY", "最大５円引き、30円以上", "最大６００円引き"),
    ],
)
def test_amounts_as_one_country_writes_them(currency: str, right: str, wrong: str, *, fine: bool) -> None:
    assert read(right if fine else wrong, replace(EUROS, currency=currency)) == (FINE if fine else CERTAIN)


def test_francs_are_a_sign_only_where_they_are_the_currency() -> None:
    assert read("Nur noch bis Fr. 18. Die Nr. 12.- ist weg", EUROS) == FINE


LANGUAGES = (
    "en",
    "de",
    "de_CH",
    "fr",
    "fr_CH",
    "it",
    "es",
    "sl",
    "pt",
    "sv",
    "pl",
    "cs",
    "hi",
    "ar_EG",
    "tr",
    "ja",
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_amounts_as_babel_writes_them(language: str) -> None:
    for currency in ("EUR", "USD", "GBP", "CHF", "INR", "SEK", "PLN"):
        for value in (Decimal(5), Decimal("1234.50"), Decimal(123456)):
            said = format_currency(value, currency, locale=language)
            true, other = (
                replace(EUROS, currency=currency, off=frozenset({each}), amounts=frozenset())
                for each in (value, value + 1)
            )
            assert read(f"You save {said} now", true) == FINE, said
            assert read(f"You save {said} now", other) == CERTAIN, said


BARGAINS = {
    "half": """
        ½ price on everything|now at half price|zum halben Preis|à moitié prix|a metà prezzo|a mitad de precio|za polovično ceno
    """,
    "shipping": """
        free shipping|free standard delivery|delivery is on us|versandkostenfrei|kostenloser Versand|livraison gratuite
        frais de port offerts|spedizione gratuita|envío gratis|brezplačna dostava
    """,
    "several": """
        two for one|2-for-1 deal|buy one, get one free|BOGO|2 für 1|zwei zum Preis von einem|3 pour 2|prendi 3 paghi 2|oferta 3x2
        2 za 1|1+1 gratis
    """,
}


@pytest.mark.parametrize("kind", BARGAINS)
def test_a_bargain_that_the_offer_is_not(kind: str) -> None:
    for text in "|".join(BARGAINS[kind].strip().splitlines()).split("|"):
        of = {offer: read(text.strip(), expected) for offer, expected in OFFERS.items()}
        assert of == {offer: FINE if offer == kind else CERTAIN for offer in OFFERS}, text


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Free shipping from €50, as always", PERHAPS),  # the shop's own rule
        ("a free gift with every order", PERHAPS),
        ("no free shipping this time", FINE),
        ("Our teas are not at half price", FINE),
        ("free returns, sugar-free, feel free to reply, free of plastic", FINE),
        ("half of our teas are new, two for you, 2 for the road, serves 4 for 2 days", FINE),
        ("a cloth of 3x2 m, open 24/7, since 1985, 99 points", FINE),
        ("our teapot for €45, instead of €50", FINE),
        ("two pounds of tea, 5 francs' worth of history", FINE),
        ("100 % organic, 70% cocoa, 100 Prozent Bio", FINE),
    ],
)
def test_innocent_words_are_left_alone(text: str, verdict: str) -> None:
    assert read(text, PERCENT) == verdict


LEAVES = date(2026, 12, 4)  # a Friday; the code works until Monday, the 7th
LEAVING = replace(PERCENT, today=LEAVES, leaves=LEAVES, days=frozenset({LEAVES, date(2026, 12, 7)}))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("until Monday", FINE), ("bis Montag", FINE), ("jusqu'à lundi", FINE), ("do ponedeljka", FINE), ("until the 7th", FINE),
        ("bis zum 7.", FINE), ("valid for three days", FINE), ("noch 3 Tage gültig", FINE), ("Monday, 7 December", FINE),
        ("until New Year's Eve", CERTAIN), ("bis Heiligabend", CERTAIN), ("jusqu'à Noël", CERTAIN),
        ("until Friday", CERTAIN), ("bis Sonntag", CERTAIN), ("until next Friday", CERTAIN), ("fino a domenica", CERTAIN),
        ("today only", CERTAIN), ("nur heute", CERTAIN), ("jusqu'à ce soir", CERTAIN), ("until midnight tonight", CERTAIN),
        ("solo hoy", CERTAIN), ("samo danes", CERTAIN), ("ends tomorrow", CERTAIN), ("only 24 hours left", CERTAIN),
        ("valid for 30 days", CERTAIN), ("dos semanas: válido 14 días", CERTAIN), ("this weekend only", CERTAIN),
        ("until the 24th", CERTAIN), ("bis zum 24.", CERTAIN), ("bis 24.12.", CERTAIN), ("until 12/24", CERTAIN),
        ("until Dec 24th", CERTAIN), ("do 24. decembra", CERTAIN), ("bis 24.12", CERTAIN),
        ("Friday, 7 December", CERTAIN),  # it is a Monday
        ("only today and tomorrow", CERTAIN), ("heute und morgen nur", CERTAIN), ("samo danes in jutri", CERTAIN),
        ("Today only, until 7 December", PERHAPS),  # the last day is said too
        ("See you on Friday! Stop by today. Open until 18.30 Uhr.", FINE),
        ("What will you do today? We reply within 24 hours.", FINE),
    ],
)  # fmt: skip
def test_last_days_without_a_date(text: str, verdict: str, language: str) -> None:
    expected = replace(LEAVING, language=language)
    assert judged(list(days_in(text, text, expected, EmailPart.TEXT))) == verdict


@pytest.mark.parametrize(
    "text",
    ["Only today and tomorrow", "nur heute und morgen", "today & tomorrow only", "seulement aujourd'hui et demain",
     "solo oggi e domani", "solo hoy y mañana", "samo danes in jutri"],
)  # fmt: skip
def test_a_sale_of_two_days_ends_tomorrow(text: str) -> None:
    tomorrow = date(2026, 12, 5)
    two_days = replace(LEAVING, ends=tomorrow, days=frozenset({LEAVES, tomorrow}))
    assert not list(days_in(text, "", two_days, EmailPart.TEXT))


def test_feasts_are_days() -> None:
    until_eve = replace(LEAVING, ends=date(2026, 12, 31), days=frozenset({LEAVES, date(2026, 12, 31)}))
    for text in ("until New Year's Eve", "bis Silvester", "hasta Nochevieja", "until New Year"):
        assert not list(days_in(text, "", until_eve, EmailPart.TEXT)), text


def test_a_day_that_may_be_another_one_is_a_warning() -> None:
    """A schedule's plan that is shown on another day than its own begins then."""
    unsure = replace(LEAVING, is_leaving_sure=False)
    assert judged(list(days_in("this weekend only", "", unsure, EmailPart.TEXT))) == PERHAPS
    (fault,) = days_in("this weekend only", "", LEAVING, EmailPart.TEXT)
    assert fault.problem.endswith("the code works until 2026-12-07, if the e-mail leaves on 2026-12-04")


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("15% off everything", CERTAIN), ("15 % auf alles", CERTAIN), ("-15% sur tout le site", CERTAIN),
        ("15% su tutto", CERTAIN),
        ("15 % en toda la tienda", CERTAIN), ("15 % na vse", CERTAIN), ("15% off, whatever you choose", PERHAPS),
        ("15% off everything in our tea range", CERTAIN), ("a sitewide discount", CERTAIN),
        ("thank you for everything, based on everything you wrote", FINE), ("Wir freuen uns auf alles Neue", FINE),
    ],
)  # fmt: skip
def test_an_offer_of_some_goods_is_not_on_everything(text: str, verdict: str) -> None:
    assert read(text, replace(PERCENT, terms=CodeTerms(is_limited=True))) == verdict
    assert read(text, PERCENT) == FINE


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("no minimum order", CERTAIN), ("ohne Mindestbestellwert", CERTAIN), ("sans minimum d'achat", CERTAIN),
        ("senza ordine minimo", CERTAIN), ("sin compra mínima", CERTAIN), ("brez najnižjega zneska", CERTAIN),
        ("no minimum", PERHAPS), ("sans minimum", PERHAPS), ("the minimum is on the card", FINE),
    ],
)  # fmt: skip
def test_an_offer_from_an_amount_on_has_a_minimum(text: str, verdict: str) -> None:
    assert read(text, replace(PERCENT, terms=CodeTerms(has_minimum=True))) == verdict
    assert read(text, PERCENT) == FINE


@pytest.mark.parametrize(
    "text",
    ["as often as you like", "so oft Sie wollen", "beliebig oft", "autant de fois que vous voulez", "quante volte vuoi",
     "tantas veces como quieras", "kolikorkrat želite"],
)  # fmt: skip
def test_a_code_that_works_once_is_not_used_as_often_as_one_likes(text: str) -> None:
    assert read(f"Use it {text}.", replace(PERCENT, terms=CodeTerms(is_once=True))) == CERTAIN
    assert read(f"Use it {text}.", PERCENT) == FINE
    assert (
        read(
            "You often ask for it, so often that we wondered.",
            replace(PERCENT, terms=CodeTerms(is_once=True)),
        )
        == FINE
    )


def test_the_terms_are_those_of_the_offer() -> None:
    offer = {"kind": "percent", "value": 10, "valid": {"for": "14d"}}
    assert CodeTerms.of(Offer.model_validate(offer)) == CodeTerms(is_once=True)
    capped = Offer.model_validate({**offer, "at_most": 30, "uses": "unlimited"})
    assert CodeTerms.of(capped) == CodeTerms(has_minimum=True)


def test_words_of_today_are_left_alone_where_nobody_knows_when_the_e_mail_leaves() -> None:
    assert not list(days_in("today only", "", replace(LEAVING, leaves=None), EmailPart.TEXT))
