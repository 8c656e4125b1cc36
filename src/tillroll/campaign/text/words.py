"""What every file of a campaign folder is made of: frozen blocks without unknown keys, names, and lines of text."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""A file's name without its ending: lower-case letters, digits and hyphens."""

_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"  # no place in a subject, and PostgreSQL can't store NUL at all
LINE_PATTERN = rf"^[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*$"

Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=LINE_PATTERN)]
"""One line of text that isn't blank."""


class Words(BaseModel):
    """Base of everything a YAML file can say: frozen, and no key it doesn't know."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    def said(self) -> dict[str, Any]:
        """What the file says, by its own keys; the quantities stay values, so that a model can be made of it again."""
        return {
            field.alias or name: _said(getattr(self, name))
            for name, field in type(self).model_fields.items()
            if name in self.model_fields_set
        }


def _said(value: Any) -> Any:
    if isinstance(value, Words):
        return value.said()
    return [_said(one) for one in value] if isinstance(value, tuple) else value
