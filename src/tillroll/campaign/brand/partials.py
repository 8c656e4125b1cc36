"""Partials: what several e-mails share, like a footer, written once in `templates/_partials/`. Pure.

A template includes one with `{% include "_partials/footer.mjml.j2" %}`, or, as MJML has it,
`<mj-include path="../_partials/footer.mjml.j2" />`. The text is put in before anything else looks at the template, so a partial
is part of the e-mail: of its checks, of its revision and of what is approved. Nothing else can be included, and a partial
includes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from tillroll.campaign.text.findings import Finding, nearest

FOLDER = "templates/_partials"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\.(mjml|html|txt)\.j2")
_PATH = re.compile(rf"(?:\.{{1,2}}/)?_partials/(?P<name>{_NAME.pattern})")
_INCLUDE = re.compile(
    r"""\{%[-+]?[ \t]*include[ \t]+(?P<quote>["'])(?P<path>[^"'\n]*)(?P=quote)[ \t]*[-+]?%\}"""
    r"""|<mj-include\s+path=(?P<mj_quote>["'])(?P<mj_path>[^"'\n]*)(?P=mj_quote)\s*(?:/>|>\s*</mj-include>)"""
)
_BETWEEN_TAGS = re.compile(r">\s*\n\s*<")  # MJML knows no blank there
_BREAK = re.compile(r"\s*\n\s*")


@dataclass(frozen=True, kw_only=True)
class Inclusion:
    """One place where a template includes another file."""

    line: int
    written: str  # the tag
    path: str  # the file that it names, as it is written

    @property
    def partial(self) -> str:
        """The partial's file name; empty if the path isn't that of a partial."""
        match = _PATH.fullmatch(self.path)
        return match["name"] if match else ""


def is_partial(name: str) -> bool:
    """Whether a file of the folder is named as a partial."""
    return _NAME.fullmatch(name) is not None


@lru_cache(maxsize=4_000)
def inclusions_in(text: str) -> tuple[Inclusion, ...]:
    """Return what a template includes."""
    return tuple(
        Inclusion(
            line=text.count("\n", 0, match.start()) + 1,
            written=match[0],
            path=match["path"] if match["path"] is not None else match["mj_path"],
        )
        for match in (_INCLUDE.finditer(text) if "include" in text else ())
    )


def without_inclusions(text: str) -> str:
    """Return a template without the tags that include something."""
    return _INCLUDE.sub("", text) if "include" in text else text


def put_together(file: str, text: str, partials: Mapping[str, str]) -> str:
    """Return a template with its partials (file name → text) in their places; those that aren't there stay as they are.

    In MJML and HTML, where a line break means no more than a blank, a partial is put on one line, so that a fault is reported at
    the line of the file that includes it.
    """
    if "include" not in text:
        return text
    return _put_together(text, tuple(partials.items()), on_one_line=not file.endswith(".txt.j2"))


@lru_cache(maxsize=4_000)
def _put_together(text: str, names_and_texts: tuple[tuple[str, str], ...], *, on_one_line: bool) -> str:
    partials = dict(names_and_texts)

    def partial(match: re.Match[str]) -> str:
        found = _PATH.fullmatch(match["path"] if match["path"] is not None else match["mj_path"])
        if found is None or found["name"] not in partials:
            return match[0]
        own = partials[found["name"]].rstrip("\n")
        return _on_one_line(own) if on_one_line else own

    return _INCLUDE.sub(partial, text)


@lru_cache(maxsize=200)
def _on_one_line(partial: str) -> str:
    return _BREAK.sub(" ", _BETWEEN_TAGS.sub("><", partial))


def partials_of(files: Mapping[str, str]) -> Mapping[str, str]:
    """Return the partials among files (path → text), by their file names."""
    start = f"{FOLDER}/"
    return {path.removeprefix(start): text for path, text in files.items() if path.startswith(start)}


def inclusion_faults(file: str, text: str, partials: Mapping[str, str]) -> list[Finding]:
    """Return the inclusions of a template that name no partial of its own form; in a partial, every one."""
    form, findings = file.rpartition("/")[2].split(".")[-2], []
    same_form = sorted(name for name in partials if name.endswith(f".{form}.j2"))
    for each in inclusions_in(text):
        if file.startswith(f"{FOLDER}/"):
            problem, meant = "a partial can't include another file; write it out", ""
        elif not each.partial:
            problem, meant = f"only what is in {FOLDER}/ can be included, like _partials/footer.{form}.j2", ""
        elif each.partial not in same_form:
            problem = f"there is no {FOLDER}/{each.partial}"
            if each.partial in partials:
                problem = (
                    f"{each.partial} is of another form; a .{form}.j2 file includes a .{form}.j2 partial"
                )
            meant = nearest(each.partial, same_form)
        else:
            continue
        findings.append(
            Finding(
                file=file,
                line=each.line,
                column=1,
                key="",
                problem=problem,
                suggestion=meant,
                source_line=each.written[:200],
            )
        )
    return findings
