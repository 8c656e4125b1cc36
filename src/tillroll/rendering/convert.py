"""Converting templates' files to HTML and text in a process of its own (`layout.py`), which ends with its work.

What it answers depends on the file alone, so each file is converted once in the life of this process.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tillroll.campaign.folder.template_words import HTML, MJML, TEXT
from tillroll.campaign.language.translations import file_in
from tillroll.errors import Refused

_MOST_KEPT = 2_000
_MOST_SECONDS = 15.0  # for a process that waits instead of working; a busy machine has time enough
_MOST_SECONDS_EACH = 0.5  # more for each further template


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A template's HTML with inlined styles, and a text made from it if it needs one; Jinja's tags are unchanged in both."""

    html: str = ""
    text: str = ""
    fault: str = ""  # why it can't be converted; empty if it could


class MarkupFile(NamedTuple):
    """The file of a template that is converted."""

    file: str  # its name in the template's folder
    text: str
    needs_text: bool = False  # there is no file of the text part, so it is made of this one

    @property
    def kind(self) -> str:
        """What `layout.py` calls its form."""
        return "mjml" if self.file.endswith(".mjml.j2") else "html"


_kept: OrderedDict[MarkupFile, Layout] = OrderedDict()


def source_of(files: Mapping[str, str], language: str = "") -> MarkupFile:
    """Return what of a template's files in a language is converted. Raises `Refused` if it has neither MJML nor HTML."""
    for name in (file_in(MJML, language), file_in(HTML, language)):
        if name in files:
            return MarkupFile(name, files[name], needs_text=file_in(TEXT, language) not in files)
    raise Refused(f"The template has neither {MJML} nor {HTML}.", hint="Run: tillroll check")


def convert(source: MarkupFile) -> Layout:
    """Convert one template. Raises `Refused` when it can't be."""
    (layout,) = convert_all([source])
    if layout.fault:
        raise Refused(f"The template can't be compiled: {layout.fault}", hint="Run: tillroll check")
    return layout


def convert_all(sources: Iterable[MarkupFile]) -> list[Layout]:
    """Convert many templates in one process. Those that can't be converted have a `fault`."""
    wanted = list(sources)
    found = {source: _kept[source] for source in wanted if source in _kept}
    waiting = [source for source in dict.fromkeys(wanted) if source not in found]
    while waiting:
        layouts, fault, lasting = _run(waiting)
        for source, layout in zip(waiting, layouts, strict=False):
            found[source] = _keep(source, layout)
        waiting = waiting[len(layouts) :]
        if waiting:  # the first one without an answer has ended the process
            source, blamed = waiting.pop(0), Layout(fault=fault)
            found[source] = _keep(source, blamed) if lasting else blamed
    return [found[source] for source in wanted]


def _keep(source: MarkupFile, layout: Layout) -> Layout:
    _kept[source] = layout
    while len(_kept) > _MOST_KEPT:
        _kept.popitem(last=False)
    return layout


def _run(sources: list[MarkupFile]) -> tuple[list[Layout], str, bool]:
    """Run the process. Returns its answers, why there aren't more, and whether that would be so again."""
    program = [sys.executable, "-I", "-S", str(Path(__file__).with_name("layout.py")), _libraries()]
    try:
        process = subprocess.run(  # noqa: S603 - our own program; the templates are its input
            program,
            input=json.dumps([(source.kind, source.text, source.needs_text) for source in sources]).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_MOST_SECONDS + _MOST_SECONDS_EACH * len(sources),
            start_new_session=True,  # Ctrl-C in a terminal is for this process alone
            check=False,
        )
        output, code = process.stdout, process.returncode
    except subprocess.TimeoutExpired as late:
        return _answers(late.stdout), "it takes too long", False
    except OSError as fault:
        return [], f"the program that converts it can't be started: {fault.strerror}", False
    return _answers(output), _say_end(code), code in _LASTING


_LASTING = {-signal.SIGXCPU, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, 1}


def _say_end(code: int) -> str:
    if code == -signal.SIGXCPU:
        return "it takes too long"
    if code == -signal.SIGSEGV:
        return "it is nested too deeply"
    return "the program that converts it has failed; simplify it"


def _answers(output: bytes | None) -> list[Layout]:
    """Return the whole lines of an output."""
    lines = (output or b"").split(b"\n")[:-1]
    return [Layout(**json.loads(line)) for line in lines]


@cache
def _libraries() -> str:
    """Return the folder that the MJML and CSS libraries are installed in."""
    found = find_spec("mjml")
    if found is None or found.origin is None:
        raise Refused("The library mjml is not installed.", hint="Install Tillroll with its dependencies.")
    return str(Path(found.origin).parent.parent)
