"""Text for logs without what must not be in them: codes, addresses, tokens and passwords.

It is the last line of defence: nothing should log them in the first place. Values are known by the name of their field and by
their shape. A mask that hides too much costs a word of a log; one that hides too little costs money.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "•••"

_NAMES = frozenset(
    {"address", "authorization", "code", "codes", "cookie", "email", "emails", "password", "recipient", "secret", "to", "token"}
)  # fmt: skip

_SHAPES = (
    (re.compile(r"[\w.!#$%&'*+=?^`{|}~-]{1,64}@[\w-]+(?:\.[\w-]+)+"), HIDDEN),  # an e-mail address
    (re.compile(r"(?<=://)[^\s/@]{1,500}@"), f"{HIDDEN}@"),  # user and password of an address
    (re.compile(r"(?i)\b(bearer|basic)\s+\S+"), rf"\1 {HIDDEN}"),
    (re.compile(r"\b(?:secret|public)_\w{4,}"), HIDDEN),  # the store's tokens
    (re.compile(r"gAAAA[\w=-]{20,}"), HIDDEN),  # what is sealed (Fernet)
    (re.compile(r"(?i)\b(token|password|secret|code|state)=[^\s&\"']+"), rf"\1={HIDDEN}"),  # in a query
    # a long random word of upper case, lower case and digits, like a session
    (re.compile(r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{32,}"), HIDDEN),
    # a code: upper case and digits, perhaps in groups; but no date
    (
        re.compile(
            r"(?<![\w-])(?<!\d\.)(?!\d{4}-\d)(?=[A-Z-]*\d)(?=[\d-]*[A-Z])[A-Z0-9]+(?:-[A-Z0-9]+)*(?![\w-])"
        ),
        None,
    ),
    # what PostgreSQL tells about a row or a parameter that it refuses
    (re.compile(r"(Key \([^\n]*?\)=)\([^\n]*"), rf"\1({HIDDEN})"),
    (re.compile(r"(Failing row contains )\([^\n]*"), rf"\1({HIDDEN})"),
    (re.compile(r"(parameter \$\d+ = )[^\n]*"), rf"\1{HIDDEN}"),
    (re.compile(r"(syntax for type [\w ]+: )[^\n]*"), rf"\1{HIDDEN}"),
)
_SHORTEST_CODE = 6


def mask_text(text: str) -> str:
    """Return a text without the values that are known by their shape."""
    for shape, instead in _SHAPES:
        text = shape.sub(_hide_code if instead is None else instead, text)
    return text


def mask_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an event without the values that are known by their name or their shape."""
    return {
        mask_text(str(name)): HIDDEN if str(name).lower() in _NAMES and value else _masked(value)
        for name, value in fields.items()
    }


def _hide_code(found: re.Match[str]) -> str:
    word = found.group()
    return HIDDEN if len(word) >= _SHORTEST_CODE else word


def _masked(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return mask_text(value)
        case Mapping():
            return mask_fields(value)
        case list() | tuple() | set() | frozenset():
            return [_masked(one) for one in value]
        case _:
            return mask_text(str(value))
