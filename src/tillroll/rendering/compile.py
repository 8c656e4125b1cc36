"""Compiling an e-mail's templates, once a slice, and filling them in for a recipient: subject, HTML part and text part.

Jinja runs in its sandbox, on a budget (`jinja/budget.py`). An undefined variable is an error, so that no e-mail has a gap.
Whatever goes wrong is `Refused`, with the file and the line: it is the fault of this template, or of this e-mail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError

from tillroll.campaign import Revision
from tillroll.campaign.folder.template_words import OUR_FILTERS, TEXT
from tillroll.campaign.language.models import MessageSettings
from tillroll.campaign.language.translations import file_in
from tillroll.campaign.text.clean import clean_line
from tillroll.errors import Refused
from tillroll.rendering.convert import convert, source_of
from tillroll.rendering.encoding.body import FixedTexts, Pieces
from tillroll.rendering.jinja.budget import metered
from tillroll.rendering.jinja.calls import FUNCTIONS
from tillroll.rendering.jinja.environment import BudgetedEnvironment, parse_bounded
from tillroll.rendering.jinja.fold import NOTHING, Known, fold
from tillroll.rendering.pictures.inline import Picture, pictures_in, with_pictures

_MOST_OUTPUT = 1_000_000
"""Characters of a part: ten times what mail programs show."""

_HINT = "Run: tillroll check"
_TAG_START = re.compile(r"(\{\{[-+]?)(?=.{1,300}?\}\})|(\{%[-+]?)(?=.{1,300}?%\})")
_RAW = re.compile(r"\{%[-+]?\s*raw\b")
_LONGEST_REASON = 200


class TemplateRefused(Refused):
    """A template can't be compiled or rendered."""

    def __init__(self, place: str, what: str, problem: str, *, line: int | None = None) -> None:
        where = f"{place}, line {line}," if line else place
        super().__init__(f"{where} can't be {what}: {problem}", hint=_HINT)
        self.place = place  # its file, or the subject
        self.line = line  # in the file, if it is known
        self.problem = problem


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """The subject and bodies of one e-mail."""

    subject: str
    html: str
    text: str
    pictures: tuple[Picture, ...] = ()  # that the HTML refers to

    @property
    def whole_html(self) -> str:
        """The HTML with its pictures in it, as a page shows it."""
        return with_pictures(self.html, self.pictures)


@dataclass(frozen=True, kw_only=True)
class Filled:
    """The same, with bodies in the pieces that their templates yield."""

    subject: str
    html: Pieces
    text: Pieces
    pictures: tuple[Picture, ...] = ()

    @classmethod
    def of(cls, rendered: Rendered) -> Filled:
        """Return the same, whole bodies being one piece."""
        return cls(
            subject=rendered.subject,
            html=Pieces((rendered.html,)),
            text=Pieces((rendered.text,)),
            pictures=rendered.pictures,
        )


@dataclass(frozen=True, kw_only=True)
class TemplatePart:
    """The compiled template of a subject or a body, and what it was made from."""

    environment: BudgetedEnvironment
    template: Template
    place: str  # its file, or the key of the subject
    written: str  # as it is in the file
    compiled: str  # as it was compiled: from MJML or with inlined styles, its lines differ
    fixed: FixedTexts  # what it yields in every e-mail

    def fill_in(self, facts: Mapping[str, Any]) -> list[str]:
        """Return the text for one recipient, in pieces. Raises `Refused`."""
        try:
            context = self.template.new_context({**FUNCTIONS, **facts}, shared=True)
            pieces = list(self.template.root_render_func(context))
        except Exception as fault:  # a template can raise anything
            raise self.refusal("rendered", fault) from fault
        if sum(map(len, pieces)) > _MOST_OUTPUT:
            raise TemplateRefused(self.place, "rendered", f"it makes more than {_MOST_OUTPUT} characters")
        return pieces

    def folded(self, known: Known) -> TemplatePart:
        """Return the same template with texts that are known folded into it."""
        return _part(
            self.environment, place=self.place, written=self.written, compiled=self.compiled, known=known
        )

    def refusal(self, what: str, fault: Exception) -> TemplateRefused:
        """Return the error that names the place of a fault."""
        return refusal_at(self.place, what, fault, line=self._line_of(fault))

    def _line_of(self, fault: Exception) -> int | None:
        """Return the line in the file that raised a fault; None if it isn't known."""
        line, traceback = None, fault.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_globals.get("__jinja_template__") is self.template:
                line = self.template.get_corresponding_lineno(traceback.tb_lineno)
            traceback = traceback.tb_next
        if line is None or self.compiled == self.written:
            return line
        wanted = self.compiled.splitlines()[line - 1].partition("}")[0].strip()
        lines = (at for at, text in enumerate(self.written.splitlines(), start=1) if wanted in text)
        return next(lines, None) if wanted else None


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """A compiled template, to be rendered for many recipients."""

    subject: TemplatePart
    html: TemplatePart
    text: TemplatePart

    def render(self, facts: Mapping[str, Any]) -> Rendered:
        """Render it. Raises `Refused`, with file and line, whatever goes wrong in the template."""
        filled = self.fill_in(facts)
        return Rendered(
            subject=filled.subject,
            html=str(filled.html),
            text=str(filled.text),
            pictures=filled.pictures,
        )

    def fill_in(self, facts: Mapping[str, Any]) -> Filled:
        """Do the same, and leave the bodies in pieces."""
        with metered():
            html = self.html.fill_in(facts)
            return Filled(
                subject=clean_line("".join(self.subject.fill_in(facts))),
                html=Pieces(html, self.html.fixed),
                text=Pieces(_stripped(self.text.fill_in(facts)), self.text.fixed),
                pictures=self._pictures(html, facts),
            )

    def _pictures(self, html: list[str], facts: Mapping[str, Any]) -> tuple[Picture, ...]:
        try:
            return pictures_in("".join(html), facts)
        except ValueError as fault:
            raise self.html.refusal("rendered", fault) from fault

    def folded(self, known: Known) -> Compiled:
        """Return the same e-mail with texts that are known folded into it: it says the same, sooner."""
        return Compiled(
            subject=self.subject.folded(known), html=self.html.folded(known), text=self.text.folded(known)
        )


