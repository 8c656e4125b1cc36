"""The last look at a text before a terminal or a log, whether or not it came through the wall (`clean.py`)."""

from __future__ import annotations

import json
import re
from typing import Any

from tillroll.campaign.text.clean import UNCLEAN, UNCLEAN_IN_LINES


def json_line(value: Any, **options: Any) -> str:
    """Return a value as JSON in one line that a terminal only shows. It loses nothing: what isn't clean is an escape."""
    text = json.dumps(value, ensure_ascii=False, **options)
    return text if UNCLEAN.search(text) is None else UNCLEAN.sub(_json_escape, text)


def _json_escape(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


def made_visible(text: str) -> str:
    """Return any text with U+FFFD for each character that clean text doesn't have; its line breaks (`\\n`) stay."""
    if text.isascii() and text.isprintable():
        return text
    return UNCLEAN_IN_LINES.sub("\ufffd", text)
