"""Folding what is the same in all e-mails of a run into their template: `{{ store.name }}` becomes text, once.

Only what stays exact is folded: what is shown, asked for by an `if`, or gone through by a loop, made of nothing but known values,
constants and Jinja's own pure filters, where the template gives those names to nothing else. It is worked out by the same
environment, within the budget of one e-mail. What can't be worked out stays, so that its fault is found in each e-mail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment, Template, TemplateError, nodes
from markupsafe import escape

from tillroll.rendering.jinja.budget import metered


@dataclass(frozen=True)
class Known:
    """Variables that are known. Two are the same if they look the same."""

    key: str
    values: Mapping[str, Any] = field(compare=False)
    partly: Mapping[str, Any] = field(compare=False)  # variables some of whose attributes are known

    @classmethod
    def of(cls, values: Mapping[str, Any], partly: Mapping[str, Any]) -> Known:
        return cls(repr((values, partly)), values, partly)


NOTHING = Known.of({}, {})

_PURE = (
    nodes.And,
    nodes.Compare,
    nodes.Concat,
    nodes.CondExpr,
    nodes.Const,
    nodes.For,
    nodes.Getattr,
    nodes.Getitem,
    nodes.If,
    nodes.List,
    nodes.Name,
    nodes.Not,
    nodes.Operand,
    nodes.Or,
    nodes.Output,
    nodes.TemplateData,
    nodes.Tuple,
)
_PURE_FILTERS = frozenset(
    {"capitalize", "default", "first", "join", "last", "length", "lower", "title", "trim", "upper"}
)


def fold(tree: nodes.Template, known: Known, environment: Environment) -> None:
    """Replace what is known in a template's tree."""
    if next(tree.find_all((nodes.EvalContextModifier, nodes.ScopedEvalContextModifier)), None) is not None:
        return  # it decides for itself what is escaped
    taken = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    taken |= {macro.name for macro in tree.find_all(nodes.Macro)}
    with metered():
        _Folding(known, taken, environment).fold(tree)


class _Folding:
    def __init__(self, known: Known, taken: set[str], environment: Environment) -> None:
        self._values = {name: value for name, value in known.values.items() if name not in taken}
        self._partly = {name: value for name, value in known.partly.items() if name not in taken}
        self._environment = environment

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
            asked = nodes.If(statement.test, [nodes.Output([nodes.TemplateData("1")])], [], [])
            answer = self._worked_out(asked)
            if answer is not None:
                return self._statements(_taken_branch(statement, bool(answer)))
        if isinstance(statement, nodes.For):
            text = self._worked_out(statement)
            if text is not None:
                return [nodes.Output([nodes.TemplateData(text)], lineno=statement.lineno)]
        if isinstance(statement, nodes.Output):
            shown = [self._shown(child) for child in statement.nodes]
            return [nodes.Output(shown, lineno=statement.lineno)]
        self.fold(statement)
        return [statement]

    def _shown(self, child: nodes.Expr) -> nodes.Expr:
        if isinstance(child, nodes.TemplateData):
            return child
        text = self._text_of(child)
        if text is not None:
            text = str(escape(text)) if self._environment.autoescape is True else text
        else:
            text = self._worked_out(nodes.Output([child]))
        return nodes.TemplateData(text, lineno=child.lineno) if text is not None else child

    def _text_of(self, node: nodes.Expr) -> str | None:
        """Return the text that `store.name` or `store['name']` is; None if it isn't known, or must be worked out."""
        if not (isinstance(node, nodes.Getattr | nodes.Getitem) and isinstance(node.node, nodes.Name)):
            return None
        owner = self._values.get(node.node.name, self._partly.get(node.node.name))
        word = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        if not isinstance(owner, dict) or not isinstance(word, str) or hasattr(dict, word):
            return None
        value = owner.get(word)
        return value if type(value) is str else None

    def _worked_out(self, statement: nodes.Stmt) -> str | None:
        """Return what a statement shows, if it is made of known values alone; None if it isn't, or fails."""
        if not self._is_pure(statement):
            return None
        tree = nodes.Template([statement], lineno=1)
        tree.set_environment(self._environment)
        try:
            code = self._environment.compile(tree)
            template = Template.from_code(self._environment, code, {})
            return "".join(template.root_render_func(template.new_context(self._values)))
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError):
            return None

    def _is_pure(self, statement: nodes.Stmt) -> bool:
        inside = [statement, *statement.find_all(nodes.Node)]
        local = {node.name for node in inside if isinstance(node, nodes.Name) and node.ctx == "store"}
        local |= {"loop"} if isinstance(statement, nodes.For) else set()
        for node in inside:
            if isinstance(node, nodes.Filter):
                if node.name not in _PURE_FILTERS:
                    return False
            elif isinstance(node, nodes.Name):
                if node.name not in self._values and node.name not in local:
                    return False
            elif not isinstance(node, _PURE):
                return False
        return True


def _taken_branch(statement: nodes.If, is_true: bool) -> list[nodes.Node]:
    """Return what is left of an `if` whose test is known."""
    if is_true:
        return statement.body
    if not statement.elif_:
        return statement.else_
    first, *others = statement.elif_
    return [nodes.If(first.test, first.body, others, statement.else_, lineno=first.lineno)]
