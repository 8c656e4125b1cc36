"""A percentage of at most an amount: what the till does with it never exceeds either, and the file says which is meant."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.campaign.files import changed
from tests.campaign.test_claims import OFFER, findings, subject
from tillroll.campaign import parse_book
from tillroll.campaign.language.capped import amount_for, minimum_for
from tillroll.campaign.language.models import Offer, OfferKind
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.text.written.habits import cap_meant

CAPPED = "kind: percent\n  value: 15\n  at_most: 30"
UNITS = st.sampled_from([Decimal("0.001"), Decimal("0.01"), Decimal(1)])
PERCENTS = st.decimals(min_value=Decimal("0.5"), max_value=100, places=2)
MONEY = st.decimals(min_value=Decimal("0.001"), max_value=10**7, places=3)


def offer(**changes: object) -> Offer:
    return Offer.model_validate(
        {"kind": "percent", "value": 15, "at_most": 30, "valid": {"for": "3d"}, **changes}
    )


@given(percent=PERCENTS, cap=MONEY, basket=st.none() | MONEY, unit=UNITS, order=MONEY)
def test_no_order_gets_more_than_the_cap_nor_more_than_the_percentage(
    percent: Decimal, cap: Decimal, basket: Decimal | None, unit: Decimal, order: Decimal
) -> None:
    cap = max(cap - cap % unit, unit)
    amount = amount_for(percent, cap, basket, unit)
    minimum = minimum_for(percent, amount, unit) if amount else Decimal(0)
    assert 0 <= amount <= cap
    assert amount % unit == minimum % unit == 0
    off = amount if order >= minimum else Decimal(0)
    assert off <= cap
    assert off <= percent / 100 * order
    if basket is not None:
        assert not amount or minimum <= basket  # the basket that is expected gets it
        assert amount > percent / 100 * (basket - 1) - 1 or amount == cap  # and nearly all of its percentage


@pytest.mark.parametrize(
    ("figures", "changes", "amount", "minimum"),
    [
        ({"average_order": "80"}, {}, "12", "80"),
        ({"average_order": "200"}, {}, "30", "200"),
        ({"average_order": "5000"}, {}, "30", "200"),
        ({"average_order": "47.31"}, {}, "7", "47"),
        ({"average_order": "5000", "cart_total": "80"}, {}, "12", "80"),
        ({}, {}, "30", "200"),
        ({}, {"usual_basket": 60}, "9", "60"),
        ({"average_order": "10"}, {"minimum_subtotal": 50}, "7", "50"),
        ({"average_order": "400"}, {"minimum_subtotal": 300}, "30", "300"),
        ({"average_order": "5"}, {}, "0.75", "5"),
        ({"average_order": "80"}, {"kind": "percent_and_shipping"}, "12", "80"),
    ],
)
def test_a_customers_code_is_the_percentage_of_their_basket(
    figures: dict[str, str], changes: dict[str, object], amount: str, minimum: str
) -> None:
    capped, cent = offer(**changes), Decimal("0.01")
    value = capped.value_for({name: Decimal(text) for name, text in figures.items()}, cent)
    assert value == Decimal(amount)
    applied = capped.applied(value, cent)
    assert (applied.fixed_value, applied.minimum_subtotal) == (Decimal(amount), Decimal(minimum))
    assert applied.kind in {OfferKind.AMOUNT, OfferKind.AMOUNT_AND_SHIPPING}
    assert applied.at_most is None


def test_too_little_for_the_smallest_coin_is_no_code() -> None:
    assert offer().value_for({"average_order": Decimal("0.05")}, Decimal("0.01")) is None
    assert offer().value_for({"average_order": Decimal(6)}, Decimal(1)) is None


def test_the_sentences_say_both_limits() -> None:
    assert say_offer(offer(), "EUR") == "15% off (at most €30), single use"
    applied = offer().applied(Decimal(12), Decimal("0.01"))
    assert say_offer(applied, "EUR") == "€12 off orders of €80 or more, single use"


@pytest.mark.parametrize(
    ("keys", "key", "words"),
    [
        (CAPPED.replace("percent", "amount"), "offer.at_most", "caps a percentage, not amount"),
        (
            "kind: free_shipping\n  at_most: 30",
            "offer.at_most",
            "caps a percentage, not free_shipping",
        ),
        (CAPPED + "\n  applies_to: {products: [TEA-01]}", "offer.at_most", "over the whole basket"),
        (CAPPED.replace("at_most", "usual_basket"), "offer.usual_basket", "with at_most:"),
        (CAPPED.replace("30", "30%"), "offer.at_most", "most money that an order gets off"),
        (
            CAPPED.replace("15", "{formula: orders, at_most: 20%}"),
            "offer.at_most",
            "one percentage for all",
        ),
        (CAPPED.replace("at_most", "cap"), "offer.cap", "write at_most: with that amount"),
        (CAPPED.replace("at_most", "up to"), "offer.up to", "write at_most: with that amount"),
        (CAPPED.replace("at_most", "max_discount"), "offer.max_discount", "write at_most:"),
        (CAPPED.replace("at_most", "Maximum"), "offer.Maximum", "write at_most:"),
        (
            "kind: percent\n  value: {percent: 15, at_most: 30}",
            "offer.value.percent",
            "kind: percent, value: 15 and at_most: 30",
        ),
        (
            "kind: percent\n  value: 15% off, max 30",
            "offer.value",
            "write two keys, value: 15 and at_most: 30",
        ),
        ("kind: percent\n  value: 15% max 30 EUR", "offer.value", "value: 15 and at_most: 30 EUR"),
        (
            "kind: percent\n  value: {formula: spent / 10, at_most: EUR 30}",
            "offer.value",
            "needs kind: amount",
        ),
        (
            "kind: amount\n  value: {formula: spent / 10, at_most: 30%}",
            "offer.value",
            "it has no percent sign",
        ),
        (
            "kind: amount\n  value: {formula: spent / 10, at_most: 30, round: 1.00}",
            "offer.value.round",
            "write step:",
        ),
    ],
)
def test_what_may_be_meant_otherwise_is_answered_with_what_to_write(keys: str, key: str, words: str) -> None:
    faults, _ = findings((OFFER, keys), subject("{{ offer.text }}"), template="{{ offer.text }}")
    of_file = [(each.key, each.problem) for each in faults if each.key.startswith("offer")]
    assert [each for each, _ in of_file] == [key]
    assert words in of_file[0][1]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("15% off, max 30", "value: 15 and at_most: 30"),
        ("15% max 30 EUR", "value: 15 and at_most: 30 EUR"),
        ("15 % up to 30€", "value: 15 and at_most: EUR 30"),
        ("15% (max. €30)", "value: 15 and at_most: EUR 30"),
        ("12,5% bis 30,50 €", "value: 12.5 and at_most: EUR 30.50"),
        ("15 percent off, but at most 30 euros", "value: 15 and at_most: EUR 30"),
        ("max 30, 15%", "value: 15 and at_most: 30"),
        ("15% capped at EUR 30", "value: 15 and at_most: EUR 30"),
        ("15%", ""),
        ("15% off, max 30%", ""),
        ("30 EUR", ""),
    ],
)
def test_a_cap_in_words(text: str, lines: str) -> None:
    assert cap_meant(text) == lines


@pytest.mark.parametrize("keys", ["at_most: 20", "at_most: EUR 20.50", "at_most: 20 EUR"])
def test_a_cap_and_its_forms(keys: str) -> None:
    faults, _ = findings((OFFER, CAPPED.replace("at_most: 30", keys)), subject("{{ offer.text }}"))
    assert not [each for each in faults if each.key.startswith("offer")]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("15% off: {{ offer.text }}", "says 15%, but the percentage of the offer has a cap"),
        ("{{ code.value }} % off, {{ offer.text }}", "takes an amount off, not a percentage, since"),
        ("{{ code.value | money }} off", "says no minimum"),
    ],
)
def test_an_e_mail_that_promises_a_percentage_or_no_minimum_is_refused(words: str, problem: str) -> None:
    files = changed((OFFER, CAPPED), subject(words))
    for name in [path for path in files if path.startswith("templates/winback/")]:
        del files[name]
    files["templates/winback/message.html.j2"] = b"<p>{{ code.text }} {{ unsubscribe_link }}</p>"
    of_mail = [each for each in parse_book(files).findings if each.key.startswith("message")]
    assert [problem in each.problem for each in of_mail] == [True]


@pytest.mark.parametrize(
    "words",
    ["{{ offer.text }}", "{% if code.minimum_subtotal %}{{ code.minimum_subtotal | money }}{% endif %}"],
)
def test_an_e_mail_that_says_the_minimum_is_accepted(words: str) -> None:
    files = changed((OFFER, CAPPED), subject("{{ code.value | money }} for you"))
    for name in [path for path in files if path.startswith("templates/winback/")]:
        del files[name]
    files["templates/winback/message.html.j2"] = (
        f"<p>{words} {{{{ code.text }}}} {{{{ unsubscribe_link }}}}</p>".encode()
    )
    assert not [
        each
        for each in parse_book(files).findings
        if each.file.startswith(("campaigns/winback", "templates/winback"))
    ]


def test_each_language_of_an_e_mail_says_the_minimum() -> None:
    words, german = subject("{{ code.value | money }} for you"), "\n  subjects: {de: Hallo}"
    files = changed((OFFER, CAPPED), (words[0], words[1] + german))
    for name in [path for path in files if path.startswith("templates/winback/")]:
        del files[name]
    files["templates/winback/message.html.j2"] = (
        b"<p>{{ offer.text }} {{ code.text }} {{ unsubscribe_link }}</p>"
    )
    files["templates/winback/message.de.html.j2"] = (
        b"<p>{{ code.value | money }}: {{ code.text }} {{ unsubscribe_link }}</p>"
    )
    problems = [each.problem for each in parse_book(files).findings if each.key == "message.subject"]
    assert [words.startswith("in de, it says no minimum") for words in problems] == [True]


def test_arms_may_differ_in_the_cap_and_in_the_kind() -> None:
    arms = (
        "variants:\n  - {name: twenty, offer: {at_most: 20}}\n  - {name: euros, offer: {kind: amount, value: 5}}\n"
        "  - {name: free, offer: {kind: free_shipping}}\napproval:"
    )
    files = changed((OFFER, CAPPED), ("approval:", arms), subject("{{ offer.text }}"))
    files["templates/winback/message.txt.j2"] = b"{{ code.text }}: {{ offer.text }} {{ unsubscribe_link }}"
    files["templates/winback/message.html.j2"] = (
        b"<p>{{ code.text }}: {{ offer.text }} {{ unsubscribe_link }}</p>"
    )
    del files["templates/winback/message.mjml.j2"]
    revision = parse_book(files).revisions["winback"]
    kinds = {arm: revision.offer(arm=arm).coupon_kind for arm in revision.arms}
    assert kinds == {"twenty": OfferKind.AMOUNT, "euros": OfferKind.AMOUNT, "free": OfferKind.FREE_SHIPPING}
    assert [revision.offer(arm=arm).at_most for arm in revision.arms] == [20, None, None]


@pytest.mark.parametrize(
    ("value", "warned"),
    [
        ("{formula: spent / 10, at_most: 30}", True),
        ("{table: {by: spent, rows: [{from: 0, value: 5}]}, at_most: 30}", True),
        ("{formula: spent / 10, at_most: 30%}", False),
        ("{table: {by: spent, rows: [{from: 0, value: 5}]}}", False),
    ],
)
def test_the_highest_percentage_is_told_from_an_amount_by_its_sign(value: str, warned: bool) -> None:
    keys = OFFER.replace("15", value)
    faults, warnings = findings((OFFER, keys), subject("{{ offer.text }}"), template="{{ offer.text }}")
    assert not [each for each in faults if each.key.startswith("offer")]
    told = [each.problem for each in warnings if each.key == "offer.value.at_most"]
    assert [words.startswith("30 is meant in percent here: write at_most: 30%.") for words in told] == [
        True
    ] * warned
    same = parse_book(changed((OFFER, keys))).revisions["winback"].campaign.offer
    assert same is not None
    assert same.largest_value == (30 if "formula" in value else 5)
