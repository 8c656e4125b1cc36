"""What an e-mail says of its offer and its reader, against what the campaign's file gives them. Pure.

A template says `{{ code.value }} %`, and one arm of the campaign takes five euros off; it greets by a first name, and some have
none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from tillroll.campaign.frozen.revision import templates_of
from tillroll.campaign.language.models import (
    AMOUNT_KINDS,
    PERCENT_KINDS,
    Campaign,
    MessageSettings,
    Offer,
    OfferKind,
)
from tillroll.campaign.language.translations import language_of
from tillroll.campaign.reading.days import days_in
from tillroll.campaign.reading.email import CLIPPED_FROM
from tillroll.campaign.reading.expected import Expected
from tillroll.campaign.reading.faults import EmailPart
from tillroll.campaign.reading.links import links_in
from tillroll.campaign.reading.visible import line_with, own_words
from tillroll.campaign.sentences.claimed.discounts import bargains_claimed, percents_claimed
from tillroll.campaign.sentences.claimed.mismatch import Mismatch, MismatchKind
from tillroll.campaign.sentences.claimed.shown import Shown, fields_shown, mentions
from tillroll.campaign.sentences.offer_words import has_words
from tillroll.campaign.sentences.terms import unsaid
from tillroll.campaign.sentences.time_words import early_faults, midnight_faults
from tillroll.campaign.text.source import Path

_NAMES = {
    "customer.first_name": "some customers have no first name; write {{ customer.first_name or 'friend' }}",
    "customer.name": "some customers have no name; write {{ customer.name or 'friend' }}",
}
_VALUES = frozenset({"code.value", "offer.value"})
_WORDED = frozenset({"offer.discount", "offer.conditions"})
_MINIMUMS = frozenset({"code.minimum_subtotal", "offer.conditions", "offer.text"})


def greetings(message: MessageSettings, texts: Mapping[str, str]) -> Iterator[Mismatch]:
    """Yield what some readers miss in each part of an e-mail: a first name that they may not have, an end that is cut off."""
    for file, text in _parts(message, texts):
        yield from _missed_in(file, text)


@lru_cache(maxsize=512)  # the arms and steps of a campaign mostly share their e-mail
def _missed_in(file: str, text: str) -> tuple[Mismatch, ...]:
    """Return what some readers miss in one part of an e-mail."""
    found = []
    size = len(text.encode())
    if size > CLIPPED_FROM:
        problem = (
            f"has {size // 1000} kB, and Gmail shows only the first 102 kB of an e-mail; make it shorter"
        )
        found.append(Mismatch(file=file, line=1, kind=MismatchKind.LENGTH, problem=problem, is_wrong=False))
    for field, missing in _NAMES.items():
        line = next((each.line for each in fields_shown(text) if each.name == field), 0)
        if line:
            problem = f"{missing}, or what you call them"
            kind = MismatchKind.FIRST_NAME
            found.append(Mismatch(file=file, line=line, kind=kind, problem=problem, is_wrong=False))
    for fault in links_in(text, "") if file and not file.endswith(".txt.j2") else ():
        if "{{" not in fault.literal and "{%" not in fault.literal:  # else the finished e-mail tells
            line = line_with(text, fault.literal) or 1
            kind = MismatchKind.LINK
            found.append(Mismatch(file=file, line=line, kind=kind, problem=fault.problem, is_wrong=True))
    return tuple(found)


def foreign_words(message: MessageSettings, texts: Mapping[str, str]) -> Iterator[Mismatch]:
    """Yield what an e-mail would show in English between words of another language."""
    for file, text, language in _parts_by_language(message, texts):
        if not language or language.partition("-")[0].lower() == "en":
            continue
        for each in fields_shown(text):
            if each.name == "offer.text" or (each.name in _WORDED and not has_words(language)):
                problem = (
                    f"{{{{ {each.name} }}}} is in English, and the words around it are in {language}; "
                    "write them out, with {{ code.value }} and {{ code.valid_until | date }}"
                )
                yield Mismatch(
                    file=file, line=each.line, kind=MismatchKind.LANGUAGE, problem=problem, is_wrong=False
                )


def claims(message: MessageSettings, offer: Offer, texts: Mapping[str, str], arm: str) -> Iterator[Mismatch]:
    """Yield what an e-mail says of an offer that it doesn't give. `arm` names the arm that has both; empty: there is one."""
    whose = f"the arm {arm}" if arm else "the offer"
    for file, text in _parts(message, texts):
        for each in fields_shown(text):
            problem = _problem_with(each, offer, whose)
            if problem:
                yield Mismatch(
                    file=file, line=each.line, kind=MismatchKind.OFFER, problem=problem, is_wrong=True
                )
        yield from percents_claimed(file, text, offer, whose)
        yield from bargains_claimed(file, text, offer, whose)
        yield from _of_days(file, text, offer)
        for fault in midnight_faults(text, offer.valid):
            kind = MismatchKind.TIME
            yield Mismatch(file=file, line=fault.line, kind=kind, problem=fault.problem, is_wrong=False)
    yield from _of_minimum(message, offer, texts, whose)
    yield from _of_terms(message, offer, texts)


