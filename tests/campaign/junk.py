"""Broken campaigns: keys dropped, renamed and moved, values replaced by junk of every kind."""

from __future__ import annotations

import re
from contextlib import suppress
from copy import deepcopy
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.campaign.whole import CAMPAIGNS, EVENTS, LISTS, RULES, TEMPLATES, event_campaign
from tillroll.campaign.text.source import Path, read_source

FILE = "campaigns/broken.yaml"
_SOUND = [
    *(text for name, text in CAMPAIGNS.items() if name != "pooled"),
    *(event_campaign(on) for on in EVENTS.values()),
]
BASES = [
    f"{text.rstrip()}\n{'' if 'status:' in text else 'status: active'}\n".replace("TEA-1", "TEA-01").replace(
        "TEA-2", "POT-01"
    )
    for text in _SOUND
]
"""Valid, active campaigns that extend no others."""

AROUND = {
    path: re.sub(r"(campaigns|exempt): \[[a-z]+\]", r"\1: [broken]", text)
    for path, text in {**RULES, **LISTS, **TEMPLATES}.items()
}
"""The names that such a campaign may use."""

AROUND["rules/segments/rich.yaml"] = AROUND["rules/segments/whole.yaml"]
AROUND["rules/segments/whole.yaml"] = "title: Everybody\nwhere: {orders: {at_least: 0}}\n"

JUNK: list[Any] = [
    None, True, False, 0, 1, 2, -1, 3.5, -0.5, 101, 10**6, 10**18, 10**40, 1e300, float("nan"), float("inf"), "", " ",
    "x", "x" * 300, "\u202eevil", "\u00e9\u4e2d\U0001f381", "0", "-1", "15", "7.50", "1e9", "EUR 20", "20 USD", "EUR", "10%",
    "110%", "0%", "-5%", "99.999%", "14d", "0d", "99999d", "1m", "90d ago", "0d ago", "21:00-08:00", "08:00-08:00", "25:00-26:00",
    "50/s", "0/s", "2026-12-25", "2026-02-30", "2026-11-27 09:00", "2026-03-29 02:30", "0001-01-01 00:00", "9999-12-31 23:59",
    "12-25", "02-29", "12-24..12-26", "2026-12-26..2026-12-24", "* * * * *", "30 2 * * *", "0 0 30 FEB *", "0 9 last * *",
    "99 99 * * *", "*/0 * * * *", "0 9 1-40 * *", "Europe/Ljubljana", "Mars/Base", "../etc", "store", "active", "percent",
    "free_shipping", "single", "unlimited", "whole", "plain", "note", "other", "ordered", "code_used", "customer_created",
    "back_in_stock", "order_placed", "{{ 7 * 7 }}", "{{ code.text }}", "{% for", "{{ order.total }}", "{product}",
    "min(1, orders)", "1/0", "9**9**9", "orders.__class__", "a if b",
    [], {}, [[]], [1], ["whole"], ["TEA-01", "TEA-01"], ["{product}"], ["ordered"],
    {"x": 1}, {"for": "14d"}, {"until": "2026-12-31 23:59"}, {"from": "2026-12-31", "until": "2026-12-01"}, {"at_least": 1},
    {"segment": "whole"}, {"products": ["TEA-01"]}, {"size": 10, "low_water": 2}, {"size": 1, "low_water": 5},
    {"formula": "orders", "at_most": 20}, {"formula": "-5", "at_most": 0.001}, {"custom": {"event": "x"}}, {"low_stock": {}},
    {"table": {"by": "spent", "rows": [{"from": 0, "value": 5}]}}, {"kind": "amount", "value": 5, "valid": {"for": "1d"}},
]  # fmt: skip

WORDS = [
    "when", "cron", "at", "every", "manual", "on", "who", "segment", "exclude", "limit", "holdout", "offer", "kind", "value",
    "valid", "for", "from", "until", "uses", "customers", "minimum_subtotal", "applies_to", "codes", "shared", "pool", "prefix",
    "format", "message", "template", "subject", "send", "reminder", "steps", "wait", "unless", "same_code", "variants", "name",
    "weight", "approval", "budget", "stops", "stock_below", "extends", "environments", "live", "status", "title", "Title",
    "offr", "",
]  # fmt: skip


def places(data: Any, at: Path = ()) -> list[Path]:
    """Return the paths of everything inside, without itself."""
    paths: list[Path] = []
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, part in parts:
        paths += [(*at, key), *places(part, (*at, key))]
    return paths


def _holder(data: Any, path: Path) -> Any:
    for part in path[:-1]:
        data = data[part]
    return data


@st.composite
def broken_folders(draw: st.DrawFn) -> dict[str, bytes]:
    """Draw a small folder with one to four mostly senseless changes in one file, usually the campaign."""
    files = {FILE: draw(st.sampled_from(BASES)), **AROUND}
    path = draw(
        st.sampled_from(
            [FILE] * 10 + [file for file in AROUND if file.endswith(".yaml") and "short" not in file]
        )
    )
    data = read_source(path, files[path].encode()).data
    for _ in range(draw(st.integers(1, 4))):
        _break_once(draw, data)
    files[path] = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=200)
    return {name: text.lstrip().encode() for name, text in files.items()}


def _break_once(draw: st.DrawFn, data: Any) -> None:
    paths = places(data)
    if not paths:
        return
    path = draw(st.sampled_from(paths))
    holder, key = _holder(data, path), path[-1]
    match draw(st.sampled_from(["drop", "rename", "swap", "move", "copy", "double"])):
        case "drop":
            del holder[key]
        case "rename" if isinstance(holder, dict):
            holder[draw(st.sampled_from(WORDS))] = holder.pop(key)
        case "move":
            _put(data, draw(st.sampled_from(paths)), holder.pop(key))
        case "copy":
            _put(data, draw(st.sampled_from(paths)), deepcopy(holder[key]))
        case "double" if isinstance(holder, list):
            holder.append(deepcopy(holder[key]))
        case _:
            holder[key] = deepcopy(draw(st.sampled_from(JUNK)))


def _put(data: Any, path: Path, value: Any) -> None:
    """Replace the value at a place, if the place still exists."""
    with suppress(KeyError, IndexError, TypeError):
        _holder(data, path)[path[-1]] = value
