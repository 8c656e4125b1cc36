"""E-mails leave by four ways only: three in `send/`, and notices by the one place that adds the audit's head.

A proof goes to somebody of the shop, which one place makes sure of.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from tests.house.source import Module, modules, uses_of

MAKING = frozenset({"tillroll.rendering.mime.build"})
MAIL_SERVERS = frozenset({"smtplib", "email.message", "email.mime"})


def _places(of_module: Callable[[Module], list[str]]) -> set[str]:
    return {module.inside for module in modules() if of_module(module)}


def _deliveries(module: Module) -> Iterator[int]:
    """Yield the lines that give e-mails to a transport."""
    for node in module.nodes:
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "deliver"
        ):
            yield node.lineno


def test_e_mails_are_made_in_four_places() -> None:
    assert _places(lambda module: uses_of(MAKING, module)) == {
        "send/slices/compose.py",
        "send/beside/confirm.py",
        "rendering/proof/proof.py",
        "loop/notices/by_mail.py",
    }


def test_e_mails_are_handed_over_in_four_places() -> None:
    assert _places(lambda module: list(map(str, _deliveries(module)))) == {
        "send/hand_over.py",
        "send/beside/confirm.py",
        "send/proof.py",
        "loop/notices/by_mail.py",
    }


def test_nothing_else_speaks_to_a_mail_server() -> None:
    assert _places(lambda module: uses_of(MAIL_SERVERS, module)) == {
        "send/transports/smtp.py",
        "send/transports/bounded_smtp.py",
    }
