"""Starter campaigns: a library of common ones, each with its e-mails and the rules it uses."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from typing import Any

import yaml

from tillroll.campaign.brand.partials import FOLDER as PARTIALS
from tillroll.campaign.brand.partials import inclusions_in
from tillroll.campaign.folder.folder_reader import BRAND, CONSENT
from tillroll.campaign.folder.template_words import CONFIRM_LINK
from tillroll.campaign.language.translations import file_in
from tillroll.campaign.text.block import NAME_PATTERN
from tillroll.campaign.text.findings import nearest
from tillroll.errors import NotFound, Refused

_LIBRARY = files("tillroll.campaign.folder") / "library"
_SHOWS = {
    "abandoned-cart-1": "cart",
    "abandoned-cart-2": "cart",
    "abandoned-cart-3": "cart",
    "back-in-stock": "product",
    "overstock": "product",
}
"""What e-mails show beside their words; their buttons lead to it too."""
SIGN_UP, _CONFIRM = "sign-up", "confirm"
SIGN_UP_MEANS = "A form to sign up for e-mails, and the e-mail to confirm it."
_SUBJECT = re.compile(r"^( *)@SUBJECT ([a-z0-9-]+)@$", re.MULTILINE)
_FILL_IN = re.compile(r"^\s*(?P<key>[a-z_]+):.*# fill in: (?P<what>.+)$")
_SCHEMA = "# yaml-language-server: $schema=../schema/campaign.json\n"


def kinds() -> Mapping[str, str]:
    """Return the name of each draft with its description."""
    descriptions = {}
    for path in sorted((_LIBRARY / "campaigns").iterdir(), key=lambda path: path.name):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        descriptions[path.name.removesuffix(".yaml")] = first.removeprefix("# ")
    return descriptions


def languages() -> tuple[str, ...]:
    """Return the languages that the starter e-mails are written in."""
    return tuple(sorted(path.name.removesuffix(".yaml") for path in (_LIBRARY / "emails").iterdir()))


@dataclass(frozen=True, kw_only=True)
class FillIn:
    """A line of a draft that its owner decides on."""

    line: int
    key: str
    what: str


def fill_ins(text: str) -> tuple[FillIn, ...]:
    """Return the lines of a drafted file that are marked to be filled in."""
    matches = ((number, _FILL_IN.match(line)) for number, line in enumerate(text.splitlines(), start=1))
    return tuple(
        FillIn(line=number, key=match["key"], what=match["what"]) for number, match in matches if match
    )


def draft(kind: str, *, name: str, today: date, wanted: Sequence[str] = ("en",)) -> dict[str, str]:
    """Return the files of a new campaign: relative path → text.

    `wanted` are the languages of its e-mails, the campaign's own first. Raises `NotFound` for an unknown draft or language, and
    `Refused` for an invalid name.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise Refused(
            f"{name!r} is not a valid name for a campaign.",
            hint="Use lower-case letters, digits and hyphens, like black-friday.",
        )
    _require("template campaign", kind, kinds())
    emails = _emails(wanted)
    text = _SCHEMA + _read("campaigns", f"{kind}.yaml")
    text = _SUBJECT.sub(lambda mark: _subject(mark[1], mark[2], emails), text)
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
    drafted[BRAND] = brand_to_fill_in()
    if "shared" not in body.get("codes", {}):
        drafted["rules/codes/short.yaml"] = _read("codes", "short.yaml")
    for number, (language, words) in enumerate(emails.items()):
        own = "" if number == 0 else language
        for email in words:
            if email == kind or email.startswith(f"{kind}-"):
                folder = f"templates/{name}{email.removeprefix(kind)}"
                with_code = _has_code(body, email, kind)
                for form in ("mjml", "txt"):
                    file = file_in(f"message.{form}.j2", own)
                    drafted[f"{folder}/{file}"] = _email(form, email, words, language, with_code)
    return drafted | _partials(drafted.values())


def draft_sign_up(wanted: Sequence[str] = ("en",)) -> dict[str, str]:
    """Return the files by which people sign up for e-mails and confirm it: relative path → text. Raises `NotFound`."""
    emails = _emails(wanted)
    rules = _SUBJECT.sub(lambda mark: _subject("  ", mark[2], emails), _read("consent.yaml"))
    drafted = {
        CONSENT: "# yaml-language-server: $schema=../schema/consent.json\n" + rules,
        BRAND: brand_to_fill_in(),
    }
    for number, (language, words) in enumerate(emails.items()):
        for form in ("mjml", "txt"):
            file = file_in(f"message.{form}.j2", "" if number == 0 else language)
            text = _email(form, _CONFIRM, words, language, with_code=False)
            drafted[f"templates/{_CONFIRM}/{file}"] = text
    return drafted | _partials(drafted.values())


