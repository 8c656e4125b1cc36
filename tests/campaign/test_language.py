"""Keys that depend on each other, extended campaigns, environments, arms, steps and values."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.campaign.files import changed, only, place, with_files
from tests.campaign.whole import whole_folder
from tillroll.campaign import Book, parse_book, revision_of
from tillroll.campaign.language.models import Campaign, PerCustomer
from tillroll.campaign.language.value import FIGURES, evaluate_formula, parse_formula
from tillroll.campaign.text.money import Money, other_currencies, parse_amount

FOLDER = {path: text.encode() for path, text in whole_folder().items()}


def _book(name: str, text: str, environment: str = "live") -> Book:
    return parse_book({**FOLDER, f"campaigns/{name}.yaml": text.encode()}, environment=environment)


def _campaign(name: str) -> Campaign:
    return parse_book(FOLDER).revisions[name].campaign


SENSELESS = [
    # file, old text, new text, place of the finding, words that it must contain
    ("shared", "uses: once_per_customer, ", "", "{shared", "used only once in total"),
    ("shared", "shared: SUMMER26", "shared: SUMMER26, prefix: A", "A}", "no meaning with shared:"),
    ("shared", "shared: SUMMER26", 'shared: "12345"', '"12345"', "a code of digits only"),
    ("shared", "value: 10", "value: {formula: orders, at_most: 3}", "{shared", "one value for all"),
    ("shared", "value: 10", "value: EUR 10", "EUR 10", "a percentage has no currency"),
    (
        "shared",
        "{at: 2026-11-27 09:00}",
        "{at: 2026-11-27 09:00, after: 2h}",
        "{at:",
        "after: can only be used with on:",
    ),
    (
        "shared",
        "who: {segment: whole}",
        "who: {limit: 3}",
        "{limit",
        "add who.segment: a schedule has no audience of its own",
    ),
    ("shared", "message: {template: plain", "massage: {template: plain", "massage", "unknown key"),
    (
        "shared",
        "uses: once",
        "applies_to: {products: ['{product}']}, uses: once",
        "{kind",
        "needs an event about a product",
    ),
    (
        "shared",
        "codes: {",
        "stops: {stock_below: 3}\ncodes: {",
        "{stock",
        "needs an offer that applies_to: products",
    ),
    ("shared", "codes: {", "unless: [ordered]\ncodes: {", "[ordered]", "needs a customer event"),
    (
        "flow",
        "unless: [ordered]",
        "offer: {kind: percent, value: 5, valid: {for: 3d}}",
        "{kind: percent, value: 5",
        "each of the steps",
    ),
    ("flow", "codes: {prefix: CART}", "same_code: true", "true\n    message", "leave out offer:"),
    ("flow", "wait: 2h", "same_code: true", "- same_code", "no earlier step has an offer"),
    (
        "flow",
        "template: note, subject: One",
        'template: plain, subject: "{{ code.text }}"',
        '"{{ code',
        "there is no offer: here",
    ),
    (
        "flow",
        "{cart_abandoned: {total_at_least: 20}}",
        "back_in_stock",
        "- wait: 2h",
        "need a customer event",
    ),
    (
        "flow",
        "subject: Two",
        'subject: "{{ order.total }}"',
        '"{{ order',
        "only has with when: on: order_placed",
    ),
    ("pooled", "low_water: 10", "low_water: 100", "100}}", "must be less than size:"),
    ("pooled", "extends: shared", "extends: shred", "shred", "there is no campaign 'shred'"),
    ("pooled", "extends: shared", "extends: pooled", "pooled", "in a circle"),
    ("scheduled", "name: two", "name: one", "- name: one", "two variants are called one"),
    ("scheduled", "      value: 5\n", "      value: -5\n", "-5", "must be more than 0"),
    (
        "scheduled",
        "      kind: amount\n      value: 5\n",
        "      kind: percent\n      value: 500\n",
        "500\n",
        "more than 100%",
    ),
    ("scheduled", "step: 0.5}", "step: 0}", "0}\n", "must be at least 0.01"),
    ("scheduled", "rows: [{from: 0", "rows: [{from: 900", "[{from", "more than the previous one"),
    ("scheduled", "sandbox: {who: {limit: 5}}", "sandbox: {who: {limit: -7}}", "-7}}", "must be at least 1"),
    ("scheduled", "sandbox: {who: {limit: 5}}", "stage: {}", "stage", "there is no such environment"),
    ("scheduled", "sandbox: {who: {limit: 5}}", "sandbox: 55", "55", "is not a block"),
]


@pytest.mark.parametrize(
    ("name", "old", "new", "at", "says"), SENSELESS, ids=[f"{each[0]}: {each[2]}" for each in SENSELESS]
)
def test_contradicting_keys_are_reported_at_their_place(
    name: str, old: str, new: str, at: str, says: str
) -> None:
    text = FOLDER[f"campaigns/{name}.yaml"].decode()
    assert old in text
    text = text.replace(old, new, 1)
    line, column = place(text, at)
    findings = [each for each in _book(name, text).findings if each.file == f"campaigns/{name}.yaml"]
    assert any((each.line, each.column) == (line, column) and says in each.problem for each in findings), [
        each.render() for each in findings
    ]


def test_an_extending_campaign_has_only_what_differs() -> None:
    pooled, shared = _campaign("pooled"), _campaign("shared")
    assert pooled.message == shared.message
    assert pooled.title == "A pool"
    assert pooled.offer is not None
    assert pooled.offer.value is None  # removed with ~
    assert pooled.when.at is None


def test_the_status_is_not_inherited() -> None:
    text = "title: Other\nextends: scheduled\n"
    assert _book("heir", text).revisions["heir"].campaign.status == "draft"


def test_an_inherited_fault_is_reported_in_the_file_that_has_it() -> None:
    base = FOLDER["campaigns/shared.yaml"].decode().replace("value: 10", "value: 110")
    findings = parse_book({**FOLDER, "campaigns/shared.yaml": base.encode()}).findings
    assert {finding.file for finding in findings} == {"campaigns/shared.yaml"}


def test_a_revision_includes_the_files_it_extends() -> None:
    before = parse_book(FOLDER).revisions["pooled"]
    assert "campaigns/shared.yaml" in before.files
    base = FOLDER["campaigns/shared.yaml"].decode() + "# a word\n"
    after = parse_book({**FOLDER, "campaigns/shared.yaml": base.encode()}).revisions["pooled"]
    assert after.digest != before.digest


def test_an_environment_overrides_the_campaign() -> None:
    live, sandbox = (
        parse_book(FOLDER, environment=environment).revisions["scheduled"]
        for environment in ("live", "sandbox")
    )
    assert (live.campaign.who.limit, sandbox.campaign.who.limit) == (100, 5)
    assert live.digest != sandbox.digest


def test_a_recorded_revision_keeps_its_environment() -> None:
    for environment in ("live", "sandbox"):
        revision = parse_book(FOLDER, environment=environment).revisions["scheduled"]
        assert revision_of("scheduled", revision.files).campaign == revision.campaign


def test_an_arm_changes_only_its_own_keys() -> None:
    campaign = _campaign("scheduled")
    first, second = campaign.as_run(arm="one"), campaign.as_run(arm="two")
    assert first.offer is not None
    assert second.offer is not None
    assert (first.offer.value, first.offer.uses) == (Decimal(5), "once_per_customer")
    assert first.message is not None
    assert (first.message.subject, first.message.send) == (
        "Other",
        campaign.message.send if campaign.message else None,
    )
    assert second.offer == campaign.offer
    assert not first.variants


def test_a_step_can_be_used_as_a_campaign() -> None:
    flow = _campaign("flow")
    first, second = flow.as_run(step=1), flow.as_run(step=2)
    assert first.offer is None
    assert second.offer is not None
    assert second.codes.prefix == "CART"
    assert second.message is not None
    assert second.message.subject == "Two"


def test_a_template_with_an_unavailable_variable_is_reported_in_the_campaign() -> None:
    book = with_files({"templates/winback/message.txt.j2": "{{ cart.total }} {{ code.text }}\n"})
    finding = only(book)
    assert finding.file == "campaigns/winback.yaml"
    assert finding.key == "message.template"
    assert "cart_abandoned" in finding.problem


def test_an_amount_may_have_a_currency() -> None:
    assert parse_amount("EUR 20") == parse_amount("20 EUR") == Decimal(20)
    assert isinstance(parse_amount("EUR 20"), Money)
    book = parse_book(changed(("minimum_subtotal: 30", "minimum_subtotal: USD 30")))
    offer = book.revisions["winback"].campaign.offer
    assert list(other_currencies(offer, "EUR")) == ["minimum_subtotal is USD 30, but the store sells in EUR"]
    assert list(other_currencies(offer, "USD")) == []


@pytest.mark.parametrize("raw", ["eur 20", "EURO 20", "EUR", "EUR -5", "€20", "EUR 1e9", True, None, [], {}])
def test_an_invalid_amount_is_refused(raw: object) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_amount(raw)


FORMULAS = [
    ("min(0.15 * average_order, 20)", {"average_order": 100}, "15"),
    ("min(0.15 * average_order, 20)", {"average_order": 1000}, "20"),
    ("spent / orders", {"spent": 90}, "0"),
    ("10 if spent >= 500 else 5", {"spent": 500}, "10"),
    ("-(1 + 2) * +3", {}, "-9"),
    ("round(2.5) + floor(2.9) + ceil(2.1)", {}, "8"),
    ("max(orders, 3)", {"orders": 7}, "7"),
]


@pytest.mark.parametrize(("formula", "figures", "value"), FORMULAS, ids=[case[0] for case in FORMULAS])
def test_a_formula_is_evaluated(formula: str, figures: dict[str, int], value: str) -> None:
    numbers = {name: Decimal(number) for name, number in figures.items()}
    assert evaluate_formula(parse_formula(formula), numbers) == Decimal(value)


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os').system('x')",
        "().__class__",
        "spend",
        "1 if spent else 2",
        "[1]",
        "lambda: 1",
        "10 ** 10 ** 10",
        "1 << 99",
        "min()",
        "round(1, 2)",
        "min(*orders)",
        "min(orders, key=1)",
        "'a' * 9",
        "True",
        "1e400",
        "(" * 300 + "1" + ")" * 300,
        "+".join(["1"] * 400),
        "",
        "spent; orders",
        "spent := 5",
    ],
)
def test_a_formula_may_only_contain_arithmetic(formula: str) -> None:
    with pytest.raises(ValueError, match=r"formula|figure|takes|number|too"):
        parse_formula(formula)


@given(
    figures=st.fixed_dictionaries(
        {name: st.decimals(min_value=0, max_value=10**9, places=2) for name in FIGURES}
    ),
    at_most=st.decimals(min_value=Decimal("0.01"), max_value=1000, places=2),
    step=st.decimals(min_value=Decimal("0.01"), max_value=10, places=2),
    formula=st.sampled_from(
        ["spent / orders", "0.1 * spent - orders", "average_order * average_order", "1 / 0"]
    ),
)
def test_a_customers_value_stays_within_its_limits(
    figures: dict[str, Decimal], at_most: Decimal, step: Decimal, formula: str
) -> None:
    value = PerCustomer(formula=formula, at_most=at_most, step=step).value_for(figures)
    assert value is None or Decimal("0.01") <= value <= at_most
    assert value is None or value % step == 0
