"""Every row of the dossier's endpoint tables is driven by a contract test, and every switch is turned by one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache

import pytest

from tests.house.source import ROOT, TESTS, modules
from tillroll.sandbox.state.switches import Switches

_CELL = re.compile(r"`((?:GET|POST|PUT|DELETE)(?:, (?:GET|POST|PUT|DELETE))*) (/[^`?\s]+)[^`]*`")
_CHOICE = re.compile(r"\{(\w+(?:\\?\|\w+)+)\}")

NOT_DRIVEN = {
    "GET /promotions/{}": "the dossier has it as not documented",
    **dict.fromkeys(
        ("GET /products/sort", "PUT /products/sort", "GET /categories/sort", "PUT /categories/sort"),
        "the order of the storefront's shelves: the dossier says it isn't needed here, and the sandbox has none",
    ),
}  # fmt: skip
"""Rows that no contract test drives, and why."""


def plain(row: str) -> str:
    """A row without the names of its ids."""
    return re.sub(r"\{\w+\}", "{}", row.rstrip("/"))


def rows_of(page: str) -> Iterator[str]:
    """The calls in the first two cells of a page's tables, and in its headings."""
    for line in page.splitlines():
        if line.startswith("|"):
            said = "|".join(re.split(r"(?<!\\)\|(?![^{`]*\})", line)[1:3])
        elif line.startswith("#"):
            said = line
        else:
            continue
        for methods, path in _CELL.findall(said):
            choice = _CHOICE.search(path)
            for one in re.split(r"\\?\|", choice[1]) if choice else [""]:
                for method in methods.split(", "):
                    yield plain(f"{method} {_CHOICE.sub(one, path)}")


@cache
def dossier() -> frozenset[str]:
    return frozenset(rows_of((ROOT / "docs" / "ecwid-api.md").read_text(encoding="utf-8")))


@cache
def driven() -> frozenset[str]:
    return frozenset(
        plain(str(ast.literal_eval(argument)))
        for module in modules(TESTS / "contract")
        for test in module.nodes
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_")
        for mark in test.decorator_list
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "drives"
        for argument in mark.args
    )


def test_every_row_of_the_dossiers_tables_is_driven_by_a_contract_test() -> None:
    assert sorted(dossier() - driven() - NOT_DRIVEN.keys()) == []


def test_a_row_that_is_left_out_is_in_the_dossier_and_driven_by_nobody() -> None:
    assert NOT_DRIVEN.keys() <= dossier()
    assert sorted(NOT_DRIVEN.keys() & driven()) == []


def test_no_contract_test_drives_what_the_dossier_does_not_know() -> None:
    assert sorted(driven() - dossier()) == []


def test_the_tables_are_read_with_their_lists_of_methods_and_areas() -> None:
    page = """
| `GET, PUT /a/{id}` | `PUT, DELETE /b/{key}/c?x=1` | `GET /not-a-row` |
| x | `GET /status?s=A\\|B` |
### 9 `GET /{d|e}/deleted` (scope)
Words about `GET /neither`.
"""
    assert sorted(rows_of(page)) == [
        "DELETE /b/{}/c", "GET /a/{}", "GET /d/deleted", "GET /e/deleted", "GET /status", "PUT /a/{}", "PUT /b/{}/c",
    ]  # fmt: skip


# -- switches

