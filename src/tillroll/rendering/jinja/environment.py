"""Jinja's sandbox with a budget: the code it makes of a template pays for each operation, loop turn, call and text.

Nothing is worked out while a template is compiled: a constant expression can be as costly as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import pass_context

from tillroll.campaign.folder.templates import bounded_tree
from tillroll.rendering.jinja import budget, operators
from tillroll.rendering.jinja.calls import FUNCTIONS, BoundedFormat, call
from tillroll.rendering.jinja.filters import TESTS_OF_TEMPLATES, bounded_filters

MOST_SOURCE = 1_000_000
"""Characters of a template, after its MJML was converted."""

_NODES = """
    Template Output TemplateData Name NSRef Const Tuple List Dict Pair Keyword CondExpr Filter Test Call
    Getitem Getattr Slice Concat Compare Operand Mul Div FloorDiv Add Sub Mod Pow And Or Not Neg Pos For
    If Macro CallBlock FilterBlock With Block Assign AssignBlock Scope EvalContextModifier
    ScopedEvalContextModifier
"""
_ALLOWED = frozenset(_NODES.split())


class _PayingCode(CodeGenerator):
    """Writes a template's code, with calls that pay where Jinja's own would use Python's operators."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._loops: set[int] = set()  # ids of the expressions that loops go through

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        """Write a node; what a loop goes through is counted."""
        if id(node) not in self._loops:
            return super().visit(node, *args, **kwargs)
        self.write("environment.iterated(")
        super().visit(node, *args, **kwargs)
        self.write(")")
        return None

    def visit_For(self, node: nodes.For, frame: Frame) -> None:
        """Write a loop."""
        self._loops.add(id(node.iter))
        super().visit_For(node, frame)

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:
        """Write text and values; the text is paid for here, a value when it is shown."""
        size = sum(len(child.data) for child in node.nodes if isinstance(child, nodes.TemplateData))
        if size:
            self.writeline(f"environment.pay_text({size})")
        super().visit_Output(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        """Write `a ~ b`."""
        self._write_call("join_texts(context.eval_ctx, (", node.nodes, frame)
        self.write("))")

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:
        """Write `a < b`."""
        self.write("environment.compare(")
        self.visit(node.expr, frame)
        for operand in node.ops:
            self.write(f", ({operand.op!r}, ")
            self.visit(operand.expr, frame)
            self.write(")")
        self.write(")")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:
        """Write `a[b]` or `a[b:c]`."""
        if not isinstance(node.arg, nodes.Slice):
            super().visit_Getitem(node, frame)
            return
        part = node.arg
        none = nodes.Const(None)
        self._write_call("cut(", [node.node, part.start or none, part.stop or none, part.step or none], frame)
        self.write(")")

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:
        """Write `(a, b)`; the targets of an assignment look the same."""
        if node.ctx != "load":
            super().visit_Tuple(node, frame)
            return
        self._write_kept(super().visit_Tuple, node, frame)

    def visit_List(self, node: nodes.List, frame: Frame) -> None:
        """Write `[a, b]`."""
        self._write_kept(super().visit_List, node, frame)

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:
        """Write `{'a': b}`."""
        self._write_kept(super().visit_Dict, node, frame)

    def _write_kept(self, write: Callable[[Any, Frame], None], node: nodes.Expr, frame: Frame) -> None:
        self.write("environment.kept(")
        write(node, frame)
        self.write(")")

    def _write_call(self, start: str, arguments: list[nodes.Expr], frame: Frame) -> None:
        self.write(f"environment.{start}")
        for argument in arguments:
            self.visit(argument, frame)
            self.write(", ")


@pass_context  # so that Jinja doesn't work values out at compile time
def _shown(context: Context, value: Any) -> Any:
    """Return a value that is about to be shown. Raises `TemplateLimit` for what has no text."""
    budget.weigh(value)
    return value


class BudgetedEnvironment(ImmutableSandboxedEnvironment):
    """The environment of all e-mails' templates. Use it within `metered()`."""

    code_generator_class = _PayingCode
    intercepted_binops = frozenset(operators.BINARY)
    intercepted_unops = frozenset(operators.UNARY)

    pay_text = staticmethod(budget.pay_text)
    iterated = staticmethod(budget.iterated)
    kept = staticmethod(budget.kept)
    join_texts = staticmethod(operators.join_texts)
    compare = staticmethod(operators.compare)
    cut = staticmethod(operators.cut)

    def __init__(self, *, autoescape: bool, filters: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(
            undefined=StrictUndefined, autoescape=autoescape, finalize=_shown, optimized=False, cache_size=0
        )
        self.filters = bounded_filters(filters)
        self.tests = dict(TESTS_OF_TEMPLATES)
        self.globals = dict(FUNCTIONS)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Return `left operator right`."""
        return operators.calculate(operator, left, right)

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        """Return `operator arg`."""
        return operators.sign_of(operator, arg)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call what a template calls."""
        return call(__obj, partial(super().call, __context), args, kwargs)

    def wrap_str_format(self, value: Any) -> BoundedFormat | None:
        """Return the bounded form of a text's `format` or `format_map`; None for anything else."""
        name, text = getattr(value, "__name__", ""), getattr(value, "__self__", None)
        if name not in ("format", "format_map") or not isinstance(text, str):
            return None
        return BoundedFormat(self, text, takes_map=name == "format_map")


def parse_bounded(environment: BudgetedEnvironment, source: str) -> nodes.Template:
    """Return a template's tree. Raises `TemplateSyntaxError` for one that is too large or uses what an e-mail can't."""
    if len(source) > MOST_SOURCE:
        raise TemplateSyntaxError(f"it is longer than {MOST_SOURCE} characters", 1)
    tree = environment.parse(source)
    for node in bounded_tree(tree):
        if type(node).__name__ not in _ALLOWED:
            raise TemplateSyntaxError(f"an e-mail can't use {type(node).__name__.lower()}", node.lineno)
        if (
            isinstance(node, nodes.Const)
            and isinstance(node.value, int)
            and node.value.bit_length() > budget.MOST_BITS
        ):
            raise TemplateSyntaxError("it holds a number of too many digits", node.lineno)
    return tree
