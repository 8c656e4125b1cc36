"""What a request's body may hold: each field of the right kind, or 400."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tillroll.sandbox.wire import ApiError, moment, wrong

Kind = Callable[[str, Any], Any]
"""(the field's name, what was sent) to what is kept."""


def document(body: Any) -> dict[str, Any]:
    """The body, if it is a JSON object."""
    if not isinstance(body, dict):
        raise ApiError(400, "Request body is not a JSON object", "WRONG_PARAMETER")
    return body


def read(body: Any, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """The known fields that were sent; null counts as not sent, unknown and read-only ones are ignored."""
    sent = document(body)
    return {
        name: kind(name, sent[name])
        for name, kind in kinds.items()
        if name in sent and sent[name] is not None
    }


def absent(field: str) -> ApiError:
    """400 for a field that has to be there, like `Customer.email`."""
    return ApiError(400, f"Field {field} is absent", "WRONG_PARAMETER")


def text(most: int = 65_536) -> Kind:
    """A text of at most so many characters."""

    def kind(name: str, raw: Any) -> str:
        if not isinstance(raw, str) or len(raw) > most:
            raise wrong(name, "expected a text of reasonable length")
        return raw

    return kind


def amount(name: str, raw: Any) -> Any:
    """A number from zero up."""
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not 0 <= raw < 1e15:
        raise wrong(name, "not a number or a number out of range")
    return raw


def whole(name: str, raw: Any) -> int:
    """A whole number, negative ones too."""
    if type(raw) is not int or abs(raw) >= 2**53:
        raise wrong(name, "not a number or a number out of range")
    return raw


def boolean(name: str, raw: Any) -> bool:
    """True or false."""
    if not isinstance(raw, bool):
        raise wrong(name, "expected a boolean")
    return raw


def one_of(*choices: str) -> Kind:
    """One of these words."""

    def kind(name: str, raw: Any) -> str:
        if raw not in choices:
            raise wrong(name, f"expected one of {', '.join(repr(one) for one in choices)}")
        return str(raw)

    return kind


def numbers(name: str, raw: Any) -> list[int]:
    """A list of whole numbers."""
    if not isinstance(raw, list) or not all(type(one) is int for one in raw):
        raise wrong(name, "expected a list of numbers")
    return raw


def objects(name: str, raw: Any) -> list[dict[str, Any]]:
    """A list of objects."""
    if not isinstance(raw, list) or not all(isinstance(one, dict) for one in raw):
        raise wrong(name, "expected a list of objects")
    return raw


def an_object(name: str, raw: Any) -> dict[str, Any]:
    """An object, its inside taken as it is."""
    if not isinstance(raw, dict):
        raise wrong(name, "expected an object")
    return raw


def anything(name: str, raw: Any) -> Any:
    """Whatever was sent."""
    return raw


def date(name: str, raw: Any) -> int:
    """UNIX seconds from any form of date."""
    return moment(name, raw)