BOTH = {
    "window": ("sliding", "fixed"),
    "penalty_seconds": (900.0, 0.0),
    "quota_headers": (True, False),
    "count_inner_requests": (True, False),
    "missing_scope_body": ("words", "empty"),
    "forbidden_body": ("empty", "json"),
    "fold_codes": (True, False),
    "put_unknown_coupon": (404, 200),
    "delete_unknown_coupon": (404, 200),
    "conflict_body": (True, False),
    "coupon_by_code": (True, False),
    "coupon_without_code": ("refuse", "generate"),
    "long_code": ("refuse", "truncate"),
    "store_statuses_sent": ("refuse", "accept"),
    "bad_catalog_limit": ("drop", "refuse"),
    "percent_over_100": ("accept", "refuse"),
    "coupon_search": ("exact", "partial"),
    "status_search": ("every", "written"),
    "coupons_sorted": ("oldest_first", "newest_first"),
    "window_ends": ("inclusive", "exclusive"),
    "digits_name_codes": (True, False),
    "null_clears": (True, False),
    "order_count_sent": ("ignore", "keep"),
    "undone_orders_return_coupons": (True, False),
    "rest_orders_use_coupons": (True, False),
    "item_without_quantity": ("accept", "refuse"),
    "invented_coupon": ("drop", "store"),
    "deleted_orders": ("both", "number", "text"),
    "orders_sorted": ("newest_first", "oldest_first"),
    "hidden_order": ("refuse", "ignore"),
    "unplaceable_cart": (422, 400, 404, 409),
    "same_sku_twice": (True, False),
    "unknown_language": ("refuse", "accept"),
    "write_customer_extra_fields": (True, False),
    "storage_bodies": ("kept", "unwrapped"),
    "storage_answers": ("count", "success"),
    "subscription": ("ACTIVE", "TRIAL", "SUSPENDED"),
    "limit_over_100": ("clamp", "refuse"),
    "index_lag_spread": (0.0, 3.5),
    "dedup_seconds": (3600.0, 0.0),
    "inner_request_seconds": (0.0, 0.05),
    "body_without_escaped": (True, False),
    "unknown_ticket": (404, 400),
}
"""Settings of what is open; one contract test has to see them all."""
STATES = {
    "requests_per_minute": (0,),
    "early_requests_allowed": (1,),
    "bad_tokens": (2,),
    "plan": ("free",),
    "suspended": (True,),
    "token_revoked": (True,),
    "missing_scopes": (["create_discount_coupons"],),
    "missing_features": ("coupons", "shipping_discounts", "promotions"),
    "index_lag": (30.0,),
    "batch_pause": (5.0,),
    "inner_retry_seconds": (0.0,),
    "inner_failures": (1, 5),
    "drop_answers": (1,),
    "fail_reads": (2,),
}
"""Limits, accounts and faults that no document leaves open: what a test brings about; without it, all the others run."""
NOT_THE_CLIENTS = {
    "token_in_query": "the client's token is in the header; for older clients (tests/contract/test_existing_client.py)",
    "coupon_use_sends_event": "an event; the client reads, the web room hears, and no word of an event is believed",
    "webhook_spelling": "events come to the web room, which takes both spellings (tests/track/test_events.py)",
    "webhook_success": "which answers of the web room the store takes for success; it says 200, which always is",
    "out_of_stock": "what the storefront's till does; the API has no part in it",
}
"""Switches on which no behaviour of the client depends, and why."""


def settings_of(test: ast.FunctionDef) -> dict[str, set[str]]:
    """Switch to the settings that a test sees, as written: those of its parameters, and those it turns outright."""
    given: dict[str, set[str]] = {}
    for mark in test.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.parametrize":
            names, cases = ast.literal_eval(mark.args[0]), mark.args[1]
            for case in cases.elts if isinstance(cases, ast.List) else ():
                several = isinstance(names, tuple) and isinstance(case, ast.Tuple)
                parts = zip(names, case.elts, strict=True) if several else [(names, case)]
                for name, value in parts:
                    given.setdefault(name, set()).add(ast.unparse(value))
    seen: dict[str, set[str]] = {}
    for call in ast.walk(test):
        if isinstance(call, ast.Call) and ast.unparse(call.func) in {"turn", "running"}:
            for setting in call.keywords:
                value = setting.value
                if (
                    isinstance(value, ast.List)
                    and len(value.elts) == 1
                    and isinstance(value.elts[0], ast.Name)
                ):
                    value = value.elts[0]
                if isinstance(value, ast.List) and len(value.elts) == 1 and setting.arg == "missing_features":
                    value = value.elts[0]
                text = ast.unparse(value)
                seen.setdefault(str(setting.arg), set()).update(given.get(text, {text}))
    return seen


@cache
def turned() -> tuple[dict[str, set[str]], ...]:
    return tuple(
        settings_of(test)
        for module in modules(TESTS / "contract")
        for test in module.nodes
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_")
    )


def test_every_switch_is_open_a_state_or_none_of_the_clients() -> None:
    switches = {field.name for field in fields(Switches)}
    assert BOTH.keys() | STATES.keys() | NOT_THE_CLIENTS.keys() == switches
    assert len(BOTH) + len(STATES) + len(NOT_THE_CLIENTS) == len(switches)


@pytest.mark.parametrize("switch", BOTH)
def test_one_contract_test_sees_every_setting_of_what_is_open(switch: str) -> None:
    wanted = {repr(one) for one in BOTH[switch]}
    assert repr(getattr(Switches(), switch)) in wanted, "the setting without a turn is one of them"
    assert any(wanted <= seen.get(switch, set()) for seen in turned())


@pytest.mark.parametrize("switch", STATES)
def test_contract_tests_bring_about_every_state(switch: str) -> None:
    wanted = {repr(one) for one in STATES[switch]}
    assert wanted <= set().union(*(seen.get(switch, set()) for seen in turned()))


def test_settings_are_read_from_parameters_and_from_what_is_turned_outright() -> None:
    text = """
@pytest.mark.parametrize(("a", "b"), [(1, "x"), (2, "y")])
@pytest.mark.parametrize("c", [True, False])
def test_it(a, b, c):
    turn(sandbox, one=a, two=c, three=5.0)
"""
    (test,) = ast.parse(text).body
    assert isinstance(test, ast.FunctionDef)
    assert settings_of(test) == {"one": {"1", "2"}, "two": {"True", "False"}, "three": {"5.0"}}
