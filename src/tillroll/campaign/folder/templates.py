"""E-mail templates before they are used: do they parse, and do they only ask for what a message has?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables

from tillroll.campaign.text.findings import MOST_FINDINGS, Finding, nearest

MJML, HTML, TEXT = "message.mjml.j2", "message.html.j2", "message.txt.j2"
PARTS = (MJML, HTML, TEXT)
MOST_BYTES = 262_144
"""Gmail cuts an e-mail off at about 100 KiB; a template of more than twice that is a mistake."""
MOST_DEPTH = 60
"""Deeper trees end in a RecursionError of Jinja's compiler, at the moment of sending."""

VARIABLES: Mapping[str, Mapping[str, str]] = {
    "customer": {
        "first_name": "may be empty: `{{ customer.first_name or 'Hello' }}`",
        "name": "may be empty",
        "email": "",
        "language": "a code like `en`; may be empty",
        "country": "two letters; may be empty",
    },
    "code": {
        "text": "what they type",
        "valid_from": "`{{ code.valid_from | date }}`",
        "valid_until": "`{{ code.valid_until | date }}`",
        "value": "a percentage or an amount, the customer's own where they differ",
        "minimum_subtotal": "`{{ code.minimum_subtotal | money }}`; may be nothing",
    },
    "offer": {
        "discount": "in few words, for subjects: `10% off and free shipping`, `€10 off`",
        "text": "the whole sentence that the plan was approved with, limits and all",
        "kind": "as in the campaign file",
        "value": "like `code.value`",
    },
    "store": {"name": "", "url": "", "email": "may be empty"},
    "campaign": {"title": ""},
    "order": {"id": "", "total": "`{{ order.total | money }}`"},
    "cart": {"total": "`{{ cart.total | money }}`"},
    "product": {"name": "", "sku": "", "price": "`{{ product.price | money }}`"},
    "review": {"rating": "stars, from 1 to 5"},
    "event": {},
}
"""What a template may use, and what it is; `send/facts.py` fills in exactly these. What `event` holds nobody knows beforehand."""

OPEN = frozenset({"event"})

OUR_FILTERS = frozenset({"money", "date"})

_environment = Environment(autoescape=True)
_FILTERS = frozenset(_environment.filters) | OUR_FILTERS
_TESTS = frozenset(_environment.tests)
_OTHER_FILES = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_PLAIN = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const),
    *(nodes.Getattr, nodes.Getitem),
    *(nodes.Filter, nodes.Test, nodes.If, nodes.CondExpr, nodes.And, nodes.Or, nodes.Not, nodes.Compare),
    *(nodes.Operand, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.Concat),
)
_TAG = re.compile(
    r"(?<!\{)\{\{-?(?P<value>[^{}%#]*?)-?\}\}"
    r"|(?<!\{)\{%-?[ \t]*(?:(?P<word>if|elif)(?P<condition>[ \t][^{}%#]*?)|(?P<end>else|endif)[ \t]*)-?%\}"
)
_BEGINS = re.compile(r"\{[{%#]")  # of a tag that is none of those
_OFFSET = re.compile(
    r" at [0-9]+$"
)  # in signs from the beginning: the line is told, which is where one looks
_FEW = 10  # ifs in each other; more is for the parser to judge

_IN_MACROS = frozenset({"loop", "caller", "varargs", "kwargs"})
_environment.filters.update(dict.fromkeys(OUR_FILTERS, str))


Fault = tuple[int, str, str, str]
"""Line, the word to point at, the problem, the nearest valid word."""


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What a template's text holds."""

    names: frozenset[str] = frozenset()  # the variables it asks for; none where there are faults
    faults: tuple[Fault, ...] = ()
    out_of_place: tuple[Fault, ...] = ()  # told if nothing else is
    broken: bool = False  # it doesn't even parse


def names_used(text: str) -> frozenset[str]:
    """The variables a template asks for; none of one that has faults, which are told already."""
    return _seen(text).names


