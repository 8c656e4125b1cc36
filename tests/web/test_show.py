"""How things are written, and the count in front of the door."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.shop import NOW
from tillroll.campaign.frozen.recipient import masked_email
from tillroll.campaign.sentences.verdicts import measure
from tillroll.campaign.states import RunState
from tillroll.web.show import RUN_WORDS, masked_code, money
from tillroll.web.throttle import Throttle


def test_a_masked_code_shows_its_prefix_and_two_signs() -> None:
    assert masked_code("BACK7QX2MNP4K2", "BACK") == "BACK••••••K2"
    assert masked_code("7QX2MNP4K2") == "••••••K2"
    assert masked_code("7QX2MNP4K2", "BACK") == "••••••K2"


@pytest.mark.parametrize(
    ("email", "shown"),
    [("ana.novak@mail.example", "an•••ak@mail.example"), ("jo@mail.example", "j•••@mail.example")],
)
def test_a_masked_address_keeps_its_domain(email: str, shown: str) -> None:
    assert masked_email(email) == shown


def test_money_without_bound_says_so() -> None:
    assert money(None, "EUR") == "without bound"
    assert money(Decimal("1234.5"), "EUR") == "€1,234.50"


@pytest.mark.parametrize(
    ("text", "rule", "shown"),
    [
        ("2340.00", "worst_case_per_run", "€2,340.00"),
        ("50000", "codes_per_run", "50,000"),
        ("15 %", "largest_percent", "15 %"),
        ("without bound", "campaign_budget", "without bound"),
    ],
)
def test_a_guardrail_s_figure_is_money_where_it_is_about_money(text: str, rule: str, shown: str) -> None:
    assert measure(text, rule, "EUR") == shown


def test_every_state_of_a_run_has_words() -> None:
    assert RUN_WORDS.keys() == set(RunState)


def test_failures_count_within_their_stretch_alone() -> None:
    door = Throttle(most=2, within=timedelta(minutes=5))
    assert not door.failed("a", NOW)
    assert door.failed("a", NOW + timedelta(minutes=1))
    assert door.shut_until("a", NOW + timedelta(minutes=2)) == NOW + timedelta(minutes=5)
    assert door.shut_until("b", NOW) is None
    assert door.shut_until("a", NOW + timedelta(minutes=5)) is None
    door.forget("a")
    assert not door.failed("a", NOW + timedelta(minutes=5))


def test_the_count_keeps_so_many_keys_and_no_more() -> None:
    door = Throttle(most=1, within=timedelta(minutes=5), keys=2)
    for key in ("a", "b", "c"):
        door.failed(key, NOW)
    assert door.shut_until("a", NOW) is None
    assert door.shut_until("c", NOW) is not None
