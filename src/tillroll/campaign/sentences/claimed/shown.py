"""What an e-mail's template shows without asking whether it is there: `{{ code.value }} %`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from jinja2 import Environment, TemplateError, nodes

from tillroll.campaign.reading.discount_words import is_material, is_promise
from tillroll.campaign.reading.said.quantities import may_have_percents, percents_in

_TAG = re.compile(r"<[^>]*>|&nbsp;")
_TEMPLATE_TAG = re.compile(r"(\{(?:\{.*?\}\}|%.*?%\}|#.*?#\}))", re.DOTALL)
_LOOKED_AT = 500  # characters after a value
_environment = Environment(autoescape=True)
_STYLE = re.compile(r"<(style|script|mj-style|mj-head)\b.*?</\1>", re.DOTALL | re.IGNORECASE)
_TEMPLATE_MARKS = re.compile(r"\{[{%#].*?[}%#]\}", re.DOTALL)
_SHORT_MARKS = re.compile(
    r"\{[{%#][^\n{}%#]*[}%#]\}"
)  # most of them: on one line, and so they take none away


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A field of a variable that a template shows as it is, whether it has a value or not."""

    name: str  # like code.value
    line: int
    filters: frozenset[str]  # that it passes
    is_percent: bool  # a percent sign follows


@dataclass(frozen=True, kw_only=True)
class PercentWritten:
    """A percentage that the words of an e-mail give, in digits or in words."""

    numbers: frozenset[Decimal]  # that it may mean
    line: int
    is_promise: bool  # the words beside it say that this much is taken off


@lru_cache(maxsize=4_000)
def fields_shown(text: str) -> tuple[Shown, ...]:
    """Return the fields that a template shows unasked; none for a template that can't be parsed, which `check` reports."""
    if "{{" not in text:
        return ()
    return _fields_shown(_taken_apart(text))


@lru_cache(maxsize=4_000)
def _fields_shown(tags: str) -> tuple[Shown, ...]:
    try:
        return tuple(_shown(_environment.parse(tags), frozenset()))
    except (TemplateError, RecursionError):
        return ()


@lru_cache(maxsize=4_000)
def _taken_apart(text: str) -> str:
    """Return a template's tags, each on its line, and of the words between them the percent sign that follows a value.

    Many templates have the same tags: whatever words stand between them, they are parsed once.
    """
    pieces = _TEMPLATE_TAG.split(text)
    for index in range(0, len(pieces), 2):
        words = pieces[index]
        is_percent = "%" in words and index > 0 and pieces[index - 1].startswith("{{") and _is_percent(words)
        pieces[index] = ("%" if is_percent else "") + "\n" * words.count("\n")
    return "".join(pieces)


def tags_in(text: str) -> tuple[str, ...]:
    """Return a template's tags without the words between them."""
    return tuple(_TEMPLATE_TAG.findall(text))


def _is_percent(text: str) -> bool:
    """Return whether the words after a value begin with a percent sign, leaving out blanks and markup."""
    return _TAG.sub("", text[:_LOOKED_AT]).lstrip().startswith("%")


@lru_cache(maxsize=4_000)
def percents_written(text: str) -> tuple[PercentWritten, ...]:
    """Return the percentages that a reader sees in a text; those of styles and attributes are left out."""
    if not may_have_percents(text):
        return ()
    plain = _TEMPLATE_MARKS.sub(_blank, _SHORT_MARKS.sub(" ", text))
    if not may_have_percents(plain):
        return ()
    plain = _TAG.sub(_blank, _STYLE.sub(_blank, plain))
    return tuple(
        PercentWritten(
            numbers=each.numbers,
            line=plain.count("\n", 0, each.start) + 1,
            is_promise=is_promise(plain, each.start, each.end),
        )
        for each in percents_in(plain)
        if not is_material(plain, each.end)
    )


def mentions(text: str, names: frozenset[str]) -> bool:
    """Return whether a template shows one of these fields, whatever it asks before."""
    return "{{" in text and _mentions(_taken_apart(text), names)


@lru_cache(maxsize=8_000)
def _mentions(text: str, names: frozenset[str]) -> bool:
    try:
        outputs = _environment.parse(text).find_all(nodes.Output)
        return any(_fields_of(part) & names for output in outputs for part in output.nodes)
    except (TemplateError, RecursionError):
        return True  # `check` reports it


def _blank(match: re.Match[str]) -> str:
    """Return blanks in place of a match, which keep the lines."""
    return "\n" * match[0].count("\n") + " "


def _shown(node: nodes.Node, asked: frozenset[str]) -> Iterator[Shown]:
    """Yield what is shown below a node. `asked`: fields whose presence an `if` around it asks for."""
    match node:
        case nodes.Output(nodes=parts):
            for index, part in enumerate(parts):
                follows = parts[index + 1] if index + 1 < len(parts) else None
                is_percent = isinstance(follows, nodes.TemplateData) and follows.data.startswith("%")
                yield from _of_expression(part, asked, is_percent=is_percent)
        case nodes.If(test=test, body=body, elif_=others, else_=rest):
            inside = asked | _fields_of(test)
            for inner in (*body, *others, *rest):
                yield from _shown(inner, inside)
        case nodes.Assign() | nodes.AssignBlock() | nodes.Macro():
            return
        case _:
            for child in node.iter_child_nodes():
                yield from _shown(child, asked)


def _of_expression(
    node: nodes.Node, asked: frozenset[str], *, is_percent: bool, filters: frozenset[str] = frozenset()
) -> Iterator[Shown]:
    match node:
        case nodes.Getattr(node=nodes.Name(name=owner), attr=field):
            name = f"{owner}.{field}"
            if name not in asked:
                yield Shown(name=name, line=node.lineno, filters=filters, is_percent=is_percent)
        case nodes.Filter(name=name, node=inner) if inner is not None:
            if name not in {"default", "d"}:
                yield from _of_expression(inner, asked, is_percent=is_percent, filters=filters | {name})
        case nodes.CondExpr(test=test, expr1=first, expr2=second):
            for part in (first, second):
                if part is not None:
                    yield from _of_expression(
                        part, asked | _fields_of(test), is_percent=is_percent, filters=filters
                    )
        case nodes.Concat(nodes=parts):
            for part in parts:
                yield from _of_expression(part, asked, is_percent=False, filters=filters)
        case _:
            return  # a calculation, or an `or` that has another value ready


def _fields_of(test: nodes.Node) -> frozenset[str]:
    """Return the fields that a test asks for."""
    found = [*test.find_all(nodes.Getattr), *([test] if isinstance(test, nodes.Getattr) else [])]
    return frozenset(f"{each.node.name}.{each.attr}" for each in found if isinstance(each.node, nodes.Name))
