"""Templates, compiled once a run: MJML or HTML with its styles inlined, a text part, and the subject.

Jinja runs in its sandbox; a variable that isn't there is an error, never an empty space in a customer's mail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any

import css_inline
from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from mjml import mjml2html

from tillroll.campaign import Revision
from tillroll.campaign.language.models import Message
from tillroll.errors import Refused

MJML, HTML, TEXT = "message.mjml.j2", "message.html.j2", "message.txt.j2"


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """One e-mail's words."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """A campaign's e-mail, ready to be filled in many times."""

    subject: Template
    html: Template
    text: Template

    def render(self, facts: Mapping[str, Any]) -> Rendered:
        """Fill it in; `Refused` when a variable is missing or a filter fails, with Jinja's own words."""
        try:
            subject = " ".join(self.subject.render(facts).split())
            return Rendered(
                subject=subject, html=self.html.render(facts), text=self.text.render(facts).strip() + "\n"
            )
        except (TemplateError, ArithmeticError, TypeError, ValueError, AttributeError) as fault:
            raise Refused(f"The template can't be filled in: {fault}", hint="Run: tillroll check") from fault


def compile_message(
    revision: Revision, message: Message, filters: Mapping[str, Callable[..., Any]]
) -> Compiled:
    """Compile one of a revision's messages. `Refused` when the MJML or a template is faulty."""
    files = revision.template_files(message.template)
    try:
        html_source = to_html(files)
        marked, plain = _environment(True, filters), _environment(False, filters)
        return Compiled(
            subject=plain.from_string(message.subject),
            html=marked.from_string(html_source),
            text=plain.from_string(files[TEXT])
            if TEXT in files
            else plain.from_string(_as_text(html_source)),
        )
    except (TemplateError, ValueError) as fault:
        folder = f"templates/{message.template}"
        raise Refused(f"{folder} can't be compiled: {fault}", hint="Run: tillroll check") from fault


def to_html(files: Mapping[str, str]) -> str:
    """A template's HTML with its styles inlined and its Jinja marks in place. `Refused` when the MJML is faulty."""
    try:
        return _from_mjml(files[MJML]) if MJML in files else _inlined(files[HTML])
    except ValueError as fault:
        raise Refused(f"the template can't be compiled: {fault}", hint="Run: tillroll check") from fault


def _environment(
    autoescape: bool, filters: Mapping[str, Callable[..., Any]]
) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=autoescape)
    environment.filters.update(filters)
    return environment


def _from_mjml(source: str) -> str:
    return str(mjml2html(_REMARK.sub("", source)))  # one before or after <mjml> would be no MJML


_REMARK = re.compile(r"\{#.*?#\}", re.DOTALL)
_MARK = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


def _inlined(source: str) -> str:
    """Inline the styles of a plain HTML template once, with Jinja's marks put away so that nothing moves or is escaped."""
    marks: list[str] = []

    def put_away(match: re.Match[str]) -> str:
        marks.append(match[0])
        name = f"tillroll-mark-{len(marks) - 1}-"
        return f"<!--{name}-->" if match[0].startswith("{%") else name

    away = _MARK.sub(put_away, source)
    inlined = css_inline.inline(away)
    for index, mark in enumerate(marks):
        name = f"tillroll-mark-{index}-"
        inlined = inlined.replace(f"<!--{name}-->", mark).replace(name, mark)
    return inlined


_INVISIBLE = re.compile(r"<(style|head|script|title)\b.*?</\1>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_LINK = re.compile(r"<a\b[^>]*href=\"([^\"]+)\"[^>]*>(.*?)</a>", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"</(p|div|tr|h[1-6]|table|li)>|<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]+>")


def _as_text(html: str) -> str:
    """A readable text part from the HTML template; its Jinja marks stay in place."""
    text = _INVISIBLE.sub("", html)
    text = _LINK.sub(r"\2 (\1)", text)
    text = unescape(_TAG.sub("", _BREAK.sub("\n", text)))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
