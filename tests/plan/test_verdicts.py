"""Each guardrail at its edge: at the limit it lets a plan pass, and just past it says so with the figure and the limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.codes.strength import bits_of, guess_chance
from tillroll.campaign.folder.goods import Found, Product
from tillroll.campaign.frozen.parts import Goods
from tillroll.campaign.frozen.proposal import Level, Verdict
from tillroll.campaign.language.calendar import Calendar
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import Campaign
from tillroll.plan.verdicts import (
    BelowMargin,
    Others,
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


def said(
    rails: dict[str, Any],
    *,
    worst: Decimal | None = Decimal(100),
    codes: int = 10,
    code_format: CodeFormat = SHORT,
    others: Others | None = None,
    codes_block: dict[str, Any] | None = None,
    **values: Any,
) -> dict[str, Verdict]:
    """What each rule says, of a campaign of 10 codes that costs 100 in the worst case."""
    asked = campaign(**values, **({"codes": codes_block} if codes_block else {}))
    found = verdicts(
        campaign=asked,
        guardrails=Guardrails.model_validate(rails),
        code_format=code_format,
        codes=codes,
        worst=worst,
        others=others,
    )
    return {one.rule: one for one in found}


def figures(one: Verdict) -> tuple[Level, str, str]:
    return one.level, one.measured, one.limit


@pytest.mark.parametrize(
    ("rule", "limit", "also", "passes", "past", "refused"),
    [
        ("largest_percent", 10, {}, "10 %", {"offer": {**PERCENT, "value": 10.01}}, "10.01 %"),
        ("largest_percent", 10, {}, "10 %", {"offer": {**PERCENT, "value": {"formula": "orders", "at_most": 11}}}, "11 %"),
        ("largest_amount", 5, {"offer": AMOUNT}, "5", {"offer": {**AMOUNT, "value": 5.01}}, "5.01"),
        ("lowest_basket", 30, {"offer": {**PERCENT, "minimum_subtotal": 30}}, "30",
         {"offer": {**PERCENT, "minimum_subtotal": 29.99}}, "29.99"),
        ("lowest_basket", 30, {"offer": {**PERCENT, "minimum_subtotal": 30}}, "30", {"offer": PERCENT}, "0"),
        ("codes_per_run", 10, {}, "10", {"codes": 11}, "11"),
        ("codes_per_day", 10, {}, "10", {"codes": 11}, "11"),
        ("worst_case_per_run", 100, {}, "100", {"worst": Decimal("100.01")}, "100.01"),
        ("worst_case_per_run", 100, {}, "100", {"worst": None}, "without bound"),
        ("worst_case_per_month", 100, {}, "100", {"worst": Decimal("100.01")}, "100.01"),
        ("worst_case_per_month", 100, {}, "100", {"worst": None}, "without bound"),
        ("worst_case_of_live_runs", 100, {}, "100", {"worst": Decimal("100.01")}, "100.01"),
        ("worst_case_of_live_runs", 100, {}, "100", {"worst": None}, "without bound"),
    ],
)  # fmt: skip
def test_at_its_limit_a_rule_passes_and_just_past_it_refuses(
    rule: str, limit: object, also: dict[str, Any], passes: str, past: dict[str, Any], refused: str
) -> None:
    at = said({rule: limit}, **also)
    assert {name for name, one in at.items() if one.level is not Level.PASS} == set()
    assert (at[rule].level, at[rule].measured) == (Level.PASS, passes)
    over = said({rule: limit}, **{**also, **past})
    assert {name for name, one in over.items() if one.level is Level.REFUSE} == {rule}
    assert over[rule].measured == refused
    assert over[rule].text


def test_a_campaigns_own_budget_is_a_limit_too() -> None:
    assert said({}, budget={"worst_case": 100})["campaign_budget"].level is Level.PASS
    over = said({}, budget={"worst_case": 99.99})["campaign_budget"]
    assert figures(over) == (Level.REFUSE, "100", "99.99")


@pytest.mark.parametrize(
    ("rule", "limit", "others"),
    [
        ("codes_per_day", 30, {"codes_today": 20}),
        ("worst_case_per_month", 400, {"month": Decimal(300)}),
        ("worst_case_of_live_runs", 400, {"live": Decimal(300)}),
    ],
)
def test_what_only_fits_once_others_have_ended_is_warned_of(
    rule: str, limit: int, others: dict[str, Any]
) -> None:
    assert said({rule: limit}, others=Others(**others))[rule].level is Level.PASS
    full = said({rule: limit - 1}, others=Others(**others))[rule]
    assert figures(full) == (Level.WARN, str(limit), str(limit - 1))
    assert "held by other runs" in full.text


@pytest.mark.parametrize(("limit", "level"), [(126, Level.PASS), (125, Level.WARN), (100, Level.WARN)])
def test_it_warns_from_a_share_of_a_limit_on(limit: int, level: Level) -> None:
    one = said({"worst_case_per_run": limit, "warn_from": 80})["worst_case_per_run"]
    assert one.level is level
    assert ("80 %" in one.text) is (level is Level.WARN)


@pytest.mark.parametrize(
    ("sizes", "by", "level"),
    [
        ({"worst_case": 100.01}, 2, Level.PASS),
        ({"worst_case": 100}, 2, Level.APPROVERS),
        ({"codes": 11}, 2, Level.PASS),
        ({"codes": 10}, 2, Level.APPROVERS),
        ({"worst_case": 1000, "codes": 10}, 3, Level.APPROVERS),
        ({"codes": 10}, 1, Level.PASS),
    ],
)
def test_a_large_run_needs_more_people(sizes: dict[str, Any], by: int, level: Level) -> None:
    one = said({"approvers": [{**sizes, "by": by}]})["approvers"]
    assert figures(one) == (level, str(by if level is Level.APPROVERS else 1), "1")


def test_a_run_without_bound_is_of_every_size() -> None:
    rails = {"approvers": [{"worst_case": 1_000_000, "by": 2}]}
    assert said(rails, worst=None)["approvers"].level is Level.APPROVERS


def test_who_asks_for_enough_people_anyway_needs_no_more() -> None:
    one = said({"approvers": [{"codes": 1, "by": 2}]}, approval={"by": 2})["approvers"]
    assert figures(one) == (Level.PASS, "2", "2")


def test_the_floor_of_chance_is_held_to_the_last_bit_and_more_is_never_printed() -> None:
    bits = bits_of(SHORT)
    assert said({"least_bits": bits})["least_bits"].level is Level.PASS
    under = said({"least_bits": bits + 1e-9})["least_bits"]
    assert figures(under) == (Level.REFUSE, "49.9", "50.0")
    assert "length: 11 would do" in under.text


def test_a_guessable_format_says_which_length_would_do() -> None:
    text = said({}, code_format=CodeFormat(title="f", length=5), codes=100)["least_bits"].text
    assert "24.9 bits" in text
    assert "length: 9 would do" in text, "8 symbols have 39.99 bits, and 40 are wanted"


def test_where_no_length_does_it_says_so() -> None:
    ten = CodeFormat(title="f", alphabet="BCDFGHJKMN")
    assert "use more symbols" in said({"least_bits": 256}, code_format=ten)["least_bits"].text


def test_a_million_guesses_are_held_against_all_codes_that_are_live() -> None:
    live = 90_000
    chance = guess_chance(bits_of(SHORT), live + 10)
    others = Others(codes=live, like_these=2 * live)
    over = f"{chance * 100:.7f}"
    rails = {"guess_chance": f"{Decimal(over[:-1]):f}%"}
    assert Decimal(over[:-1]) / 100 <= Decimal(chance)
    refused = said(rails, others=others)["guess_chance"]
    assert refused.level is Level.REFUSE
    assert "90,010 live codes" in refused.text
    assert "length: 11 would do" in refused.text
    assert said({"guess_chance": "0.009%"}, others=others)["guess_chance"].level is Level.PASS
    assert said(rails)["guess_chance"].level is Level.PASS, "the run's own ten codes are no danger"


def test_a_shared_code_is_as_somebody_chose_it() -> None:
    offer = {**PERCENT, "uses": "once_per_customer"}
    shared = said({"least_bits": 256}, codes=1, offer=offer, codes_block={"shared": "SUMMER26"})
    assert not {"least_bits", "guess_chance"} & shared.keys()


TEA = Product(product_id=1, sku="TEA", name="Sencha", in_stock=True, enabled=True, discounts_allowed=True)
FINE = Found(goods=Goods(), products=(TEA,), categories=(), below=(), unknown=())


@pytest.mark.parametrize(
    ("changed", "rule", "level"),
    [
        ({"in_stock": False}, "in_stock", Level.WARN),
        ({"enabled": False}, "on_sale", Level.WARN),
        ({"discounts_allowed": False}, "discounts_allowed", Level.REFUSE),
    ],
)
def test_what_is_sold_out_switched_off_or_barred_is_named(
    changed: dict[str, bool], rule: str, level: Level
) -> None:
    assert {one.level for one in goods_verdicts(FINE)} == {Level.PASS}
    against = replace(FINE, products=(replace(TEA, **changed),))
    one = next(one for one in goods_verdicts(against) if one.rule == rule)
    assert one.level is level
    assert "Sencha" in one.text


def test_what_is_out_of_stock_can_be_refused() -> None:
    strict = Guardrails.model_validate({"out_of_stock": "refuse"})
    empty = replace(FINE, products=(replace(TEA, in_stock=False),))
    assert {one.rule for one in goods_verdicts(empty, strict) if one.level is Level.REFUSE} == {"in_stock"}


@pytest.mark.parametrize(
    ("below", "known", "level"), [(0, 3, Level.PASS), (1, 3, Level.REFUSE), (0, 0, Level.WARN)]
)
def test_below_the_margin_is_refused_and_not_known_is_warned_of(below: int, known: int, level: Level) -> None:
    rails = Guardrails.model_validate({"least_margin": 20})
    names = ("Sencha",)[:below]
    (one,) = margin_verdicts([BelowMargin(count=below, known=known, names=names)], rails)
    assert (one.level, one.limit) == (level, "20 % margin")
    assert margin_verdicts([BelowMargin(count=9, known=9)], Guardrails()) == (), "nobody asked for a margin"


@pytest.mark.parametrize(
    ("day", "by_event", "level"),
    [
        (date(2026, 11, 26), False, Level.PASS),
        (date(2026, 11, 27), False, Level.REFUSE),
        (date(2026, 11, 28), False, Level.REFUSE),
        (date(2026, 11, 28), True, Level.WARN),
        (date(2026, 11, 29), False, Level.PASS),
    ],
)
def test_blackout_days_count_from_the_first_to_the_last(day: date, by_event: bool, level: Level) -> None:
    calendar = Calendar.model_validate({"blackout": ["2026-11-27..2026-11-28"]})
    (one,) = calendar_verdicts(calendar, day, by_event=by_event)
    assert (one.level, one.measured) == (level, day.isoformat())