def _stripped(pieces: list[str]) -> list[str]:
    """Return a text without blank lines and spaces at its ends, and with a line break at its end."""
    first, last = 0, len(pieces)
    while first < last and (not pieces[first] or pieces[first].isspace()):
        first += 1
    while last > first and (not pieces[last - 1] or pieces[last - 1].isspace()):
        last -= 1
    kept = pieces[first:last] or [""]
    kept[0] = kept[0].lstrip()
    kept[-1] = kept[-1].rstrip() + "\n"
    return kept


def refusal_at(place: str, what: str, fault: Exception, *, line: int | None = None) -> TemplateRefused:
    """Return the error for a template that can't be compiled or rendered."""
    if isinstance(fault, TemplateSyntaxError):
        line = line or fault.lineno
    message = fault.message or "" if isinstance(fault, TemplateError) else str(fault)
    if isinstance(fault, RecursionError):
        message = "it is nested too deeply"
    reason = clean_line(message, longest=_LONGEST_REASON)
    is_plain = bool(reason) and isinstance(fault, TemplateError | RecursionError)
    why = reason if is_plain else ": ".join(filter(None, (type(fault).__name__, reason)))
    return TemplateRefused(place, what, why, line=line)


def compile_message(
    revision: Revision,
    message: MessageSettings,
    filters: Mapping[str, Callable[..., Any]],
    language: str = "",
) -> Compiled:
    """Compile one of a revision's messages, or its translation to a language.

    Raises `Refused` when the MJML or a template is faulty.
    """
    files = revision.template_files(message.template, language)
    subject = compile_subject(message, filters, language)
    return compile_files(files, message.template, subject, filters, language)


def compile_files(
    files: Mapping[str, str],
    template: str,
    subject: TemplatePart,
    filters: Mapping[str, Callable[..., Any]],
    language: str,
) -> Compiled:
    """Compile the files of a template in one language. Raises `Refused`."""
    folder = f"templates/{template}"
    source = source_of(files, language)
    layout, body = convert(source), source.file
    text_file = body if source.needs_text else file_in(TEXT, language)
    html = _a_line_for_each_tag(layout.html)
    text = _a_line_for_each_tag(layout.text) if source.needs_text else files[text_file]
    return Compiled(
        subject=subject,
        html=_part(
            BudgetedEnvironment(autoescape=True, filters=filters),
            place=f"{folder}/{body}",
            written=files[body],
            compiled=html,
        ),
        text=_part(
            BudgetedEnvironment(autoescape=False, filters=filters),
            place=f"{folder}/{text_file}",
            written=files[text_file],
            compiled=text,
        ),
    )


def compile_subject(
    message: MessageSettings, filters: Mapping[str, Callable[..., Any]], language: str = ""
) -> TemplatePart:
    """Compile a message's subject in a language. Raises `Refused` when it is faulty."""
    return subject_part(message.subject_in(language), filters)


def subject_part(subject: str, filters: Mapping[str, Callable[..., Any]]) -> TemplatePart:
    """Compile a subject. Raises `Refused` when it is faulty."""
    return _part(
        BudgetedEnvironment(autoescape=False, filters=filters),
        place=f"The subject {subject!r}"[:100],
        written=subject,
        compiled=subject,
    )


def _a_line_for_each_tag(text: str) -> str:
    """Return a converted template with a line break after the start of each tag, which isn't shown: so faults have a line."""
    return text if _RAW.search(text) else _TAG_START.sub(lambda start: f"{start[0]}\n", text)


def _part(
    environment: BudgetedEnvironment, *, place: str, written: str, compiled: str, known: Known = NOTHING
) -> TemplatePart:
    try:
        code = _code(compiled, environment.autoescape is True, known)
        template = Template.from_code(environment, code, environment.globals)
    except Exception as fault:  # Jinja's parser and Python's compiler raise more than they say
        raise refusal_at(place, "compiled", fault) from fault
    return TemplatePart(
        environment=environment,
        template=template,
        place=place,
        written=written,
        compiled=compiled,
        fixed=FixedTexts(_texts_of(code)),
    )


def _texts_of(code: CodeType) -> Iterator[str]:
    """Yield the texts in a template's code."""
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _texts_of(constant)


@lru_cache(maxsize=128)
def _code(source: str, autoescape: bool, known: Known) -> CodeType:
    """Return a template's code; it is the same for all stores, unless texts of one are folded into it."""
    environment = BudgetedEnvironment(autoescape=autoescape, filters=dict.fromkeys(OUR_FILTERS, str))
    tree = parse_bounded(environment, source)
    if known != NOTHING:
        fold(tree, known, environment)
    return environment.compile(tree)