def _emails(wanted: Sequence[str]) -> dict[str, Any]:
    """Return the texts of the starter e-mails by language. Raises `NotFound`."""
    for language in wanted:
        _require("starter e-mail in the language", language, languages())
    return {language: yaml.safe_load(_read("emails", f"{language}.yaml")) for language in wanted}


def _partials(texts: Iterable[str]) -> dict[str, str]:
    """Return the partials that templates include: relative path → text."""
    names = sorted({each.partial for text in texts for each in inclusions_in(text)})
    return {f"{PARTIALS}/{name}": _read("partials", name) for name in names}


def brand_to_fill_in() -> str:
    """Return a brand file without a postal address: each shop has its own."""
    return _read("brand.yaml")


def _require(what: str, word: str, available: Collection[str]) -> None:
    if word not in available:
        likely = nearest(word, available)
        hint = f"Did you mean {likely}?" if likely else f"There are {', '.join(available)}."
        raise NotFound(f"There is no {what} {word!r}.", hint=hint)


def _subject(indent: str, email: str, emails: Mapping[str, Any]) -> str:
    """Return the lines of a campaign file that give an e-mail its subject in each language."""
    (own, words), *others = emails.items()
    lines = [f"{indent}subject: {_quoted(words[email]['subject'])}"]
    if own != "en" or others:
        is_reminder = email.endswith("-reminder")
        lines += [] if is_reminder else [f"{indent}language: {own}"]
    if others:
        lines.append(f"{indent}subjects:")
        lines += [f"{indent}  {language}: {_quoted(each[email]['subject'])}" for language, each in others]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _has_code(body: Mapping[str, object], email: str, kind: str) -> bool:
    """Return whether an e-mail of a draft shows a code: with an offer, or in a step that gives or repeats a code."""
    steps = body.get("steps")
    if not isinstance(steps, list):
        return "offer" in body
    step = steps[int(email.removeprefix(f"{kind}-")) - 1]
    return "offer" in step or "same_code" in step


def _segments(body: Mapping[str, object]) -> list[str]:
    """Return the names of the segments that a draft selects or excludes."""
    who = body.get("who")
    if not isinstance(who, dict):
        return []
    selected = [who["segment"]] if "segment" in who else []
    return [str(name) for name in (*selected, *who.get("exclude", ()))]


def _email(form: str, email: str, words: Mapping[str, Any], language: str, with_code: bool) -> str:
    """Return one part of an e-mail, put together from its language's words."""
    own, frame, shows = words[email], words["frame"], _SHOWS.get(email, "")
    confirms = email == _CONFIRM  # it tells nobody to buy, and not why they get e-mails: they don't yet
    link = f"{shows}.url | tracked" if shows else CONFIRM_LINK if confirms else "shop_link"
    text = _read(f"email.{form}.j2")
    for mark, value in (
        ("@SHOWN@", _include(shows, form) if shows else ""),
        ("@CODE@", _read(f"code.{form}.j2") if with_code else ""),
        ("@FOOTER@", _include("address" if confirms else "footer", form).rstrip("\n") + "\n"),
        ("@LINK@", f"{{{{ {link} }}}}"),
        ("@LANGUAGE@", language),
        ("@PREVIEW@", own["preview"]),
        ("@HEADLINE@", own["headline"]),
        ("@BODY@", _paragraphs(form, own["body"])),
        ("@BUTTON@", own["button"]),
        *((f"@{name.upper()}@", value) for name, value in frame.items()),
    ):
        text = text.replace(mark, value)
    return text


def _include(partial: str, form: str) -> str:
    """Return the line that includes a partial."""
    indent, end = ("    ", "\n") if form == "mjml" else ("", "\n\n")
    return f'{indent}{{% include "_partials/{partial}.{form}.j2" %}}{end}'


def _paragraphs(form: str, body: str | list[str]) -> str:
    """Return one or several paragraphs as text or MJML."""
    parts = [body] if isinstance(body, str) else body
    if form == "txt":
        return "\n\n".join(parts)
    return "".join(f"        <mj-text>{part}</mj-text>\n" for part in parts)


def _read(*path: str) -> str:
    return _LIBRARY.joinpath(*path).read_text(encoding="utf-8")