def announced_early(
    message: MessageSettings, campaign: Campaign, offer: Offer, texts: Mapping[str, str]
) -> Iterator[Mismatch]:
    """Yield the words of an e-mail that are not true yet when it arrives, because it announces its code."""
    for file, text, language in _parts_by_language(message, texts):
        for fault in early_faults(text, language, campaign, offer):
            kind = MismatchKind.TIME
            yield Mismatch(file=file, line=fault.line, kind=kind, problem=fault.problem, is_wrong=False)


def claims_of(campaign: Campaign, texts: Mapping[str, str]) -> Iterator[tuple[Path, Mismatch]]:
    """Yield every claim of a campaign's e-mails that doesn't fit, in all steps and arms, with the e-mail's place in the file."""
    seen: set[tuple[str, int, str]] = set()
    folders = tuple(f"templates/{name}/" for name in templates_of(campaign))
    texts = {path: text for path, text in texts.items() if path.startswith(folders)}
    for number in range(1, max(1, len(campaign.steps)) + 1):
        path: Path = ("steps", number - 1, "message") if campaign.steps else ("message",)
        for arm in [variant.name for variant in campaign.variants] or [""]:
            for place, message in _messages(campaign.as_run(step=number, arm=arm), path):
                offer = _offer_shown(campaign, number, arm)
                found = [*greetings(message, texts), *foreign_words(message, texts)]
                if offer is not None:
                    found += claims(message, offer, texts, arm)
                    is_reminder = place[-1] == "reminder"  # it is sent while the code works
                    found += () if is_reminder else announced_early(message, campaign, offer, texts)
                for claim in found:
                    key = (claim.file or str(place), claim.line, claim.problem)
                    if key not in seen:
                        seen.add(key)
                        yield place, claim


def _messages(run: Campaign, path: Path) -> Iterator[tuple[Path, MessageSettings]]:
    """Yield the e-mail of a run and its reminder, each with its place in the file."""
    message = run.message
    if message is None:
        return
    yield path, message
    if (reminder := message.reminder) is not None:
        yield (
            (*path, "reminder"),
            MessageSettings(
                template=reminder.template,
                subject=reminder.subject,
                subjects=reminder.subjects,
                language=message.language,
            ),
        )


def _offer_shown(campaign: Campaign, step: int, arm: str) -> Offer | None:
    """Return the offer whose code a step's e-mail shows: its own, or that of the latest earlier step."""
    shows_earlier = bool(campaign.steps) and campaign.steps[step - 1].same_code
    steps = range(step - 1, 0, -1) if shows_earlier else (step,)
    offers = (campaign.as_run(step=number, arm=arm).offer for number in steps)
    return next((offer for offer in offers if offer is not None), None)


