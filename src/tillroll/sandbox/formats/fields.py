"""Fields of a request's body: each is checked for its type, or 400."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tillroll.sandbox.formats.wire import ApiError, moment, wrong

Kind = Callable[[str, Any], Any]
"""A function from (the field's name, the value sent) to the value kept."""


def document(body: Any) -> dict[str, Any]:
    """Return the body if it is a JSON object. Raises 400."""
    if not isinstance(body, dict):
        raise ApiError(400, "Request body is not a JSON object", "WRONG_PARAMETER")
    return body


def read(body: Any, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Return the known fields that were sent. Null counts as not sent; unknown and read-only fields are ignored."""
    sent = document(body)
    return {
        name: kind(name, sent[name])
        for name, kind in kinds.items()
        if name in sent and sent[name] is not None
    }


def absent(field: str) -> ApiError:
    """Return the 400 for a required field, like `Customer.email`."""
    return ApiError(400, f"Field {field} is absent", "WRONG_PARAMETER")


def text(most: int = 65_536) -> Kind:
    """Check for a text of at most so many characters."""

    def kind(name: str, raw: Any) -> str:
        if not isinstance(raw, str) or len(raw) > most:
            raise wrong(name, "expected a text of reasonable length")
        return raw

    return kind


def amount(name: str, raw: Any) -> Any:
    """Check for a number from zero up."""
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not 0 <= raw < 1e15:
        raise wrong(name, "not a number or a number out of range")
    return raw


def whole(name: str, raw: Any) -> int:
    """Check for a whole number, negative ones too."""
    if type(raw) is not int or abs(raw) >= 2**53:
        raise wrong(name, "not a number or a number out of range")
    return raw


def boolean(name: str, raw: Any) -> bool:
    """Check for true or false."""
    if not isinstance(raw, bool):
        raise wrong(name, "expected a boolean")
    return raw


def one_of(*choices: str) -> Kind:
    """Check for one of these words."""

    def kind(name: str, raw: Any) -> str:
        if raw not in choices:
            raise wrong(name, f"expected one of {', '.join(repr(choice) for choice in choices)}")
        return str(raw)

    return kind


def numbers(name: str, raw: Any) -> list[int]:
    """Check for a list of whole numbers."""
    if not isinstance(raw, list) or not all(type(number) is int for number in raw):
        raise wrong(name, "expected a list of numbers")
    return raw


def objects(name: str, raw: Any) -> list[dict[str, Any]]:
    """Check for a list of objects."""
    if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
        raise wrong(name, "expected a list of objects")
    return raw


def an_object(name: str, raw: Any) -> dict[str, Any]:
    """Check for an object; its content is not checked."""
    if not isinstance(raw, dict):
        raise wrong(name, "expected an object")
    return raw


def anything(name: str, raw: Any) -> Any:
    """Accept any value."""
    return raw


def date(name: str, raw: Any) -> int:
    """Check for a date in any form and return UNIX seconds."""
    return moment(name, raw)
