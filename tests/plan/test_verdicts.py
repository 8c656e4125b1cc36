"""Each guardrail at its limit: the plan passes at the limit, and just above it gets a verdict with the figure and the limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.codes.strength import bits_of, guess_chance
from tillroll.campaign.folder.goods import GoodsMatch, GoodsProduct
from tillroll.campaign.frozen.parts import Goods
from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel
from tillroll.campaign.language.calendar import Calendar
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import Campaign
from tillroll.plan.verdicts import (
    BelowMargin,
    OtherRuns,
    calendar_verdicts,
    goods_verdicts,
    margin_verdicts,
    verdicts,
)

SHORT = CodeFormat(title="f", length=10)
PERCENT = {"kind": "percent", "value": 10, "valid": {"for": "14d"}}
AMOUNT = {**PERCENT, "kind": "amount", "value": 5}


def campaign(**values: Any) -> Campaign:
    plain = {
        "title": "T",
        "owner": "o",
        "when": {"manual": True},
        "who": {"segment": "s"},
        "offer": PERCENT,
        "message": {"template": "t", "subject": "s"},
    }
    return Campaign.model_validate({**plain, **values})


def verdicts_by_rule(
    rails: dict[str, Any],
    *,
    worst: Decimal | None = Decimal(100),
    codes: int = 10,
    code_format: CodeFormat = SHORT,
    others: OtherRuns | None = None,
    codes_block: dict[str, Any] | None = None,
    **values: Any,
) -> dict[str, Verdict]:
    """Return the verdict of each rule on a campaign of 10 codes with a worst case of 100."""
    requested = campaign(**values, **({"codes": codes_block} if codes_block else {}))
    results = verdicts(
        campaign=requested,
        guardrails=Guardrails.model_validate(rails),
        code_format=code_format,
        codes=codes,
        worst=worst,
        others=others,
    )
    return {verdict.rule: verdict for verdict in results}


def figures(verdict: Verdict) -> tuple[VerdictLevel, str, str]:
    return verdict.level, verdict.measured, verdict.limit


@pytest.mark.parametrize(
    ("rule", "limit", "also", "passes", "past", "refused"),
    [
        ("largest_percent", 10, {}, "10%", {"offer": {**PERCENT, "value": 10.01}}, "10.01%"),
        ("largest_percent", 10, {}, "10%", {"offer": {**PERCENT, "value": {"formula": "orders", "at_most": 11}}}, "11%"),
        ("largest_amount", 5, {"offer": AMOUNT}, "5", {"offer": {**AMOUNT, "value": 5.01}}, "5.01"),
        ("lowest_basket", 30, {"offer": {**PERCENT, "minimum_subtotal": 30}}, "30",
         {"offer": {**PERCENT, "minimum_subtotal": 29.99}}, "29.99"),
        ("lowest_basket", 30, {"offer": {**PERCENT, "minimum_subtotal": 30}}, "30", {"offer": PERCENT}, "0"),
        ("codes_per_run", 10, {}, "10", {"codes": 11}, "11"),
        ("codes_per_day", 10, {}, "10", {"codes": 11}, "11"),
        ("worst_case_per_run", 100, {}, "100", {"worst": Decimal("100.01")}, "100.01"),
        ("worst_case_per_run", 100, {}, "100", {"worst": None}, "unlimited"),
        ("worst_case_per_month", 100, {}, "100", {"worst": Decimal("100.01")}, "100.01"),
        ("worst_case_per_month", 100, {}, "100", {"worst": None}, "unlimited"),
        ("worst_case_of_live_runs", 100, {}, "100", {"worst": Decimal("100.01")}, "100.01"),
        ("worst_case_of_live_runs", 100, {}, "100", {"worst": None}, "unlimited"),
    ],
)  # fmt: skip
def test_a_rule_passes_at_its_limit_and_refuses_just_above_it(
    rule: str, limit: object, also: dict[str, Any], passes: str, past: dict[str, Any], refused: str
) -> None:
    at_limit = verdicts_by_rule({rule: limit}, **also)
    assert {name for name, verdict in at_limit.items() if verdict.level is not VerdictLevel.PASS} == set()
    assert (at_limit[rule].level, at_limit[rule].measured) == (VerdictLevel.PASS, passes)
    past_limit = verdicts_by_rule({rule: limit}, **{**also, **past})
    assert {name for name, verdict in past_limit.items() if verdict.level is VerdictLevel.REFUSE} == {rule}
    assert past_limit[rule].measured == refused
    assert past_limit[rule].text


def test_a_campaigns_own_budget_is_a_limit_too() -> None:
    assert verdicts_by_rule({}, budget={"worst_case": 100})["campaign_budget"].level is VerdictLevel.PASS
    past_limit = verdicts_by_rule({}, budget={"worst_case": 99.99})["campaign_budget"]
    assert figures(past_limit) == (VerdictLevel.REFUSE, "100", "99.99")


@pytest.mark.parametrize(
    ("rule", "limit", "others"),
    [
        ("codes_per_day", 30, {"codes_today": 20}),
        ("worst_case_per_month", 400, {"month": Decimal(300)}),
        ("worst_case_of_live_runs", 400, {"live": Decimal(300)}),
    ],
)
def test_a_run_that_must_wait_for_other_runs_gets_a_warning(
    rule: str, limit: int, others: dict[str, Any]
) -> None:
    assert verdicts_by_rule({rule: limit}, others=OtherRuns(**others))[rule].level is VerdictLevel.PASS
    full = verdicts_by_rule({rule: limit - 1}, others=OtherRuns(**others))[rule]
    assert figures(full) == (VerdictLevel.WARN, str(limit), str(limit - 1))
    assert "other runs hold" in full.text


def test_big_figures_are_written_with_separators() -> None:
    worst, rails = Decimal("1234567.89"), {"worst_case_per_run": 400_000, "worst_case_of_live_runs": 800_000}
    found = verdicts_by_rule(rails, worst=worst)
    assert found["worst_case_per_run"].text == "the worst case is 1,234,567.89, the limit is 400,000"
    assert (
        found["worst_case_of_live_runs"].text
        == "1,234,567.89 alone exceeds the limit of 800,000 for all live runs"
    )
    assert found["worst_case_per_run"].measured == "1234567.89"


@pytest.mark.parametrize(
    ("limit", "level"), [(126, VerdictLevel.PASS), (125, VerdictLevel.WARN), (100, VerdictLevel.WARN)]
)
def test_a_warning_starts_at_the_configured_share_of_a_limit(limit: int, level: VerdictLevel) -> None:
    verdict = verdicts_by_rule({"worst_case_per_run": limit, "warn_from": 80})["worst_case_per_run"]
    assert verdict.level is level
    assert ("80%" in verdict.text) is (level is VerdictLevel.WARN)


@pytest.mark.parametrize(
    ("sizes", "by", "level"),
    [
        ({"worst_case": 100.01}, 2, VerdictLevel.PASS),
        ({"worst_case": 100}, 2, VerdictLevel.APPROVERS),
        ({"codes": 11}, 2, VerdictLevel.PASS),
        ({"codes": 10}, 2, VerdictLevel.APPROVERS),
        ({"worst_case": 1000, "codes": 10}, 3, VerdictLevel.APPROVERS),
        ({"codes": 10}, 1, VerdictLevel.PASS),
    ],
)
def test_a_large_run_needs_more_approvers(sizes: dict[str, Any], by: int, level: VerdictLevel) -> None:
    verdict = verdicts_by_rule({"approvers": [{**sizes, "by": by}]})["approvers"]
    assert figures(verdict) == (level, str(by if level is VerdictLevel.APPROVERS else 1), "1")


def test_a_run_with_an_unlimited_worst_case_exceeds_every_threshold() -> None:
    rails = {"approvers": [{"worst_case": 1_000_000, "by": 2}]}
    assert verdicts_by_rule(rails, worst=None)["approvers"].level is VerdictLevel.APPROVERS


def test_a_campaign_with_enough_approvers_needs_no_more() -> None:
    verdict = verdicts_by_rule({"approvers": [{"codes": 1, "by": 2}]}, approval={"by": 2})["approvers"]
    assert figures(verdict) == (VerdictLevel.PASS, "2", "2")


def test_the_least_bits_are_enforced_exactly_and_never_rounded_up() -> None:
    bits = bits_of(SHORT)
    assert verdicts_by_rule({"least_bits": bits})["least_bits"].level is VerdictLevel.PASS
    verdict = verdicts_by_rule({"least_bits": bits + 1e-9})["least_bits"]
    assert figures(verdict) == (VerdictLevel.REFUSE, "49.9", "50.0")
    assert "length: 11 would suffice" in verdict.text


def test_a_guessable_format_gets_a_sufficient_length_suggested() -> None:
    text = verdicts_by_rule({}, code_format=CodeFormat(title="f", length=5), codes=100)["least_bits"].text
    assert "24.9 bits" in text
    assert "length: 9 would suffice" in text, "8 symbols have 39.99 bits, but 40 are required"


def test_more_symbols_are_suggested_when_no_length_suffices() -> None:
    ten = CodeFormat(title="f", alphabet="BCDFGHJKMN")
    assert "use more symbols" in verdicts_by_rule({"least_bits": 256}, code_format=ten)["least_bits"].text


def test_the_chance_of_a_guess_counts_all_live_codes() -> None:
    live = 90_000
    chance = guess_chance(bits_of(SHORT), live + 10)
    others = OtherRuns(codes=live, like_these=2 * live)
    percent = f"{chance * 100:.7f}"
    rails = {"guess_chance": f"{Decimal(percent[:-1]):f}%"}
    assert Decimal(percent[:-1]) / 100 <= Decimal(chance)
    refused = verdicts_by_rule(rails, others=others)["guess_chance"]
    assert refused.level is VerdictLevel.REFUSE
    assert "90,010 live codes" in refused.text
    assert "length: 11 would suffice" in refused.text
    assert (
        verdicts_by_rule({"guess_chance": "0.009%"}, others=others)["guess_chance"].level is VerdictLevel.PASS
    )
    assert verdicts_by_rule(rails)["guess_chance"].level is VerdictLevel.PASS, (
        "ten codes of its own are hard to guess"
    )


def test_a_shared_code_is_not_checked_for_randomness() -> None:
    offer = {**PERCENT, "uses": "once_per_customer"}
    shared = verdicts_by_rule({"least_bits": 256}, codes=1, offer=offer, codes_block={"shared": "SUMMER26"})
    assert not {"least_bits", "guess_chance"} & shared.keys()


TEA = GoodsProduct(
    product_id=1, sku="TEA", name="Sencha", in_stock=True, enabled=True, discounts_allowed=True
)
FINE = GoodsMatch(goods=Goods(), products=(TEA,), categories=(), below=(), unknown=())


@pytest.mark.parametrize(
    ("changed", "rule", "level"),
    [
        ({"in_stock": False}, "in_stock", VerdictLevel.WARN),
        ({"enabled": False}, "on_sale", VerdictLevel.WARN),
        ({"discounts_allowed": False}, "discounts_allowed", VerdictLevel.REFUSE),
    ],
)
def test_products_that_are_out_of_stock_disabled_or_not_discountable_are_named(
    changed: dict[str, bool], rule: str, level: VerdictLevel
) -> None:
    assert {verdict.level for verdict in goods_verdicts(FINE)} == {VerdictLevel.PASS}
    against = replace(FINE, products=(replace(TEA, **changed),))
    verdict = next(verdict for verdict in goods_verdicts(against) if verdict.rule == rule)
    assert verdict.level is level
    assert "Sencha" in verdict.text


def test_products_out_of_stock_can_be_refused() -> None:
    strict = Guardrails.model_validate({"out_of_stock": "refuse"})
    empty = replace(FINE, products=(replace(TEA, in_stock=False),))
    assert {
        verdict.rule for verdict in goods_verdicts(empty, strict) if verdict.level is VerdictLevel.REFUSE
    } == {"in_stock"}


@pytest.mark.parametrize(
    ("below", "with_cost", "level"),
    [(0, 3, VerdictLevel.PASS), (1, 3, VerdictLevel.REFUSE), (0, 0, VerdictLevel.WARN)],
)
def test_a_low_margin_is_refused_and_an_unknown_margin_gets_a_warning(
    below: int, with_cost: int, level: VerdictLevel
) -> None:
    rails = Guardrails.model_validate({"least_margin": 20})
    names = ("Sencha",)[:below]
    (verdict,) = margin_verdicts([BelowMargin(count=below, with_cost=with_cost, names=names)], rails)
    assert (verdict.level, verdict.limit) == (level, "20% margin")
    assert margin_verdicts([BelowMargin(count=9, with_cost=9)], Guardrails()) == (), "no margin is required"


@pytest.mark.parametrize(
    ("day", "by_event", "level"),
    [
        (date(2026, 11, 26), False, VerdictLevel.PASS),
        (date(2026, 11, 27), False, VerdictLevel.REFUSE),
        (date(2026, 11, 28), False, VerdictLevel.REFUSE),
        (date(2026, 11, 28), True, VerdictLevel.WARN),
        (date(2026, 11, 29), False, VerdictLevel.PASS),
    ],
)
def test_a_blackout_range_includes_its_first_and_last_day(
    day: date, by_event: bool, level: VerdictLevel
) -> None:
    calendar = Calendar.model_validate({"blackout": ["2026-11-27..2026-11-28"]})
    (verdict,) = calendar_verdicts(calendar, day, by_event=by_event)
    assert (verdict.level, verdict.measured) == (level, day.isoformat())
