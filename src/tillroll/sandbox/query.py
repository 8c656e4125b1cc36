"""The query string, read in the API's own formats: dates, booleans, comma lists, whole numbers."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qsl

from tillroll.sandbox.refusal import wrong_parameter
from tillroll.sandbox.wire import parse_moment

_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_FLAG_WORDS = ", ".join(f"'{word}'" for word in ("true", "false", "yes", "no", "on", "off", "1", "0"))


class Query:
    """The parameters of one request. A blank parameter is as good as none."""

    def __init__(self, raw: str) -> None:
        self._values = dict(parse_qsl(raw)) if raw else {}

    def text(self, name: str) -> str | None:
        """The parameter as it came."""
        return self._values.get(name)

    def whole(self, name: str) -> int | None:
        """A whole number from zero up."""
        raw = self._values.get(name)
        if raw is None:
            return None
        if not (raw.isascii() and raw.isdigit()):
            raise wrong_parameter(f"Wrong numeric parameter '{name}' value: not a number or a number out of range")
        return int(raw)

    def number(self, name: str) -> float | None:
        """A number, with or without decimals."""
        raw = self._values.get(name)
        try:
            return None if raw is None else float(raw)
        except ValueError:
            text = f"Wrong numeric parameter '{name}' value: not a number or a number out of range"
            raise wrong_parameter(text) from None

    def flag(self, name: str) -> bool | None:
        """A boolean in any of the spellings the API takes."""
        raw = self._values.get(name)
        if raw is None:
            return None
        if raw.lower() not in _FLAGS:
            raise wrong_parameter(f"Wrong parameter '{name}' value: expected one of {_FLAG_WORDS}")
        return _FLAGS[raw.lower()]

    def moment(self, name: str) -> int | None:
        """A date, as UNIX seconds."""
        raw = self._values.get(name)
        return None if raw is None else parse_moment(raw, name)

    def words(self, name: str, allowed: Collection[str] = ()) -> list[str]:
        """A comma list; with `allowed`, each word must be one of these."""
        words = [word.strip() for word in self._values.get(name, "").split(",") if word.strip()]
        for word in words:
            if allowed and word not in allowed:
                options = ", ".join(f"'{option}'" for option in allowed)
                raise wrong_parameter(f"Wrong parameter '{name}' value: expected one of {options}")
        return words

    def wholes(self, name: str) -> list[int]:
        """A comma list of numbers."""
        words = self.words(name)
        if not all(word.isascii() and word.isdigit() for word in words):
            raise wrong_parameter(f"Wrong numeric parameter '{name}' value: not a number or a number out of range")
        return [int(word) for word in words]
