"""Folding what is the same in all e-mails of a run into their template: `{{ store.name }}` becomes text, once.

Only what stays exact is folded: a text that is shown as it is, or asked for by an `if`, where the template gives its name to
nothing else. All other expressions, also those that filter such a text, are worked out in each e-mail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import nodes
from markupsafe import escape

Known = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
"""By variable, the texts of its attributes: `(("store", (("name", "Tea & Co"), …)), …)`; by "", variables that are texts."""


def known_of(facts: Mapping[str, Any]) -> Known:
    """Return the texts among some variables."""
    owners = {"": facts} | {name: value for name, value in facts.items() if isinstance(value, dict)}
    return tuple((name, tuple(_texts(value))) for name, value in owners.items())


def _texts(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for word, value in values.items():
        if type(value) is str:
            yield word, value


def fold(tree: nodes.Template, known: Known, *, autoescape: bool) -> None:
    """Replace what is known in a template's tree."""
    if next(tree.find_all((nodes.EvalContextModifier, nodes.ScopedEvalContextModifier)), None) is not None:
        return  # it decides for itself what is escaped
    taken = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    taken |= {macro.name for macro in tree.find_all(nodes.Macro)}
    texts = {name: dict(texts) for name, texts in known if name not in taken}
    variables = {word: text for word, text in texts.pop("", {}).items() if word not in taken}
    _Folding(texts, variables, autoescape).fold(tree)


class _Folding:
    def __init__(
        self, texts: Mapping[str, Mapping[str, str]], variables: Mapping[str, str], autoescape: bool
    ) -> None:
        self._texts, self._variables, self._autoescape = texts, variables, autoescape

    def fold(self, node: nodes.Node) -> None:
        """Fold everything below a node."""
        for name, value in node.iter_fields():
            if isinstance(value, list) and name in ("body", "else_"):
                setattr(node, name, self._statements(value))
            elif isinstance(value, list):
                for child in value:
                    if isinstance(child, nodes.Stmt):
                        self.fold(child)

    def _statements(self, statements: list[nodes.Node]) -> list[nodes.Node]:
        folded: list[nodes.Node] = []
        for statement in statements:
            for kept in self._statement(statement):
                before = folded[-1] if folded else None
                if isinstance(kept, nodes.Output) and isinstance(before, nodes.Output):
                    before.nodes.extend(kept.nodes)
                else:
                    folded.append(kept)
        return folded

    def _statement(self, statement: nodes.Node) -> list[nodes.Node]:
        if isinstance(statement, nodes.If):
            text = self._text_of(statement.test)
            if text is not None:
                return self._statements(_taken_branch(statement, bool(text)))
        if isinstance(statement, nodes.Output):
            shown = [self._shown(child) for child in statement.nodes]
            return [nodes.Output(shown, lineno=statement.lineno)]
        self.fold(statement)
        return [statement]

    def _shown(self, child: nodes.Expr) -> nodes.Expr:
        text = self._text_of(child)
        if text is None:
            return child
        return nodes.TemplateData(str(escape(text)) if self._autoescape else text, lineno=child.lineno)

    def _text_of(self, node: nodes.Node) -> str | None:
        """Return the text of `store.name`, `store['name']` or `shop_link`; None if it isn't known."""
        if isinstance(node, nodes.Name):
            return self._variables.get(node.name)
        if not (isinstance(node, nodes.Getattr | nodes.Getitem) and isinstance(node.node, nodes.Name)):
            return None
        texts = self._texts.get(node.node.name, {})
        if isinstance(node, nodes.Getattr):
            return texts.get(node.attr) if not hasattr(dict, node.attr) else None  # a method comes first
        word = node.arg.value if isinstance(node.arg, nodes.Const) else None
        return texts.get(word) if isinstance(word, str) else None


def _taken_branch(statement: nodes.If, is_true: bool) -> list[nodes.Node]:
    """Return what is left of an `if` whose test is known."""
    if is_true:
        return statement.body
    if not statement.elif_:
        return statement.else_
    first, *others = statement.elif_
    return [nodes.If(first.test, first.body, others, statement.else_, lineno=first.lineno)]
