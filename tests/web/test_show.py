"""How the pages format values."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tillroll.campaign.frozen.recipient import mask_code, mask_email
from tillroll.campaign.sentences.verdicts import say_measure
from tillroll.campaign.states import RunState
from tillroll.web.support.show import RUN_LABELS, browser_name, money


def test_a_masked_code_shows_its_prefix_and_two_characters() -> None:
    assert mask_code("BACK7QX2MNP4K2", "BACK") == "BACK••••••K2"
    assert mask_code("7QX2MNP4K2") == "••••••K2"
    assert mask_code("7QX2MNP4K2", "BACK") == "••••••K2"
    assert mask_code("SUMMER26", "SUMMER26") == "••••••26"  # a shared code is no prefix


@pytest.mark.parametrize(
    ("email", "shown"),
    [("ana.novak@mail.example", "an•••ak@mail.example"), ("jo@mail.example", "j•••@mail.example")],
)
def test_a_masked_address_keeps_its_domain(email: str, shown: str) -> None:
    assert mask_email(email) == shown


def test_a_missing_amount_is_shown_as_unlimited() -> None:
    assert money(None, "EUR") == "unlimited"
    assert money(Decimal("1234.5"), "EUR") == "€1,234.50"


@pytest.mark.parametrize(
    ("text", "rule", "shown"),
    [
        ("2340.00", "worst_case_per_run", "€2,340.00"),
        ("50000", "codes_per_run", "50,000"),
        ("15%", "largest_percent", "15%"),
        ("without bound", "campaign_budget", "without bound"),
    ],
)
def test_a_guardrail_about_money_shows_its_figure_as_money(text: str, rule: str, shown: str) -> None:
    assert say_measure(text, rule, "EUR") == shown


def test_every_state_of_a_run_has_a_label() -> None:
    assert RUN_LABELS.keys() == set(RunState)


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36", "Chrome on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/141.0 Safari/537.36 Edg/141.0", "Edge on Windows"),
        ("curl/8.5", "An unknown browser"),
        ("", "An unknown browser"),
    ],
)
def test_a_browser_is_named_in_few_words(agent: str, shown: str) -> None:
    assert browser_name(agent) == shown
