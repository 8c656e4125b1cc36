"""E-mail templates before they are used: do they parse, and do they only ask for what a message has?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jinja2 import Environment, TemplateSyntaxError, nodes

from tillroll.campaign.findings import Finding, nearest

MJML, HTML, TEXT = "message.mjml.j2", "message.html.j2", "message.txt.j2"
PARTS = (MJML, HTML, TEXT)

VARIABLES: Mapping[str, frozenset[str]] = {
    "customer": frozenset({"first_name", "name", "email", "language", "country"}),
    "code": frozenset({"text", "valid_from", "valid_until", "value", "minimum_subtotal"}),
    "store": frozenset({"name", "url", "email"}),
    "campaign": frozenset({"title"}),
    "offer": frozenset({"kind", "value", "text"}),
}
"""What a template may use; `send/facts.py` fills in exactly these."""

OUR_FILTERS = frozenset({"money", "date"})

_environment = Environment(autoescape=True)
_FILTERS = frozenset(_environment.filters) | OUR_FILTERS
_environment.filters.update(dict.fromkeys(OUR_FILTERS, str))


def check_template(file: str, text: str, *, line: int = 1, column: int = 1, key: str = "") -> list[Finding]:
    """The faults of one template. `line` and `column` say where its first line stands, for a subject inside a YAML file."""
    lines = text.splitlines()

    def finding(at: int, problem: str, suggestion: str = "") -> Finding:
        shown = lines[at - 1].strip() if 0 < at <= len(lines) else ""
        where = column if key else 1
        return Finding(
            file=file,
            line=line + at - 1,
            column=where,
            key=key,
            problem=problem,
            suggestion=suggestion,
            source_line="" if key else shown,
        )

    try:
        tree = _environment.parse(text)
    except TemplateSyntaxError as fault:
        word = (
            nearest(fault.message.split("'")[1], _FILTERS)
            if fault.message and "No filter named" in fault.message
            else ""
        )
        return [finding(fault.lineno, f"in the template: {fault.message}", word)]
    return sorted({finding(at, problem, word) for at, problem, word in _unknown_names(tree)})


def _unknown_names(tree: nodes.Template) -> Iterator[tuple[int, str, str]]:
    """(line, problem, nearest word) of every name a message doesn't have."""
    made_here = {node.name for node in tree.find_all(nodes.Name) if node.ctx in {"store", "param"}} | {"loop"}
    for name in tree.find_all(nodes.Name):
        if name.ctx == "load" and name.name not in VARIABLES and name.name not in made_here:
            known = ", ".join(sorted(VARIABLES))
            yield (
                name.lineno,
                f"there is no {name.name!r} in a message; there are {known}",
                nearest(name.name, VARIABLES),
            )
    for attribute in tree.find_all(nodes.Getattr):
        owner = attribute.node
        if isinstance(owner, nodes.Name) and owner.name in VARIABLES and owner.name not in made_here:
            known_here = VARIABLES[owner.name]
            if attribute.attr not in known_here:
                listed = ", ".join(sorted(known_here))
                problem = f"{owner.name} has no {attribute.attr!r}; it has {listed}"
                yield attribute.lineno, problem, nearest(attribute.attr, known_here)
    for used in tree.find_all(nodes.Filter):
        if used.name not in _FILTERS:
            yield used.lineno, f"there is no filter {used.name!r}", nearest(used.name, _FILTERS)
