"""Campaigns to begin with: a library of common ones, each written out with its e-mails and the rules it uses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from importlib.resources import files
from typing import Any

import yaml

from tillroll.campaign.text.findings import nearest
from tillroll.campaign.text.words import NAME_PATTERN
from tillroll.errors import NotFound, Refused

_LIBRARY = files("tillroll.campaign.folder") / "library"
_SCHEMA = "# yaml-language-server: $schema=../schema/campaign.json\n"


def kinds() -> Mapping[str, str]:
    """What there is: the name of each draft, and what it is for."""
    found = {}
    for path in sorted((_LIBRARY / "campaigns").iterdir(), key=lambda one: one.name):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        found[path.name.removesuffix(".yaml")] = first.removeprefix("# ")
    return found


def draft(kind: str, *, name: str, today: date) -> dict[str, str]:
    """The files of a new campaign: relative path → text. `NotFound` when there is no such draft, `Refused` for a name that no
    file may have."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise Refused(
            f"A campaign can't be called {name!r}.",
            hint="Its name has lower-case letters, digits and hyphens, like black-friday.",
        )
    known = kinds()
    if kind not in known:
        word = nearest(kind, known)
        hint = f"Did you mean {word}?" if word else f"There are {', '.join(known)}."
        raise NotFound(f"There is no template campaign {kind!r}.", hint=hint)
    text = _SCHEMA + _read("campaigns", f"{kind}.yaml")
    tomorrow = today + timedelta(days=1)
    for mark, value in (
        ("@NAME@", name),
        ("@TOMORROW@", tomorrow.isoformat()),
        ("@SHARED@", f"FLASH{tomorrow:%d%m}"),
    ):
        text = text.replace(mark, value)
    found = {f"campaigns/{name}.yaml": text}
    said = yaml.safe_load(text)
    for segment in _segments(said):
        found[f"rules/segments/{segment}.yaml"] = _read("segments", f"{segment}.yaml")
    if "shared" not in said.get("codes", {}):
        found["rules/codes/short.yaml"] = _read("codes", "short.yaml")
    for email, words in yaml.safe_load(_read("emails.yaml")).items():
        if email == kind or email.startswith(f"{kind}-"):
            folder = f"templates/{name}{email.removeprefix(kind)}"
            with_code = _has_code(said, email, kind)
            found[f"{folder}/message.mjml.j2"] = _email("mjml", words, with_code)
            found[f"{folder}/message.txt.j2"] = _email("txt", words, with_code)
    return found


def _has_code(said: Mapping[str, object], email: str, kind: str) -> bool:
    """Whether an e-mail of a draft carries a code: all of a campaign with an offer, and the steps that give or repeat one."""
    steps = said.get("steps")
    if not isinstance(steps, list):
        return "offer" in said
    step = steps[int(email.removeprefix(f"{kind}-")) - 1]
    return "offer" in step or "same_code" in step


def _segments(said: Mapping[str, object]) -> list[str]:
    who = said.get("who")
    return [str(who["segment"])] if isinstance(who, dict) and "segment" in who else []


def _email(form: str, words: Mapping[str, Any], with_code: bool) -> str:
    text = _read(f"email.{form}.j2")
    code = _read(f"code.{form}.j2") if with_code else ""
    for mark, value in (
        ("@CODE@", code),
        ("@PREVIEW@", words["preview"]),
        ("@HEADLINE@", words["headline"]),
        ("@BODY@", _paragraphs(form, words["body"])),
        ("@BUTTON@", words["button"]),
    ):
        text = text.replace(mark, value)
    return text


def _paragraphs(form: str, body: str | list[str]) -> str:
    """One paragraph or several, as the form of the e-mail writes them."""
    parts = [body] if isinstance(body, str) else body
    if form == "txt":
        return "\n\n".join(parts)
    return "".join(f"        <mj-text>{one}</mj-text>\n" for one in parts)


def _read(*path: str) -> str:
    return _LIBRARY.joinpath(*path).read_text(encoding="utf-8")