def _parts(message: MessageSettings, texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each part of an e-mail in each language: its file, or empty for a subject, and its text."""
    yield "", message.subject
    yield from (("", subject) for subject in message.subjects.values())
    folder = f"templates/{message.template}/"
    yield from ((path, text) for path, text in texts.items() if path.startswith(folder))


def _parts_by_language(message: MessageSettings, texts: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield each part of an e-mail with its language: its file, or empty for a subject, its text; empty: unknown."""
    own = message.language or ""
    for language, subject in {own: message.subject, **message.subjects}.items():
        yield "", subject, language
    for file, text in _parts(message, texts):
        if file:
            yield file, text, language_of(file.rpartition("/")[2]) or own


def _problem_with(shown: Shown, offer: Offer, whose: str) -> str:
    """Return what is wrong with a field that an e-mail shows; empty if nothing is."""
    if shown.name == "code.minimum_subtotal" and offer.minimum_subtotal is None and offer.at_most is None:
        return (
            f"{whose} has no minimum_subtotal, so this shows nothing; "
            "put it between {% if code.minimum_subtotal %} and {% endif %}"
        )
    if shown.name not in _VALUES:
        return ""
    instead = "write {{ offer.discount }}, which says what each arm gives"
    if offer.kind is OfferKind.FREE_SHIPPING:
        return f"{whose} is free shipping and has no value, so this shows nothing; {instead}"
    if offer.coupon_kind in AMOUNT_KINDS and shown.is_percent:
        capped = ", since its percentage has a cap" if offer.at_most is not None else ""
        return f"{whose} takes an amount off, not a percentage{capped}; {instead}"
    if offer.coupon_kind in PERCENT_KINDS and "money" in shown.filters:
        return f"{whose} takes a percentage off, not an amount; {instead}"
    return ""


def _of_terms(message: MessageSettings, offer: Offer, texts: Mapping[str, str]) -> Iterator[Mismatch]:
    """Yield what an e-mail keeps quiet about, in each of its languages."""
    for language, parts in _by_language(message, texts).items():
        missing = unsaid(offer, parts) if len(parts) > 1 else []
        if missing:
            where = f"in {language}, it" if language else "it"
            problem = f"{where} doesn't say {', nor '.join(missing)}; show {{{{ offer.conditions }}}}, which says it all"
            yield Mismatch(file="", line=0, kind=MismatchKind.TERMS, problem=problem, is_wrong=False)


def _by_language(message: MessageSettings, texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the templates of an e-mail's subject and bodies by language; empty: the campaign's own."""
    of_language = {"": [message.subject]}
    for language, subject in message.subjects.items():
        of_language.setdefault(language, []).append(subject)
    folder = f"templates/{message.template}/"
    for path, text in texts.items():
        if path.startswith(folder):
            of_language.setdefault(language_of(path.removeprefix(folder)), []).append(text)
    return of_language


def _of_minimum(
    message: MessageSettings, offer: Offer, texts: Mapping[str, str], whose: str
) -> Iterator[Mismatch]:
    """Yield the languages in which an e-mail keeps quiet about the minimum that the cap of a percentage gives each code."""
    if offer.at_most is None:
        return
    for language, parts in _by_language(message, texts).items():
        if not any(mentions(text, _MINIMUMS) for text in parts):
            problem = (
                f"{f'in {language}, it ' if language else ''}says no minimum, but the percentage of {whose} has a cap, so each "
                "code works from a minimum on; show {{ code.minimum_subtotal | money }} or {{ offer.conditions }}"
            )
            yield Mismatch(file="", line=0, kind=MismatchKind.OFFER, problem=problem, is_wrong=True)


def _of_days(file: str, text: str, offer: Offer) -> Iterator[Mismatch]:
    """Yield the days in the words of an e-mail, where the campaign gives the codes' last day and it is another one."""
    if offer.valid.until is None:
        return
    until, start = offer.valid.until.date(), offer.valid.from_ or offer.valid.until
    expected = Expected(
        today=start.date(),
        language="en",
        currency="",
        store_url="",
        ends=until,
        days=frozenset({until, start.date()}),
    )
    words = own_words(text)
    for fault in days_in(words, words, expected, EmailPart.TEXT):
        line = line_with(text, fault.literal) or 1
        yield Mismatch(file=file, line=line, kind=MismatchKind.DAY, problem=fault.problem, is_wrong=False)
