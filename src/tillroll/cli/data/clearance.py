"""A draft of a campaign on goods that sell too slowly: the sale of the library, on those goods alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tillroll.campaign.folder.drafts import draft

_KIND = "flash-sale"
_COMMENT = "# A sale until midnight."
_TITLE = "title: Flash sale\n"
_CONDITION = "  minimum_subtotal: 30        # fill in: from which basket on\n"
_STOPS_BEFORE = "message:\n"


@dataclass(frozen=True, kw_only=True)
class SlowGood:
    """A product that sells too slowly, and why it is thought so."""

    sku: str
    name: str
    reason: str  # like: 300 in stock, which lasts 400 days


def draft_clearance(goods: Sequence[SlowGood], *, name: str, today: date, stop_below: int) -> dict[str, str]:
    """Return the files of a draft on these goods: relative path → text. Raises `Refused` for an invalid name."""
    files = draft(_KIND, name=name, today=today)
    path = f"campaigns/{name}.yaml"
    why = ["# Suggested by `tillroll suggest` for goods that sell too slowly:"]
    why += [f"#   {_line(good.sku)}, {_line(good.name)}: {good.reason}" for good in goods]
    skus = ", ".join(json.dumps(good.sku, ensure_ascii=False) for good in goods)
    text = files[path]
    for old, new in (
        (_COMMENT, "\n".join((*why, _COMMENT))),
        (_TITLE, "title: Make room\n"),
        (_CONDITION, f"  applies_to: {{products: [{skus}]}}\n"),
        (
            _STOPS_BEFORE,
            f"stops: {{stock_below: {stop_below}}}      # fill in: when to stop\n\n{_STOPS_BEFORE}",
        ),
    ):
        assert text.count(old) == 1, f"the library's {_KIND} has changed: {old!r}"  # noqa: S101 - a test drafts one
        text = text.replace(old, new)
    return {**files, path: text}


def _line(text: str) -> str:
    """Return a text of the store as part of a comment's line."""
    return " ".join(text.split())
