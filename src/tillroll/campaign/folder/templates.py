"""Checks of e-mail templates: whether they parse, and whether they use only variables that a message has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes, pass_context
from jinja2.meta import TrackingCodeGenerator
from jinja2.runtime import Context

from tillroll.campaign.folder.template_loads import loads_of
from tillroll.campaign.folder.template_words import (
    FILTER_NAMES,
    HTML,
    MJML,
    OPEN,
    OUR_FILTERS,
    PLAIN,
    TEST_NAMES,
    VARIABLES,
)
from tillroll.campaign.text.findings import MOST_FINDINGS, Finding, nearest

MOST_BYTES = 262_144
"""Gmail clips an e-mail at about 100 KiB; a template of more than twice that is a mistake."""
MOST_DEPTH = 60
"""Deeper trees would raise a RecursionError in Jinja's compiler when the e-mail is sent."""
MOST_NODES = 10_000
"""Of a template's tree: about 2,000 tags. Jinja's compiler would take seconds for more."""
MOST_NAMES = 500
"""Variables, macros and blocks of a template. Jinja's compiler compares each with each."""


@pass_context
def _unchanged(context: Context, value: Any) -> Any:
    """Return a value that is shown. Since it takes the context, Jinja works no value out while it looks for names."""
    return value


_environment = Environment(autoescape=True, finalize=_unchanged)
_OTHER_FILES = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_SIMPLE = frozenset(
    {
        *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Tuple),
        *(nodes.Getattr, nodes.Getitem, nodes.For),
        *(nodes.Filter, nodes.Test, nodes.If, nodes.CondExpr, nodes.And, nodes.Or, nodes.Not, nodes.Compare),
        *(nodes.Operand, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.Concat),
    }
)
"""What templates without own variables, macros or other files are made of: their names are easy to find."""

_HARMLESS = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr),
    *(nodes.Filter, nodes.Test, nodes.If, nodes.CondExpr, nodes.And, nodes.Or, nodes.Not),
    *(nodes.Compare, nodes.Operand, nodes.Concat),
)
_HARMLESS_FILTERS = {
    *OUR_FILTERS,
    "capitalize",
    "d",
    "default",
    "e",
    "escape",
    "lower",
    "safe",
    "title",
    "trim",
    "upper",
}
_TAG = re.compile(
    r"\{(?<!\{\{)(?:\{-?(?P<value>[^{}%#]*?)-?\}\}"  # a pattern that begins with a brace is found faster
    r"|%-?[ \t]*(?:(?P<word>if|elif)(?P<condition>[ \t][^{}%#]*?)|(?P<end>else|endif)[ \t]*)-?%\})"
)
_ANY_TAG = re.compile(r"(\{(?:\{[^{}%#]*\}\}|%[^{}%#]*%\}))")
_TAG_START = re.compile(r"\{[{%#]")  # of any other tag
_LOOP = re.compile(
    r"\{%-?[ \t]*for[ \t](?:(?!\{%-?[ \t]*for[ \t]|\{#|\{%-?[ \t]*raw\b).)*?\{%-?[ \t]*endfor[ \t]*-?%\}",
    re.DOTALL,
)
"""A loop without another one in it. It is analysed as a whole, and many templates have the same."""
_OFFSET = re.compile(r" at [0-9]+$")  # Jinja's offset in characters; the line is enough
_MOST_NESTED_IFS = 10  # more are left to Jinja's parser

_IN_MACROS = frozenset({"loop", "caller", "varargs", "kwargs"})
_environment.filters.update(dict.fromkeys(OUR_FILTERS, str))


Fault = tuple[int, str, str, str]
"""Line, word to point at, problem, nearest valid word."""


@dataclass(frozen=True, kw_only=True)
class _Analysis:
    """The variables and faults of a template."""

    names: frozenset[str] = frozenset()  # the variables it uses; empty if there are faults
    faults: tuple[Fault, ...] = ()
    out_of_place: tuple[Fault, ...] = ()  # reported only without other faults
    is_broken: bool = False  # it doesn't parse
    is_plain: bool = False  # it only shows values and chooses between texts, so it renders for everybody


