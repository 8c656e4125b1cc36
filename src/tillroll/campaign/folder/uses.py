"""Checks of a campaign against its templates: valid arms, valid times, and only variables that its messages have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from tillroll.campaign.folder.template_words import CONFIRM_LINK, HTML, LINK, MJML
from tillroll.campaign.folder.templates import check_template, names_used
from tillroll.campaign.language.crm import CrmKind, CrmRules
from tillroll.campaign.language.events.event import EVENT_VARIABLES, event_names, variables_of
from tillroll.campaign.language.guardrails import EmailRules, Strictness
from tillroll.campaign.language.models import (
    AMOUNT_KINDS,
    PERCENT_KINDS,
    Campaign,
    MessageSettings,
    Offer,
    Reminder,
)
from tillroll.campaign.language.privacy import ConsentRules
from tillroll.campaign.language.translations import file_in, language_of, translations_in, written_twice
from tillroll.campaign.sentences.claims import claims_of
from tillroll.campaign.text.findings import Finding
from tillroll.campaign.text.source import Path, Source
from tillroll.campaign.text.units import KeyFault

OF_THE_OFFER = frozenset({"code", "offer"})


def check_uses(source: Source, campaign: Campaign, texts: Mapping[str, str]) -> list[Finding]:
    """Return the faults of arms and times, and of templates and subjects that use variables that its messages don't have."""
    findings = [*_check_arms(source, campaign), *_check_times(source, campaign)]
    findings += _check_translations(source, campaign, texts)
    variables = variables_of(campaign.when.on)
    for path, message, has_code in _messages(campaign):
        missing = EVENT_VARIABLES.keys() - variables
        if not has_code:
            missing |= OF_THE_OFFER
        for place, email in ((path, message), ((*path, "reminder"), message.reminder)):
            if email is None:
                continue
            for key, used in (
                ("subject", names_used(email.subject)),
                ("subjects", frozenset().union(*map(names_used, email.subjects.values()))),
                ("template", _names_in(email.template, texts)),
            ):
                for name in sorted(used & (missing | {CONFIRM_LINK})):
                    findings.append(source.finding((*place, key), _problem(name, key)))
        if message.reminder is not None and not has_code:
            findings.append(source.finding((*path, "reminder"), "a reminder needs a code; add an offer:"))
    return findings


def check_sender(source: Source, campaign: Campaign, crm: CrmRules | None) -> list[Finding]:
    """Return a fault if another program is to send the codes, and `rules/crm.yaml` tells none of them."""
    if campaign.codes.sent_by is None or (crm is not None and CrmKind.CODES in crm.what):
        return []
    problem = (
        "nobody is told of the codes, so nobody would get one; name the receiver in rules/crm.yaml, like  klaviyo: true"
        if crm is None
        else f"rules/crm.yaml tells {crm.target} of no codes; write there  what: [{', '.join((*crm.what, CrmKind.CODES))}]"
    )
    return [source.finding(("codes", "sent_by"), problem)]


