"""The language as JSON Schema, so that editors complete and check it while somebody types.

The models are the source; what is only the machinery's (titles of keys, null for "not said") is taken out again. A file that
extends another, and what an environment says differently, are the same blocks with no key required.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.language.calendar import Calendar
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import Campaign
from tillroll.campaign.language.trigger import Event
from tillroll.campaign.segments.segment import Segment
from tillroll.campaign.text.overlay import ENVIRONMENTS
from tillroll.campaign.text.units import say_duration

Schema = dict[str, Any]

KINDS: Mapping[str, type[BaseModel]] = {
    "campaign": Campaign,
    "segment": Segment,
    "codes": CodeFormat,
    "guardrails": Guardrails,
    "calendar": Calendar,
}
"""What can be asked for, and the files it describes: campaigns/, rules/segments/, rules/codes/, and the two single files."""

_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}
_PART = "Part"


class _Generator(GenerateJsonSchema):
    """Defaults as they would be written in a file."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return say_duration(dft)
        if isinstance(dft, Decimal):
            return int(dft) if dft == dft.to_integral_value() else float(dft)
        if isinstance(dft, BaseModel):
            return dft.model_dump(mode="json", exclude_unset=True)
        return super().encode_default(dft)


def schema_of(kind: str) -> Schema:
    """The JSON Schema (2020-12) of one kind of file. `KeyError` for a kind that isn't in `KINDS`."""
    found = _plain(KINDS[kind].model_json_schema(by_alias=True, schema_generator=_Generator))
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    if "Event" in found.get("$defs", {}):
        found["$defs"]["Event"] = _event(found["$defs"]["Event"])
    return _in_parts(found) if kind == "campaign" else found


def _plain(node: Any) -> Any:
    """Without what only the machinery needs."""
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {key: _plain(value) for key, value in node.items()}
    if isinstance(found.get("properties"), dict):
        for one in found["properties"].values():
            one.pop("title", None)
    choices = found.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        left = [one for one in choices if one != {"type": "null"}]
        found["anyOf"] = left
        if found.get("default", 0) is None:
            del found["default"]
    if isinstance(found.get("anyOf"), list) and len(found["anyOf"]) == 1:
        only = found.pop("anyOf")[0]
        found = {**only, **found}
    for said, meant in _BOUNDS.items():
        if said in found:
            found[meant] = found.pop(said)
    if str(found.get("pattern", "")).endswith(r"%\s*$") and "default" in found:
        found["default"] = f"{found['default'] * 100:g}%"
    return found


def _event(block: Schema) -> Schema:
    """An event is a block with one key; one that needs no conditions can be a word alone."""
    words = [
        name
        for name, field in Event.model_fields.items()
        if not any(one.is_required() for one in _block_of(field.annotation).model_fields.values())
    ]
    block = {**block, "minProperties": 1, "maxProperties": 1}
    description = block.pop("description", "")
    return {"description": description, "anyOf": [{"type": "string", "enum": words}, block]}


def _block_of(annotation: Any) -> type[BaseModel]:
    return next(one for one in get_args(annotation) if isinstance(one, type) and issubclass(one, BaseModel))


def _in_parts(whole: Schema) -> Schema:
    """The campaign with, besides, a form of it that may leave anything out: for `extends` and `environments`."""
    blocks: Schema = whole.pop("$defs")
    campaign = whole
    parts = {f"{name}{_PART}": _part(block) for name, block in blocks.items()}
    campaign["properties"]["environments"] = {
        "type": "object",
        "additionalProperties": False,
        "description": campaign["properties"]["environments"]["description"],
        "properties": {name: {"$ref": f"#/$defs/Campaign{_PART}"} for name in ENVIRONMENTS},
    }
    version = campaign.pop("$schema")
    return {
        "$schema": version,
        "title": campaign["title"],
        "description": campaign["description"],
        "if": {"type": "object", "required": ["extends"]},
        "then": {"$ref": f"#/$defs/Campaign{_PART}"},
        "else": {"$ref": "#/$defs/Campaign"},
        "$defs": {"Campaign": campaign, f"Campaign{_PART}": _part(campaign), **blocks, **parts},
    }


def _part(block: Schema) -> Schema:
    """A block of which every key may be left out, or taken away with `~`."""
    part: Schema = _pointing_to_parts(deepcopy(block))
    part.pop("required", None)
    if "properties" in part:
        part["properties"] = {
            key: {"anyOf": [value, {"type": "null"}]} for key, value in part["properties"].items()
        }
    return part


def _pointing_to_parts(node: Any) -> Any:
    if isinstance(node, list):
        return [_pointing_to_parts(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        key: f"{value}{_PART}"
        if key == "$ref" and not str(value).endswith(_PART)
        else _pointing_to_parts(value)
        for key, value in node.items()
    }