def names_used(text: str) -> frozenset[str]:
    """Return the variables that a template uses; none for a template with faults."""
    return _analyse(text).names


def is_plain(text: str) -> bool:
    """Whether a template only shows values and chooses between texts. Others may fail, or make too much, when rendered."""
    return _analyse(text).is_plain


@lru_cache(maxsize=4096)
def _analyse(text: str) -> _Analysis:
    """Analyse a template by its tags if possible: many templates differ only in the words between them."""
    return _analyse_tags(_without_words(text)) or _parse(text)


def _without_words(text: str) -> str:
    """Return a template's tags, each on its line, or the whole template if its tags aren't simple to tell from its words."""
    pieces = _ANY_TAG.split(text)
    for index in range(0, len(pieces), 2):
        words = pieces[index]
        if "{" in words and (words.endswith("{") or _TAG_START.search(words)):
            return text
        pieces[index] = "\n" * words.count("\n") or " "
    return "".join(pieces)


@lru_cache(maxsize=4096)
def _analyse_tags(text: str) -> _Analysis | None:
    """Analyse a template of values, ifs and loops from its tags; None if the whole must be parsed."""
    names: set[str] = set()
    faults: list[Fault] = []
    out_of_place: list[Fault] = []
    open_ifs: list[str] = []
    plain = True
    line, started_at, read_to = 1, 0, 0
    for loop in _LOOP.finditer(text) if "{%" in text else ():
        part = _parse(loop[0])
        if part.is_broken:
            return None
        names |= part.names
        plain = plain and part.is_plain
        at = text.count("\n", 0, loop.start())
        faults += _shifted(part.faults, at)
        out_of_place += _shifted(part.out_of_place, at)
    if "{%" in text:
        text = _LOOP.sub(lambda loop: "\n" * loop[0].count("\n"), text)
    for tag in _TAG.finditer(text):
        if _TAG_START.search(text, read_to, tag.start()):
            return None
        line += text.count("\n", started_at, tag.start())
        started_at, read_to = tag.span()
        word = tag["word"] or tag["end"]
        if word is not None and not _accept(open_ifs, word):
            return None
        inside = tag["value"] if tag["value"] is not None else tag["condition"]
        if inside is None:
            continue
        part = _parse(f"{{{{{inside}}}}}" if tag["value"] is not None else f"{{% if {inside}%}}{{% endif %}}")
        if part.is_broken:
            return None
        names |= part.names
        plain = plain and part.is_plain
        faults += _shifted(part.faults, line - 1)
        out_of_place += _shifted(part.out_of_place, line - 1)
    if open_ifs or _TAG_START.search(text, read_to):
        return None
    return _Analysis(
        names=frozenset() if faults else frozenset(names),
        faults=tuple(faults),
        out_of_place=tuple(out_of_place),
        is_plain=plain,
    )


def _shifted(faults: Iterable[Fault], lines: int) -> Iterator[Fault]:
    for at, word, problem, suggestion in faults:
        yield at + lines, word, problem, suggestion


def _accept(open_ifs: list[str], word: str) -> bool:
    """Add a tag of an `if`; return whether it is allowed there."""
    if word == "if":
        open_ifs.append(word)
        return len(open_ifs) <= _MOST_NESTED_IFS
    if not open_ifs or (word != "endif" and open_ifs[-1] == "else"):
        return False
    if word == "endif":
        open_ifs.pop()
    else:
        open_ifs[-1] = word
    return True


