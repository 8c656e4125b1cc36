"""Validation of plain data against a model, with every fault as a sentence at its place in the file."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from tillroll.campaign.brand.brand import MAILBOX_PATTERN, WEB_PATTERN
from tillroll.campaign.brand.colours import COLOUR_PATTERN
from tillroll.campaign.codes.format import ALPHABET_PATTERN, FORM_PATTERN, WORD_PATTERN
from tillroll.campaign.language.models import LINE_PATTERN, SHARED_PATTERN
from tillroll.campaign.language.translations import LANGUAGE_PATTERN
from tillroll.campaign.segments.conditions import COUNTRY_PATTERN
from tillroll.campaign.segments.iso_codes import country_fault, language_fault
from tillroll.campaign.text.block import Block
from tillroll.campaign.text.findings import MOST_FINDINGS, Finding, nearest
from tillroll.campaign.text.source import Path, Source
from tillroll.campaign.text.units import KeyFault, show_value

_Model = TypeVar("_Model", bound=BaseModel)

_LONGEST_NAME = 60  # characters of a country's or language's name
_MISSING = "this key is missing"
_KINDS = {  # pydantic's error type → what the value should be
    "string_type": "text",
    "int_parsing_size": "a whole number of a sensible size",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("tuple_type", "list_type"), "a list"),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "a block of keys and values"),
}
_BOUNDS = {
    "greater_than": ("gt", "must be more than"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be less than"),
    "less_than_equal": ("le", "must be at most"),
}
_PATTERNS = {
    "^[a-z0-9][a-z0-9-]{0,62}$": "a name has lower-case letters, digits and hyphens, like lapsed-90",
    "^[A-Z0-9]{0,12}$": "at most 12 capital letters and digits, like BACK",
    COUNTRY_PATTERN: "a country is two capital letters, like SI",
    ALPHABET_PATTERN: "10 to 36 different digits and capital letters",
    FORM_PATTERN: "4 to 80 capital letters, digits, hyphens, and # for each random symbol, like SUMMER-##########-VIP",
    WORD_PATTERN: "a word of 3 to 32 capital letters and digits, like ACME",
    SHARED_PATTERN: "a shared code has 3 to 36 capital letters, digits and hyphens, like SUMMER26",
    LINE_PATTERN: "one line of text, not blank, without control characters",
    COLOUR_PATTERN: "a colour is # and six hexadecimal digits, like #31556b",
    WEB_PATTERN: "an address on the web that begins with https://",
    MAILBOX_PATTERN: "an e-mail address, like hello@shop.example",
    LANGUAGE_PATTERN: "a language is a code like en or pt-BR",
}


def validate(model: type[_Model], source: Source) -> tuple[_Model | None, list[Finding]]:
    """Return the model of a file, or None and all faults."""
    if source.findings:
        return None, source.findings
    if not isinstance(source.data, dict):
        return None, [
            source.finding((), "the file must be a block of keys and values, like title: We miss you")
        ]
    try:
        return model.model_validate(source.data), []
    except ValidationError as faults:
        errors = faults.errors(include_url=False)[:MOST_FINDINGS]
        told = (dict(error) for error in errors)
        own = [fault for fault in told if not _is_echo(source, fault)]
        return None, sorted(_without_echoes(_finding(model, source, fault) for fault in own))


def _is_echo(source: Source, fault: dict[str, Any]) -> bool:
    """Whether a list counts as too short only because some of its entries have faults of their own."""
    if fault["type"] != "too_short":
        return False
    given = _value_at(source.data, _path_in_file(source, fault))
    return isinstance(given, list) and len(given) >= fault["ctx"]["min_length"]


def _without_echoes(findings: Iterable[Finding]) -> set[Finding]:
    """Drop "missing" findings for keys that another finding suggests as the correction of a misspelt key."""
    every = set(findings)
    suggested = {
        f"{finding.key.rpartition('.')[0]}.{finding.suggestion}".lstrip(".")
        for finding in every
        if finding.suggestion
    }
    return {finding for finding in every if finding.problem != _MISSING or finding.key not in suggested}


def _finding(model: type[BaseModel], source: Source, fault: dict[str, Any]) -> Finding:
    path, kind, context = _path_in_file(source, fault), str(fault["type"]), fault.get("ctx") or {}
    if kind == "extra_forbidden":
        valid_keys = _keys_at(model, path[:-1])
        listed = f"; valid here: {', '.join(sorted(valid_keys))}" if valid_keys else ""
        longer = [key for key in valid_keys if key.startswith(f"{path[-1]}_")]
        word = longer[0] if len(longer) == 1 else nearest(str(path[-1]), valid_keys)
        is_key = path in source.keys  # else a word that is short for a block with that key
        if meant := _meant_at(model, path):
            return source.finding(path, f"unknown key; {meant}", at_key=True)
        return source.finding(
            path,
            f"unknown {'key' if is_key else 'word'}{'' if word else listed}",
            suggestion=word,
            at_key=is_key,
        )
    if kind == "missing":
        return source.finding(path, _MISSING, at_key=True)
    if kind in {"enum", "literal_error"}:
        choices = _choices(model, path) or [str(context.get("expected", ""))]
        given = _value_at(source.data, path)
        if choices == ["True"]:
            return source.finding(
                path, f"{show_value(given)} is not allowed here: write true, or leave the key out"
            )
        word = nearest(given, choices) if isinstance(given, str) else ""
        return source.finding(
            path, f"{show_value(given)} is not one of {', '.join(choices)}", suggestion=word
        )
    error = context.get("error")
    if isinstance(error, KeyFault):
        path = (*path, error.key)
    keys = _keys_needed(model, path) or _keys_at(model, path)
    problem = _sentence(kind, context, fault, _value_at(source.data, path), keys)
    return source.finding(path, problem, suggestion=_code_meant(context, _value_at(source.data, path)))


def _code_meant(context: dict[str, Any], given: Any) -> str:
    """Return the code of a country or language that was written by its name: `DE` for `Germany`; empty if it is none."""
    if not isinstance(given, str) or len(given) > _LONGEST_NAME:
        return ""
    if context.get("pattern") == COUNTRY_PATTERN:
        return country_fault(given.strip())[1]
    return language_fault(given.strip())[1] if context.get("pattern") == LANGUAGE_PATTERN else ""


def _form_meant(kind: str, given: Any, keys: list[str]) -> str:
    """Return what to write instead of one plain value where a list or a block with these keys belongs."""
    is_plain = isinstance(given, str | int | float) and not isinstance(given, bool)
    if kind in {"tuple_type", "list_type"}:
        return f"; write [{given}]" if is_plain else ", like [one, two]"
    if kind not in {"model_type", "model_attributes_type"} or not keys:
        return ""
    return (
        f"; write {{{keys[0]}: {given}}}"
        if is_plain and len(keys) == 1
        else f"; its keys are {', '.join(keys)}"
    )


def _sentence(kind: str, context: dict[str, Any], fault: dict[str, Any], given: Any, keys: list[str]) -> str:
    """Return the fault as a sentence without pydantic's terms; `keys` are those of the block that belongs there."""
    if kind == "value_error":
        return str(context.get("error") or fault["msg"]).removeprefix("Value error, ")
    if kind in _KINDS:
        quotes = " (put it in quotes)" if kind == "string_type" and isinstance(given, int | float) else ""
        return f"{show_value(given)} is not {_KINDS[kind]}{quotes}{_form_meant(kind, given, keys)}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        limit = context[name]
        return f"{show_value(given)} {words} {int(limit) if limit == int(limit) else limit}"
    if kind == "string_pattern_mismatch":
        return f"{show_value(given)}: {_PATTERNS.get(context['pattern'], 'it does not have the right form')}"
    if kind in {"string_too_short", "string_too_long"}:
        limit = context.get("min_length") or context.get("max_length")
        return f"the text must have at {'least' if kind.endswith('short') else 'most'} {limit} characters"
    if kind in {"too_short", "too_long"}:
        if kind == "too_long":
            return f"the list is too long; it may have {context['max_length']} entries"
        least = context["min_length"]
        return "the list is empty" if least == 1 else f"the list needs at least {least} entries"
    return f"{show_value(given)} is not allowed here"


