"""E-mail templates before they are used: do they parse, and do they only ask for what a message has?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables

from tillroll.campaign.findings import MOST_FINDINGS, Finding, nearest

MJML, HTML, TEXT = "message.mjml.j2", "message.html.j2", "message.txt.j2"
PARTS = (MJML, HTML, TEXT)
MOST_BYTES = 262_144
"""Gmail cuts an e-mail off at about 100 KiB; a template of more than twice that is a mistake."""
MOST_DEPTH = 60
"""Deeper trees end in a RecursionError of Jinja's compiler, at the moment of sending."""

VARIABLES: Mapping[str, frozenset[str]] = {
    "customer": frozenset({"first_name", "name", "email", "language", "country"}),
    "code": frozenset({"text", "valid_from", "valid_until", "value", "minimum_subtotal"}),
    "store": frozenset({"name", "url", "email"}),
    "campaign": frozenset({"title"}),
    "offer": frozenset({"kind", "value", "discount", "text"}),
    "order": frozenset({"id", "total"}),
    "cart": frozenset({"total"}),
    "product": frozenset({"name", "sku", "price"}),
    "review": frozenset({"rating"}),
    "event": frozenset(),
}
"""What a template may use; `send/facts.py` fills in exactly these. Of `event` nobody knows beforehand what it holds."""

OPEN = frozenset({"event"})

OUR_FILTERS = frozenset({"money", "date"})

_environment = Environment(autoescape=True)
_FILTERS = frozenset(_environment.filters) | OUR_FILTERS
_TESTS = frozenset(_environment.tests)
_OTHER_FILES = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_IN_MACROS = frozenset({"loop", "caller", "varargs", "kwargs"})
_environment.filters.update(dict.fromkeys(OUR_FILTERS, str))


@lru_cache(maxsize=4096)
def names_used(text: str) -> frozenset[str]:
    """The variables a template asks for; none of one that doesn't parse, since that is told already."""
    try:
        return frozenset(find_undeclared_variables(_environment.parse(text)))
    except (TemplateSyntaxError, RecursionError, ValueError):
        return frozenset()


Fault = tuple[int, str, str, str]
"""Line, the word to point at, the problem, the nearest valid word."""


def check_template(file: str, text: str, *, line: int = 1, column: int = 1, key: str = "") -> list[Finding]:
    """The faults of one template. `line` and `column` say where its first line stands, for a subject inside a YAML file."""
    lines = text.splitlines()

    def finding(at: int, word: str, problem: str, suggestion: str = "") -> Finding:
        shown = lines[at - 1] if 0 < at <= len(lines) else ""
        start = shown.find(word) if word in shown else len(shown) - len(shown.lstrip())
        return Finding(
            file=file,
            line=line + at - 1,
            column=column if key else start + 1,
            key=key,
            problem=problem,
            suggestion=suggestion,
            source_line="" if key else shown[:200],
        )

    if len(text) > MOST_BYTES:
        return [finding(1, "", f"the template is larger than {MOST_BYTES // 1024} KiB")]
    try:
        parsed = _environment.parse(text)
        tree = list(_nodes(parsed))
        found = list(islice(_faults(tree), MOST_FINDINGS)) or list(_out_of_place(parsed, tree))
    except TemplateSyntaxError as fault:
        return [finding(fault.lineno, "", f"in the template: {fault.message}")]
    except RecursionError:
        return [finding(1, "", "the template is nested too deeply")]
    except ValueError:  # a number of thousands of digits
        return [finding(1, "", "the template holds a number that can't be read")]
    return sorted({finding(*fault) for fault in found})


def _nodes(tree: nodes.Template) -> Iterator[nodes.Node]:
    """Every part of a template. Not by recursion, so that depth can be refused before it hurts."""
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MOST_DEPTH:
            raise RecursionError
        yield node
        waiting += [(child, depth + 1) for child in node.iter_child_nodes()]


def _faults(tree: list[nodes.Node]) -> Iterator[Fault]:
    """What the template asks for and a message doesn't have."""
    made_here = {
        node.name for node in tree if isinstance(node, nodes.Name) and node.ctx in {"store", "param"}
    }
    made_here |= {node.name for node in tree if isinstance(node, nodes.Macro)} | _IN_MACROS
    owners = {id(node.node) for node in tree if isinstance(node, nodes.Getattr | nodes.Getitem)}
    for node in tree:
        if isinstance(node, nodes.Name) and node.ctx == "load" and node.name not in made_here:
            yield from _name_fault(node, owned=id(node) in owners)
        elif isinstance(node, nodes.Getattr | nodes.Getitem) and isinstance(node.node, nodes.Name):
            owner, word = node.node.name, _attribute(node)
            if word is not None and owner not in made_here and owner in VARIABLES.keys() - OPEN:
                yield from _attribute_fault(node.lineno, owner, word)
        elif isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            yield node.lineno, node.name, f"there is no filter {node.name!r}", nearest(node.name, _FILTERS)
        elif isinstance(node, nodes.Test) and node.name not in _TESTS:
            yield node.lineno, node.name, f"there is no test {node.name!r}", nearest(node.name, _TESTS)
        elif isinstance(node, _OTHER_FILES):
            yield node.lineno, "{%", "a template can't use other files; write it out", ""


def _out_of_place(parsed: nodes.Template, tree: list[nodes.Node]) -> Iterator[Fault]:
    """Names that exist, but not where they are used: `loop` after the loop, a `set` inside a macro seen outside of it."""
    missing = find_undeclared_variables(parsed) - VARIABLES.keys()
    for node in tree:
        if isinstance(node, nodes.Name) and node.ctx == "load" and node.name in missing:
            missing.discard(node.name)
            yield node.lineno, node.name, f"{node.name!r} is used where nothing has set it", ""


def _attribute(node: nodes.Getattr | nodes.Getitem) -> str | None:
    """The name that `customer.name` or `customer['name']` asks for; None when only the sending will tell."""
    if isinstance(node, nodes.Getattr):
        return node.attr
    return str(node.arg.value) if isinstance(node.arg, nodes.Const) else None


def _name_fault(node: nodes.Name, *, owned: bool) -> Iterator[Fault]:
    if node.name not in VARIABLES:
        known = ", ".join(sorted(VARIABLES))
        problem = f"there is no {node.name!r} in a message; there are {known}"
        yield node.lineno, node.name, problem, nearest(node.name, VARIABLES)
    elif not owned:  # `{{ code }}` would print all that is known of the code, braces and all
        listed = ", ".join(f"{node.name}.{one}" for one in sorted(VARIABLES[node.name]))
        yield node.lineno, node.name, f"{node.name} alone says nothing; there are {listed}", ""


def _attribute_fault(line: int, owner: str, word: str) -> Iterator[Fault]:
    known = VARIABLES[owner]
    if word not in known:
        yield line, word, f"{owner} has no {word!r}; it has {', '.join(sorted(known))}", nearest(word, known)
