"""From plain data to a model, with every fault as a sentence at its place in the file."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from tillroll.campaign.codes.format import ALPHABET_PATTERN, WORD_PATTERN
from tillroll.campaign.language.models import LINE_PATTERN, SHARED_PATTERN
from tillroll.campaign.text.findings import MOST_FINDINGS, Finding, nearest
from tillroll.campaign.text.source import Path, Source
from tillroll.campaign.text.units import KeyFault, shown

_Model = TypeVar("_Model", bound=BaseModel)

_MISSING = "this key is missing"
_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_parsing_size": "a whole number of a sensible size",
    "finite_number": "a number",
    "tuple_type": "a list, like [one, two]",
    "list_type": "a list, like [one, two]",
    "model_type": "a block of keys and values",
    "model_attributes_type": "a block of keys and values",
    "dict_type": "a block of keys and values",
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
    "^[A-Z]{2}$": "a country is two capital letters, like SI",
    ALPHABET_PATTERN: "10 to 36 different digits and capital letters",
    WORD_PATTERN: "a word of 3 to 32 capital letters and digits, like ACME",
    SHARED_PATTERN: "a shared code has 3 to 36 capital letters, digits and hyphens, like SUMMER26",
    LINE_PATTERN: "one line of text, not blank, without control characters",
    "^[a-z]{2,3}(-[A-Za-z]{2,4})?$": "a language is a code like en or pt-BR",
}


def validate(model: type[_Model], source: Source) -> tuple[_Model | None, list[Finding]]:
    """The model a file describes, or every reason why it describes none."""
    if source.findings:
        return None, source.findings
    if not isinstance(source.data, dict):
        return None, [
            source.finding((), "the file must be a block of keys and values, like title: We miss you")
        ]
    try:
        return model.model_validate(source.data), []
    except ValidationError as faults:
        found = faults.errors(include_url=False)[:MOST_FINDINGS]
        return None, sorted(_without_echoes(_finding(model, source, dict(fault)) for fault in found))


def _without_echoes(found: Iterable[Finding]) -> set[Finding]:
    """Not that a key is missing where another word stands for it: that is told with the other word."""
    told = set(found)
    meant = {f"{one.key.rpartition('.')[0]}.{one.suggestion}".lstrip(".") for one in told if one.suggestion}
    return {one for one in told if one.problem != _MISSING or one.key not in meant}


def _finding(model: type[BaseModel], source: Source, fault: dict[str, Any]) -> Finding:
    path, kind, context = _path_in_file(source, fault), str(fault["type"]), fault.get("ctx") or {}
    if kind == "extra_forbidden":
        known = _keys_at(model, path[:-1])
        listed = f"; known here: {', '.join(sorted(known))}" if known else ""
        word = nearest(str(path[-1]), known)
        written = path in source.keys  # a word can stand for a block with that key
        return source.finding(
            path,
            f"unknown {'key' if written else 'word'}{'' if word else listed}",
            suggestion=word,
            at_key=written,
        )
    if kind == "missing":
        return source.finding(path, _MISSING, at_key=True)
    if kind in {"enum", "literal_error"}:
        choices = _choices(model, path) or [str(context.get("expected", ""))]
        given = _value_at(source.data, path)
        if choices == ["True"]:
            return source.finding(path, f"{shown(given)} can't stand here: write true, or leave the key out")
        word = nearest(given, choices) if isinstance(given, str) else ""
        return source.finding(path, f"{shown(given)} is none of {', '.join(choices)}", suggestion=word)
    error = context.get("error")
    if isinstance(error, KeyFault):
        path = (*path, error.key)
    problem = _sentence(kind, context, fault, _value_at(source.data, path))
    if kind in {"model_type", "model_attributes_type"} and (keys := _keys_at(model, path)):
        problem += f"; it holds {', '.join(keys)}"
    return source.finding(path, problem)


def _sentence(kind: str, context: dict[str, Any], fault: dict[str, Any], given: Any) -> str:
    """The fault in words that say nothing of the machinery."""
    if kind == "value_error":
        return str(context.get("error") or fault["msg"]).removeprefix("Value error, ")
    if kind in _KINDS:
        quotes = " (put it in quotes)" if kind == "string_type" and isinstance(given, int | float) else ""
        return f"{shown(given)} is not {_KINDS[kind]}{quotes}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        limit = context[name]
        return f"{shown(given)} {words} {int(limit) if limit == int(limit) else limit}"
    if kind == "string_pattern_mismatch":
        return f"{shown(given)}: {_PATTERNS.get(context['pattern'], 'it does not have the right form')}"
    if kind in {"string_too_short", "string_too_long"}:
        limit = context.get("min_length") or context.get("max_length")
        return f"the text must have at {'least' if kind.endswith('short') else 'most'} {limit} characters"
    if kind in {"too_short", "too_long"}:
        return "the list is empty" if kind == "too_short" else "the list is too long"
    return f"{shown(given)} is not allowed here"


def _path_in_file(source: Source, fault: dict[str, Any]) -> Path:
    """The location without what the machinery adds to it; a missing key keeps its name at the end."""
    path: list[str | int] = []
    node, loc = source.data, fault["loc"]
    names_a_key = fault["type"] in {"missing", "extra_forbidden"}
    for index, part in enumerate(loc):
        last = index == len(loc) - 1 and names_a_key
        known = (isinstance(node, dict) and part in node) or (
            isinstance(node, list) and isinstance(part, int)
        )
        if known or (last and isinstance(part, str)):
            path.append(part)
            node = node[part] if known and not (isinstance(node, list) and part >= len(node)) else None
    return tuple(path)


def _value_at(data: Any, path: Path) -> Any:
    for part in path:
        inside_list = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if not inside_list and not (isinstance(data, dict) and part in data):
            return None
        data = data[part]
    return data


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model that describes a place in the data."""
    here: type[BaseModel] | None = model
    for part in path:
        if isinstance(part, int):
            continue
        if here is None:
            return None
        field = next((f for name, f in here.model_fields.items() if (f.alias or name) == part), None)
        here = _first_model(field.annotation) if field else None
    return here


def _first_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _first_model(arg))), None)


def _keys_at(model: type[BaseModel], path: Path) -> list[str]:
    here = _model_at(model, path)
    return [field.alias or name for name, field in here.model_fields.items()] if here else []


def _choices(model: type[BaseModel], path: Path) -> list[str]:
    here = _model_at(model, path[:-1])
    if here is None or not path:
        return []
    field = next((f for name, f in here.model_fields.items() if (f.alias or name) == path[-1]), None)
    annotation = field.annotation if field else None
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return [member.value for member in annotation]
    return []
