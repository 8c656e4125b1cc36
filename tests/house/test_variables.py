"""Variables of the environment: each that a message or a document names is read, and each that is read is documented."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.source import ROOT, modules
from tillroll.settings import from_mapping

NAME = re.compile(r"\b(?:TILLROLL|MAIL|ECWID|CRM|NOTICE|SMTP|DATABASE|KLAVIYO|MAILCHIMP)_[A-Z_]+[A-Z]\b")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_OURS = {"SMTP_SSL"}  # a class of the standard library


class Recorder(dict[str, str]):
    """An environment that notes which names are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        self.asked.add(name)
        return default


def read_names() -> set[str]:
    recorder = Recorder()
    from_mapping(recorder)
    return recorder.asked


def texts() -> Iterator[tuple[str, str]]:
    """Yield the texts that people may see: the strings of each module, and each document."""
    for module in modules():
        for node in module.nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{module.place}:{node.lineno}", node.value
    for path in PAGES:
        yield str(path.relative_to(ROOT)), path.read_text("utf-8")


def test_each_variable_that_a_text_names_is_read() -> None:
    known = read_names() | NOT_OURS
    assert len(known) > 30
    unknown = {(place, name) for place, text in texts() for name in NAME.findall(text) if name not in known}
    assert not unknown


@pytest.mark.parametrize("name", sorted(read_names()))
def test_each_variable_that_is_read_is_documented(name: str) -> None:
    assert any(re.search(rf"\b{name}\b", page.read_text("utf-8")) for page in PAGES), name