@lru_cache(maxsize=4096)
def _parse(text: str) -> _Analysis:
    """Analyse a template with Jinja's parser."""
    try:
        parsed = _environment.parse(text)
        tree = bounded_tree(parsed)
        faults = tuple(islice(_faults(tree), MOST_FINDINGS))
        names = frozenset[str]() if faults else _names(parsed, tree)
    except TemplateSyntaxError as fault:
        problem = f"in the template: {_OFFSET.sub('', fault.message or '')}"
        return _Analysis(faults=((fault.lineno, "", problem, ""),), is_broken=True)
    except RecursionError:
        return _Analysis(faults=((1, "", "the template is nested too deeply", ""),), is_broken=True)
    except ValueError:  # a number of thousands of digits
        return _Analysis(
            faults=((1, "", "the template holds a number that can't be read", ""),), is_broken=True
        )
    return _Analysis(
        names=names,
        faults=faults,
        out_of_place=tuple(_out_of_place(names, tree)),
        is_plain=all(isinstance(node, _HARMLESS) and _is_harmless(node) for node in tree),
    )


def _is_harmless(node: nodes.Node) -> bool:
    return not isinstance(node, nodes.Filter) or node.name in _HARMLESS_FILTERS


def _names(parsed: nodes.Template, tree: list[nodes.Node]) -> frozenset[str]:
    """Return the undeclared variables of a template.

    Most templates only have values, ifs and loops, whose names are found here; others need Jinja's compiler, which may refuse
    more.
    """
    if all(type(node) in _SIMPLE for node in tree):
        return frozenset(_free(parsed, frozenset()))
    tracking = TrackingCodeGenerator(_environment)  # as `jinja2.meta.find_undeclared_variables` does
    tracking.optimizer = None  # it would work out constants: `9 ** (9 ** 9)` takes for ever
    tracking.visit(parsed)
    return frozenset(tracking.undeclared_identifiers)


def _free(node: nodes.Node, bound: frozenset[str]) -> Iterator[str]:
    """Yield the names that are read in a part of a template and that no loop around them binds."""
    if isinstance(node, nodes.Name):
        if node.ctx == "load" and node.name not in bound:
            yield node.name
    elif isinstance(node, nodes.For):
        yield from _free(node.iter, bound)
        targets = frozenset(name.name for name in node.target.find_all(nodes.Name))
        if isinstance(node.target, nodes.Name):
            targets |= {node.target.name}
        for part in (*node.body, *([node.test] if node.test is not None else [])):
            yield from _free(part, bound | targets | {"loop"})
        for part in node.else_:
            yield from _free(part, bound)
    else:
        for child in node.iter_child_nodes():
            yield from _free(child, bound)


def check_template(file: str, text: str, *, line: int = 1, column: int = 1, key: str = "") -> list[Finding]:
    """Return the faults of one template. `line` and `column` are its position in the file, for a subject in a YAML file."""
    lines = text.splitlines()

    def finding(at: int, word: str, problem: str, suggestion: str = "") -> Finding:
        source_line = lines[at - 1] if 0 < at <= len(lines) else ""
        indent = len(source_line) - len(source_line.lstrip())
        start = source_line.find(word) if word in source_line else indent
        return Finding(
            file=file,
            line=line + at - 1,
            column=column if key else start + 1,
            key=key,
            problem=problem,
            suggestion=suggestion,
            source_line="" if key else source_line[:200],
        )

    if len(text) > MOST_BYTES:
        return [finding(1, "", f"the template is larger than {MOST_BYTES // 1024} KiB")]
    analysis = _analyse(text)
    faults = {finding(*fault) for fault in analysis.faults or analysis.out_of_place}
    if file.endswith((MJML, HTML)):
        faults |= {finding(*load) for load in islice(loads_of(text), MOST_FINDINGS)}
    return sorted(faults)


def nodes_of(tree: nodes.Template) -> Iterator[nodes.Node]:
    """Yield every node of a template, without recursion; `RecursionError` beyond `MOST_DEPTH`."""
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MOST_DEPTH:
            raise RecursionError
        yield node
        for field in node.fields:
            below = getattr(node, field)
            for child in below if isinstance(below, list) else (below,):
                if isinstance(child, nodes.Node):
                    waiting.append((child, depth + 1))