def _path_in_file(source: Source, fault: dict[str, Any]) -> Path:
    """Return the location without pydantic's additions; the name of a missing key stays at the end."""
    path: list[str | int] = []
    node, loc = source.data, fault["loc"]
    names_a_key = fault["type"] in {"missing", "extra_forbidden"}
    for index, part in enumerate(loc):
        last = index == len(loc) - 1 and names_a_key
        is_in_file = (isinstance(node, dict) and part in node) or (
            isinstance(node, list) and isinstance(part, int)
        )
        if is_in_file or (last and isinstance(part, str)):
            path.append(part)
            node = node[part] if is_in_file and not (isinstance(node, list) and part >= len(node)) else None
    return tuple(path)


def _value_at(data: Any, path: Path) -> Any:
    for part in path:
        inside_list = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if not inside_list and not (isinstance(data, dict) and part in data):
            return None
        data = data[part]
    return data


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """Return the model for a place in the data."""
    current: type[BaseModel] | None = model
    for part in path:
        if isinstance(part, int):
            continue
        if current is None:
            return None
        field = next((f for name, f in current.model_fields.items() if (f.alias or name) == part), None)
        current = _first_model(field.annotation) if field else None
    return current


def _first_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for arg in get_args(annotation) if (model := _first_model(arg))), None)


def _keys_at(model: type[BaseModel], path: Path) -> list[str]:
    block = _model_at(model, path)
    return [field.alias or name for name, field in block.model_fields.items()] if block else []


def _keys_needed(model: type[BaseModel], path: Path) -> list[str]:
    """Return the only key that a block can't do without; none if it has several, or none."""
    block = _model_at(model, path)
    needed = [
        field.alias or name
        for name, field in (block.model_fields.items() if block else ())
        if field.is_required()
    ]
    return needed if len(needed) == 1 else []


def _meant_at(model: type[BaseModel], path: Path) -> str:
    """Return what to write instead of a key that people write here; empty if it is no such key."""
    block = _model_at(model, path[:-1])
    word = "_".join(str(path[-1]).lower().replace("-", " ").replace("_", " ").split())
    return block.meant.get(word, "") if block is not None and issubclass(block, Block) else ""


def _choices(model: type[BaseModel], path: Path) -> list[str]:
    block = _model_at(model, path[:-1])
    if block is None or not path:
        return []
    field = next((f for name, f in block.model_fields.items() if (f.alias or name) == path[-1]), None)
    annotation = field.annotation if field else None
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return [member.value for member in annotation]
    return []
