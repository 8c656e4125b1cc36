"""The language as JSON Schema, for completion and checks in editors.

The models are the source; pydantic's own additions (titles of keys, null for missing keys) are removed. For a file that extends
another, and for overrides of an environment, the same blocks apply with no key required.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from tillroll.campaign.brand.brand import Brand
from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.language.blocks import StoreHoldout
from tillroll.campaign.language.calendar import Calendar
from tillroll.campaign.language.crm import CrmRules
from tillroll.campaign.language.events.event import Event
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import Campaign
from tillroll.campaign.language.notices import NoticeRules, ReportRules
from tillroll.campaign.language.privacy import ConsentRules, PrivacyRules
from tillroll.campaign.segments.segment import Segment
from tillroll.campaign.segments.tiers import TierRules
from tillroll.campaign.text.block import NAME_PATTERN
from tillroll.campaign.text.overlay import ENVIRONMENTS
from tillroll.campaign.text.units import say_duration

Schema = dict[str, Any]

KINDS: Mapping[str, type[BaseModel]] = {
    "campaign": Campaign,
    "segment": Segment,
    "codes": CodeFormat,
    "guardrails": Guardrails,
    "calendar": Calendar,
    "brand": Brand,
    "privacy": PrivacyRules,
    "notices": NoticeRules,
    "consent": ConsentRules,
    "reports": ReportRules,
    "holdout": StoreHoldout,
    "crm": CrmRules,
    "tiers": TierRules,
}
"""The kinds of files: campaigns/, rules/segments/, rules/codes/, and the single files."""

_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}
_PART = "Part"


class _Generator(GenerateJsonSchema):
    """A generator that writes defaults as a file would."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return say_duration(dft)
        if isinstance(dft, Decimal):
            return int(dft) if dft == dft.to_integral_value() else float(dft)
        if isinstance(dft, BaseModel):
            return dft.model_dump(mode="json", exclude_unset=True)
        return super().encode_default(dft)


def schema_of(kind: str) -> Schema:
    """Return the JSON Schema (2020-12) of one kind of file. `KeyError` for a kind that isn't in `KINDS`."""
    schema = _plain(KINDS[kind].model_json_schema(by_alias=True, schema_generator=_Generator))
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    if "Event" in schema.get("$defs", {}):
        schema["$defs"]["Event"] = _event(schema["$defs"]["Event"])
    if "Tiers" in schema.get("$defs", {}):
        schema["$defs"]["Tiers"] = _or_name(schema["$defs"]["Tiers"])
    return _with_parts(schema) if kind == "campaign" else schema


def _plain(node: Any) -> Any:
    """Return a schema without pydantic's additions."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _plain(value) for key, value in node.items()}
    if isinstance(plain.get("properties"), dict):
        for key in plain["properties"].values():
            key.pop("title", None)
    choices = plain.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        plain["anyOf"] = [choice for choice in choices if choice != {"type": "null"}]
        if plain.get("default", 0) is None:
            del plain["default"]
    if isinstance(plain.get("anyOf"), list) and len(plain["anyOf"]) == 1:
        only = plain.pop("anyOf")[0]
        plain = {**only, **plain}
    for short, keyword in _BOUNDS.items():
        if short in plain:
            plain[keyword] = plain.pop(short)
    if str(plain.get("pattern", "")).endswith(r"%\s*$") and "default" in plain:
        plain["default"] = f"{plain['default'] * 100:g}%"
    return plain


def _event(block: Schema) -> Schema:
    """Return the schema of an event: a block with one key, or just the event's name if it needs no conditions."""
    words = [
        name
        for name, field in Event.model_fields.items()
        if not any(key.is_required() for key in _block_of(field.annotation).model_fields.values())
    ]
    block = {**block, "minProperties": 1, "maxProperties": 1}
    description = block.pop("description", "")
    return {"description": description, "anyOf": [{"type": "string", "enum": words}, block]}


def _or_name(block: Schema) -> Schema:
    """Return the schema of a block for which a name alone is written too."""
    description = block.pop("description", "")
    return {"description": description, "anyOf": [{"type": "string", "pattern": NAME_PATTERN}, block]}


def _block_of(annotation: Any) -> type[BaseModel]:
    """Return the model in `Model | None`."""
    return next(arg for arg in get_args(annotation) if isinstance(arg, type) and issubclass(arg, BaseModel))


def _with_parts(campaign: Schema) -> Schema:
    """Add a form of the campaign in which every key is optional, for `extends` and `environments`."""
    blocks: Schema = campaign.pop("$defs")
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
    """Return a block in which every key may be left out, or removed with `~`."""
    part: Schema = _pointing_to_parts(deepcopy(block))
    part.pop("required", None)
    if "properties" in part:
        part["properties"] = {
            key: {"anyOf": [value, {"type": "null"}]} for key, value in part["properties"].items()
        }
    return part


def _pointing_to_parts(node: Any) -> Any:
    if isinstance(node, list):
        return [_pointing_to_parts(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: f"{value}{_PART}"
        if key == "$ref" and not str(value).endswith(_PART)
        else _pointing_to_parts(value)
        for key, value in node.items()
    }