def bounded_tree(parsed: nodes.Template) -> list[nodes.Node]:
    """Return every node of a template. Raises `TemplateSyntaxError` for more than Jinja's compiler bears."""
    tree = list(islice(nodes_of(parsed), MOST_NODES + 1))
    if len(tree) > MOST_NODES:
        raise TemplateSyntaxError("it has too many tags", 1)
    names = {
        node.name for node in tree if isinstance(node, nodes.Name | nodes.Macro | nodes.Block | nodes.NSRef)
    }
    if len(names) > MOST_NAMES:
        raise TemplateSyntaxError("it has too many variables, macros and blocks", 1)
    return tree


def _faults(tree: list[nodes.Node]) -> Iterator[Fault]:
    """Yield the variables, attributes, filters and tests that don't exist."""
    local = {node.name for node in tree if isinstance(node, nodes.Name) and node.ctx in {"store", "param"}}
    local |= {node.name for node in tree if isinstance(node, nodes.Macro)} | _IN_MACROS
    owners = {id(node.node) for node in tree if isinstance(node, nodes.Getattr | nodes.Getitem)}
    for node in tree:
        if isinstance(node, nodes.Name) and node.ctx == "load" and node.name not in local:
            yield from _name_fault(node, owned=id(node) in owners)
        elif isinstance(node, nodes.Getattr | nodes.Getitem) and isinstance(node.node, nodes.Name):
            owner, word = node.node.name, _attribute(node)
            if word is not None and owner not in local and owner in VARIABLES.keys() - OPEN:
                yield from _attribute_fault(node.lineno, owner, word)
        elif isinstance(node, nodes.Filter) and node.name not in FILTER_NAMES:
            yield (
                node.lineno,
                node.name,
                f"there is no filter {node.name!r}",
                nearest(node.name, FILTER_NAMES),
            )
        elif isinstance(node, nodes.Test) and node.name not in TEST_NAMES:
            yield node.lineno, node.name, f"there is no test {node.name!r}", nearest(node.name, TEST_NAMES)
        elif isinstance(node, _OTHER_FILES):
            yield (
                node.lineno,
                "{%",
                'only a partial can be included, like {% include "_partials/footer.mjml.j2" %}',
                "",
            )


def _out_of_place(names: frozenset[str], tree: list[nodes.Node]) -> Iterator[Fault]:
    """Yield names used outside their scope: `loop` after the loop, or a `set` of a macro outside of it."""
    missing = set(names - VARIABLES.keys() - PLAIN.keys())
    for node in tree:
        if isinstance(node, nodes.Name) and node.ctx == "load" and node.name in missing:
            missing.discard(node.name)
            yield node.lineno, node.name, f"{node.name!r} is used where it is not set", ""


def _attribute(node: nodes.Getattr | nodes.Getitem) -> str | None:
    """Return the name in `customer.name` or `customer['name']`; None if it is only known at sending."""
    if isinstance(node, nodes.Getattr):
        return node.attr
    return str(node.arg.value) if isinstance(node.arg, nodes.Const) else None


def _name_fault(node: nodes.Name, *, owned: bool) -> Iterator[Fault]:
    known = {*VARIABLES, *PLAIN}
    if node.name not in known:
        problem = f"there is no {node.name!r} in a message; there are {', '.join(sorted(known))}"
        yield node.lineno, node.name, problem, nearest(node.name, known)
    elif node.name in PLAIN:
        if owned:
            yield node.lineno, node.name, f"{node.name} has no fields; write it alone", ""
    elif not owned:  # `{{ code }}` would print a dictionary
        listed = ", ".join(f"{node.name}.{field}" for field in sorted(VARIABLES[node.name]))
        yield node.lineno, node.name, f"{node.name} can't be shown as a whole; use {listed}", ""


def _attribute_fault(line: int, owner: str, word: str) -> Iterator[Fault]:
    fields = VARIABLES[owner]
    if word not in fields:
        yield (
            line,
            word,
            f"{owner} has no {word!r}; it has {', '.join(sorted(fields))}",
            nearest(word, fields),
        )
