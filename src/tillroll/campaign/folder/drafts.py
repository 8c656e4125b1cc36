"""Starter campaigns: a library of common ones, each with its e-mails and the rules it uses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from importlib.resources import files
from typing import Any

import yaml

from tillroll.campaign.text.block import NAME_PATTERN
from tillroll.campaign.text.findings import nearest
from tillroll.errors import NotFound, Refused

_LIBRARY = files("tillroll.campaign.folder") / "library"
_SCHEMA = "# yaml-language-server: $schema=../schema/campaign.json\n"


def kinds() -> Mapping[str, str]:
    """Return the name of each draft with its description."""
    descriptions = {}
    for path in sorted((_LIBRARY / "campaigns").iterdir(), key=lambda path: path.name):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        descriptions[path.name.removesuffix(".yaml")] = first.removeprefix("# ")
    return descriptions


def draft(kind: str, *, name: str, today: date) -> dict[str, str]:
    """Return the files of a new campaign: relative path → text.

    Raises `NotFound` for an unknown draft and `Refused` for an invalid name.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise Refused(
            f"{name!r} is not a valid name for a campaign.",
            hint="Use lower-case letters, digits and hyphens, like black-friday.",
        )
    available = kinds()
    if kind not in available:
        word = nearest(kind, available)
        hint = f"Did you mean {word}?" if word else f"There are {', '.join(available)}."
        raise NotFound(f"There is no template campaign {kind!r}.", hint=hint)
    text = _SCHEMA + _read("campaigns", f"{kind}.yaml")
    tomorrow = today + timedelta(days=1)
    for mark, value in (
        ("@NAME@", name),
        ("@TOMORROW@", tomorrow.isoformat()),
        ("@SHARED@", f"FLASH{tomorrow:%d%m}"),
    ):
        text = text.replace(mark, value)
    drafted = {f"campaigns/{name}.yaml": text}
    body = yaml.safe_load(text)
    for segment in _segments(body):
        drafted[f"rules/segments/{segment}.yaml"] = _read("segments", f"{segment}.yaml")
    if "shared" not in body.get("codes", {}):
        drafted["rules/codes/short.yaml"] = _read("codes", "short.yaml")
    for email, words in yaml.safe_load(_read("emails.yaml")).items():
        if email == kind or email.startswith(f"{kind}-"):
            folder = f"templates/{name}{email.removeprefix(kind)}"
            with_code = _has_code(body, email, kind)
            drafted[f"{folder}/message.mjml.j2"] = _email("mjml", words, with_code)
            drafted[f"{folder}/message.txt.j2"] = _email("txt", words, with_code)
    return drafted


def _has_code(body: Mapping[str, object], email: str, kind: str) -> bool:
    """Return whether an e-mail of a draft shows a code: with an offer, or in a step that gives or repeats a code."""
    steps = body.get("steps")
    if not isinstance(steps, list):
        return "offer" in body
    step = steps[int(email.removeprefix(f"{kind}-")) - 1]
    return "offer" in step or "same_code" in step


def _segments(body: Mapping[str, object]) -> list[str]:
    who = body.get("who")
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
    """Return one or several paragraphs as text or MJML."""
    parts = [body] if isinstance(body, str) else body
    if form == "txt":
        return "\n\n".join(parts)
    return "".join(f"        <mj-text>{part}</mj-text>\n" for part in parts)


def _read(*path: str) -> str:
    return _LIBRARY.joinpath(*path).read_text(encoding="utf-8")
