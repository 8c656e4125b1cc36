"""The building parts of every file: blocks without unknown keys, names, and lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, StringConstraints

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""A file name without its extension: lower-case letters, digits and hyphens."""

_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"  # not allowed in a subject; PostgreSQL can't store NUL
LINE_PATTERN = rf"^[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*$"

Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=LINE_PATTERN)]
"""One line of text, not blank."""


class Block(BaseModel):
    """Base of every block of a YAML file: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    meant: ClassVar[Mapping[str, str]] = {}
    """Keys that people write here, and what to write instead, as a sentence."""

    def as_written(self) -> dict[str, Any]:
        """Return the keys that the file has, by their names in the file; the values can be validated again."""
        return {
            field.alias or name: _as_written(getattr(self, name))
            for name, field in type(self).__pydantic_fields__.items()
            if name in self.__pydantic_fields_set__
        }


def _as_written(value: Any) -> Any:
    if isinstance(value, Block):
        return value.as_written()
    return [_as_written(item) for item in value] if isinstance(value, tuple) else value