def without_link(texts: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding for each file of an e-mail (path → text with its partials) without a link to unsubscribe."""
    for path, text in sorted(texts.items()):
        if LINK not in names_used(text) and not check_template(path, text):
            form = path.split(".")[-2]
            problem = (
                f"the e-mail has no link to unsubscribe, which Gmail, Yahoo and the law ask for; show {{{{ {LINK} }}}}, or "
                f"include _partials/footer.{form}.j2"
            )
            yield Finding(file=path, line=1, column=1, key="", problem=problem)


def check_claims(
    source: Source, campaign: Campaign, texts: Mapping[str, str], emails: EmailRules
) -> tuple[list[Finding], list[Finding]]:
    """Return the places of the e-mails that say what the offer doesn't give: faults, and warnings.

    `emails` are the guardrails' rules, so that a promised percentage gets the verdict here that it gets in a plan.
    """
    refuses_figures = emails.figures is Strictness.REFUSE
    faults = list(_kinds_without_value(source, campaign))
    warnings: list[Finding] = []
    for path, claim in claims_of(campaign, texts):
        finding = source.finding((*path, "subject"), claim.problem)
        if claim.file:
            shown = texts[claim.file].splitlines()[claim.line - 1 : claim.line]
            finding = Finding(
                file=claim.file,
                line=claim.line,
                column=1,
                key="",
                problem=claim.problem,
                source_line="".join(shown)[:200],
            )
        is_fault = claim.is_wrong or (claim.is_promise and refuses_figures)
        (faults if is_fault else warnings).append(finding)
    return faults, warnings


def _kinds_without_value(source: Source, campaign: Campaign) -> Iterator[Finding]:
    """Yield the arms that turn a percentage into an amount, or back, and leave the number to the campaign's own offer."""
    for index, variant in enumerate(campaign.variants):
        change, own = variant.offer, campaign.offer
        if change is None or change.kind is None or change.value is not None or own is None:
            continue
        was, now = own.kind in PERCENT_KINDS, change.kind in PERCENT_KINDS
        if was != now and change.kind in PERCENT_KINDS | AMOUNT_KINDS:
            unit = "%" if was else "in the store's currency"
            problem = (
                f"give the arm its own value:, since the campaign's {own.largest_value:f} is meant {unit}"
            )
            yield source.finding(("variants", index, "offer", "kind"), problem)


def _messages(campaign: Campaign) -> Iterator[tuple[Path, MessageSettings, bool]]:
    """Yield every e-mail with its place in the file, and whether it shows a code."""
    if campaign.message is not None:
        yield ("message",), campaign.message, campaign.offer is not None
    for index, step in enumerate(campaign.steps):
        yield ("steps", index, "message"), step.message, step.offer is not None or step.same_code


def _names_in(template: str, texts: Mapping[str, str]) -> frozenset[str]:
    """Return the variables used in a template folder."""
    folder = f"templates/{template}/"
    names = (names_used(text) for path, text in texts.items() if path.startswith(folder))
    return frozenset().union(*names)


def _check_translations(source: Source, campaign: Campaign, texts: Mapping[str, str]) -> Iterator[Finding]:
    """Find languages that an e-mail has only a template or only a subject in: half of it would be in another language."""
    emails = [(path, message) for path, message, _ in _messages(campaign)]
    for index, variant in enumerate(campaign.variants):
        if variant.message is not None and campaign.message is not None:
            change = variant.message.model_dump(exclude_none=True)
            emails.append((("variants", index, "message"), campaign.message.model_copy(update=change)))
            if variant.message.subject and variant.message.subjects is None and campaign.message.subjects:
                problem = f"it needs its own subjects: for {', '.join(campaign.message.subjects)} too"
                yield source.finding(("variants", index, "message", "subject"), problem)
    for path, message in emails:
        yield from _half_translated(source, path, message, message, texts)
        if message.reminder is not None and path[0] != "variants":
            yield from _half_translated(source, (*path, "reminder"), message.reminder, message, texts)


def _half_translated(
    source: Source,
    path: Path,
    email: MessageSettings | Reminder,
    message: MessageSettings,
    texts: Mapping[str, str],
) -> Iterator[Finding]:
    folder = f"templates/{email.template}/"
    files = [file.removeprefix(folder) for file in texts if file.startswith(folder)]
    there = translations_in(files)
    for language in sorted(there - email.subjects.keys()):
        problem = (
            f"{folder} has {file_in(MJML, language)}, but there is no subject in that language; "
            f'add subjects: {{{language}: "…"}}'
        )
        yield source.finding((*path, "template"), problem)
    for language in sorted(email.subjects.keys() - there):
        problem = f"{folder} has no {file_in(MJML, language)}; add it, or leave this subject out"
        yield source.finding((*path, "subjects", language), problem)
    for file in sorted(files):
        if (language := language_of(file)) and language not in there:
            problem = f"{folder}{file} is a text only; add {file_in(MJML, language)} beside it"
            yield source.finding((*path, "template"), problem)
    for language in sorted(there):
        if message.language is not None and language.lower() == message.language.lower():
            problem = f"{language} is the language of {MJML} already; delete {file_in(MJML, language)}"
            yield source.finding((*path, "template"), problem)
    for language in written_twice(there):
        yield source.finding(
            (*path, "template"), f"{folder} has {language} in two spellings; delete one of them"
        )


def check_confirmation(source: Source, rules: ConsentRules, texts: Mapping[str, str]) -> Iterator[Finding]:
    """Find what the e-mail of double opt-in lacks: its template, a link in each part, subjects and languages that fit."""
    email = rules.confirmation
    if email is None:
        return
    files = {file: text for file, text in texts.items() if file.startswith(f"templates/{email.template}/")}
    if not any(file.endswith((f"/{MJML}", f"/{HTML}")) for file in files):
        problem = f"there is no templates/{email.template}/{MJML}"
        yield source.finding(("confirmation", "template"), problem)
        return
    for path, text in sorted(files.items()):
        used = names_used(text)
        if CONFIRM_LINK not in used:
            problem = f"{path} has no link to confirm with; show {{{{ {CONFIRM_LINK} }}}}"
            yield source.finding(("confirmation", "template"), problem)
        for name in sorted(used & (OF_THE_OFFER | EVENT_VARIABLES.keys())):
            problem = f"{path} uses {name!r}, which an e-mail of double opt-in doesn't have"
            yield source.finding(("confirmation", "template"), problem)
    own = MessageSettings(
        template=email.template, subject=email.subject, language=email.language, subjects=email.subjects
    )
    yield from _half_translated(source, ("confirmation",), own, own, files)


def _problem(name: str, key: str) -> str:
    if name == CONFIRM_LINK:
        return f"the {key} uses {name!r}, which only the e-mail of double opt-in has (rules/consent.yaml)"
    if name in OF_THE_OFFER:
        return f"the {key} uses {name!r}, but there is no offer: here"
    events = sorted(event_names(name))
    return f"the {key} uses {name!r}, which a message only has with when: on: {' or '.join(events)}"


def _check_arms(source: Source, campaign: Campaign) -> Iterator[Finding]:
    """Validate each arm's changes in every step."""
    for index, variant in enumerate(campaign.variants):
        for step in range(1, max(1, len(campaign.steps)) + 1):
            try:
                campaign.as_run(step=step, arm=variant.name)
            except ValidationError as faults:
                for fault in faults.errors(include_url=False):
                    error = (fault.get("ctx") or {}).get("error")
                    path: Path = ("variants", index, *fault["loc"])
                    if isinstance(error, KeyFault):
                        path = (*path, error.key)
                    problem = str(error or fault["msg"])
                    yield source.finding(path, f"together with the values it changes: {problem}")
                break


def _check_times(source: Source, campaign: Campaign) -> Iterator[Finding]:
    """Find codes that expire before the campaign runs, and reminders that would be sent together with the code."""
    blocks: list[tuple[Path, Offer | None, MessageSettings | None]] = [((), campaign.offer, campaign.message)]
    blocks += [(("steps", index), step.offer, step.message) for index, step in enumerate(campaign.steps)]
    for path, offer, message in blocks:
        if offer is None:
            continue
        until, at = offer.valid.until, campaign.when.at
        if until is not None and at is not None and campaign.when.timezone == "store" and until <= at:
            problem = f"the codes would expire before the campaign runs, {at:%Y-%m-%d %H:%M}"
            yield source.finding((*path, "offer", "valid", "until"), problem)
        reminder = message.reminder if message is not None else None
        valid_for = offer.valid.for_
        if reminder is not None and valid_for is not None and reminder.before_expiry >= valid_for.length:
            problem = (
                f"the codes are valid for {valid_for}, so the reminder would be sent together with the code"
            )
            yield source.finding((*path, "message", "reminder", "before_expiry"), problem)