@lru_cache(maxsize=4096)
def _seen(text: str) -> _Seen:
    """One look at a template; where it can be, tag by tag, since templates mostly say the same few things."""
    return _by_tags(text) or _parsed(text)


def _by_tags(text: str) -> _Seen | None:
    """What a template of values and ifs holds, put together from its tags; None where only the whole can tell."""
    names: set[str] = set()
    faults: list[Fault] = []
    out_of_place: list[Fault] = []
    open_ifs: list[str] = []
    line, read_to = 1, 0
    for tag in _TAG.finditer(text):
        line += text.count("\n", read_to, tag.start())
        read_to = tag.start()
        word = tag["word"] or tag["end"]
        if word is not None and not _goes_on(open_ifs, word):
            return None
        inside = tag["value"] if tag["value"] is not None else tag["condition"]
        if inside is None:
            continue
        one = _parsed(f"{{{{{inside}}}}}" if tag["value"] is not None else f"{{% if {inside}%}}{{% endif %}}")
        if one.broken:
            return None
        names |= one.names
        faults += _moved(one.faults, line - 1)
        out_of_place += _moved(one.out_of_place, line - 1)
    if open_ifs or _BEGINS.search(_TAG.sub(" ", text)):
        return None
    known = frozenset[str]() if faults else frozenset(names)
    return _Seen(names=known, faults=tuple(faults), out_of_place=tuple(out_of_place))


def _moved(faults: Iterable[Fault], lines: int) -> Iterator[Fault]:
    for at, word, problem, suggestion in faults:
        yield at + lines, word, problem, suggestion


def _goes_on(open_ifs: list[str], word: str) -> bool:
    """Take one more tag of an `if` in; whether it can stand there."""
    if word == "if":
        open_ifs.append(word)
        return len(open_ifs) <= _FEW
    if not open_ifs or (word != "endif" and open_ifs[-1] == "else"):
        return False
    if word == "endif":
        open_ifs.pop()
    else:
        open_ifs[-1] = word
    return True


@lru_cache(maxsize=4096)
def _parsed(text: str) -> _Seen:
    """What a template holds, by Jinja's own parser."""
    try:
        parsed = _environment.parse(text)
        tree = list(_nodes(parsed))
        faults = tuple(islice(_faults(tree), MOST_FINDINGS))
        names = frozenset[str]() if faults else _names(parsed, tree)
    except TemplateSyntaxError as fault:
        problem = f"in the template: {_OFFSET.sub('', fault.message or '')}"
        return _Seen(faults=((fault.lineno, "", problem, ""),), broken=True)
    except RecursionError:
        return _Seen(faults=((1, "", "the template is nested too deeply", ""),), broken=True)
    except ValueError:  # a number of thousands of digits
        return _Seen(faults=((1, "", "the template holds a number that can't be read", ""),), broken=True)
    return _Seen(names=names, faults=faults, out_of_place=tuple(_out_of_place(names, tree)))


def _names(parsed: nodes.Template, tree: list[nodes.Node]) -> frozenset[str]:
    """The variables that somebody else must set. Most templates only show values and ask `if`: those say it plainly, the
    others take Jinja's compiler to tell (and it may find more to refuse)."""
    if all(isinstance(node, _PLAIN) for node in tree):
        names = [node for node in tree if isinstance(node, nodes.Name)]
        if all(node.ctx == "load" for node in names):
            return frozenset(node.name for node in names)
    return frozenset(find_undeclared_variables(parsed))


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
    seen = _seen(text)
    return sorted({finding(*fault) for fault in seen.faults or seen.out_of_place})


def _nodes(tree: nodes.Template) -> Iterator[nodes.Node]:
    """Every part of a template. Not by recursion, so that depth can be refused before it hurts."""
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


def _out_of_place(names: frozenset[str], tree: list[nodes.Node]) -> Iterator[Fault]:
    """Names that exist, but not where they are used: `loop` after the loop, a `set` inside a macro seen outside of it."""
    missing = set(names - VARIABLES.keys())
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
