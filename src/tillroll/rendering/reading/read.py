"""Fill in every e-mail of a plan for its awkward recipients, in memory, and read the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlalchemy.engine import Engine

from tillroll.campaign.folder.template_words import TEXT
from tillroll.campaign.frozen.recipient import Recipient
from tillroll.campaign.language.translations import choose_translation, file_in
from tillroll.campaign.reading.email import EmailWords, read_email
from tillroll.campaign.reading.faults import EmailPart, LinkedGoods, WordFault, WordKind
from tillroll.campaign.reading.gaps import MARKERS
from tillroll.campaign.reading.links import goods_linked
from tillroll.campaign.reading.visible import line_with
from tillroll.campaign.timing.schedule import slots
from tillroll.errors import Refused
from tillroll.rendering.compile import Compiled, TemplateRefused
from tillroll.rendering.expected import LeavingTime, expected_of
from tillroll.rendering.facts import CodeFacts
from tillroll.rendering.preview import (
    EarlierCode,
    PreviewSubject,
    example_code,
    preview_facts,
    recipient_facts,
    store_facts,
    with_amounts,
)
from tillroll.rendering.reading.found import SUBJECT, EmailFault, PlannedEmail, emails_of
from tillroll.rendering.reading.goods import faults_of_goods
from tillroll.rendering.reading.people import Awkward, AwkwardPeople, AwkwardPerson
from tillroll.rendering.translated import Translated

_MOST_FAULTS = 3  # of a kind, in one part of an e-mail
_Where = tuple[WordFault, str, int]


@dataclass(kw_only=True)
class _EmailReading:
    """What was found in one e-mail so far."""

    email: PlannedEmail
    tried: int = 0
    found: dict[_Where, list[AwkwardPerson]] = field(default_factory=dict)
    goods: dict[LinkedGoods, list[tuple[AwkwardPerson, str]]] = field(default_factory=dict)

    def add(
        self, fault: WordFault, person: AwkwardPerson, translation: str, *, place: str = "", line: int = 0
    ) -> None:
        """Note a fault that one person's e-mail has."""
        place = place or self.email.place(fault.part, translation)
        if fault.literal and not line and fault.part is not EmailPart.SUBJECT:
            line = line_with(self.email.source(fault.part, translation), fault.literal)
        key = (fault, place, line)
        alike = sum((each.kind, each.part) == (fault.kind, fault.part) for each, _, _ in self.found)
        if key in self.found or alike < _MOST_FAULTS:
            self.found.setdefault(key, []).append(person)


def read_emails(
    engine: Engine, subject: PreviewSubject, people: AwkwardPeople, counts: Mapping[str, int]
) -> list[EmailFault]:
    """Return the faults of a plan's e-mails. `counts` are the recipients of each arm; an arm without any is left out."""
    revision = subject.revision
    arms = tuple(arm for arm in revision.arms if counts.get(arm))
    faults: list[EmailFault] = []
    for email in emails_of(revision, first_step=subject.step, arms=arms):
        reading = _EmailReading(email=email)
        persons = people.of_arm(email.arm)
        try:
            translated = Translated.of(revision, email.message, store_facts(subject.store))
        except Refused as refusal:
            _note_refusal(reading, refusal, persons)
        else:
            for person in persons:
                _read_for(reading, subject, translated, person)
        for linked, fault in faults_of_goods(engine, subject.store.id, reading.goods):
            for person, translation in reading.goods[linked]:
                reading.add(fault, person, translation)
        faults += _faults_of(reading, people, counts[email.arm], len(persons))
    return faults


def _note_refusal(reading: _EmailReading, refusal: Refused, persons: list[AwkwardPerson]) -> None:
    """Note that an e-mail can't be made for some people."""
    place, line = reading.email.place(EmailPart.HTML, ""), 0
    problem = refusal.message
    if isinstance(refusal, TemplateRefused):
        place, line = refusal.place, refusal.line or 0
        place = place if place.startswith("templates/") else SUBJECT
        problem = f"it can't be filled in: {refusal.problem}"
    part = EmailPart.SUBJECT if place == SUBJECT else EmailPart.HTML
    for person in persons:
        reading.add(
            WordFault(kind=WordKind.FAILS, part=part, problem=problem), person, "", place=place, line=line
        )


def _read_for(
    reading: _EmailReading, plan: PreviewSubject, translated: Translated, person: AwkwardPerson
) -> None:
    """Fill the e-mail in for one person, and read it."""
    email = reading.email
    subject, recipient = _at_step(plan, email.step, person)
    translation = choose_translation(recipient.language, translated.translations)
    version = translated.for_reader(recipient.language)
    code = example_code(subject, recipient)
    facts = preview_facts(subject, recipient, code, version.shop)
    goods = subject.proposal.goods_of(recipient.arm)
    expected = expected_of(
        shop=version.shop,
        reader=recipient_facts(recipient),
        code=code,
        offer=subject.revision.as_run(step=email.step, arm=email.arm).offer,
        event=with_amounts(subject.proposal.facts),
        now=subject.now,
        leaves=_leaves(email, subject, code),
        goods=goods.named if goods is not None else "",
    )
    try:
        words = _rendered(version.compiled, facts)
        marks = _with_signs(facts)
        marked = _rendered(version.compiled, marks) if marks is not None else None
    except TemplateRefused as refusal:
        _note_refusal(reading, refusal, [person])
        return
    sources = {part: email.source(part, translation) for part in EmailPart}
    for fault in read_email(words, sources, expected, marked=marked):
        reading.add(fault, person, translation)
    text = file_in(TEXT, translation)
    if text not in email.files[translation]:
        problem = f"there is no {text}, so the text part is made from the HTML part"
        fault = WordFault(kind=WordKind.STYLE, part=EmailPart.TEXT, problem=problem)
        reading.add(fault, person, translation)
    for linked in goods_linked(words.html, words.text, subject.store.url):
        reading.goods.setdefault(linked, []).append((person, translation))


def _leaves(email: PlannedEmail, plan: PreviewSubject, code: CodeFacts | None) -> LeavingTime | None:
    """Return when an e-mail leaves, if everything goes as planned; None where nobody knows yet."""
    run = plan.revision.as_run(step=email.step, arm=email.arm)
    if code is None or run.offer is None or code.valid_until is None:
        return None  # without a code, or with that of an earlier step
    if email.is_reminder:
        reminder = run.message.reminder if run.message is not None else None
        at = code.valid_until - reminder.before_expiry if reminder is not None else code.valid_until
    else:
        at = plan.now if run.announce else max(plan.now, code.valid_from or plan.now)
    return LeavingTime(at=at, is_sure=_is_on_schedule(plan))


def _is_on_schedule(plan: PreviewSubject) -> bool:
    """Whether a run of a schedule begins when it is due; a plan that is only shown begins at any moment."""
    when = plan.revision.campaign.when
    if when.cron is None:
        return True
    yesterday = plan.now - timedelta(days=1)
    zone = when.zone(plan.store.timezone)
    return any(slots(when, zone=zone, first_seen=yesterday, after=yesterday, until=plan.now))


def _at_step(plan: PreviewSubject, step: int, person: AwkwardPerson) -> tuple[PreviewSubject, Recipient]:
    """Return the plan and the person as a later step of the flow will see them; their value of its offer isn't known yet."""
    recipient = person.recipient
    if step == plan.step:
        return plan, recipient
    shown = EarlierCode(value=recipient.value, valid_from=None, valid_until=None)
    later = replace(plan, proposal=replace(plan.proposal, step=step), earlier=shown)
    offer = plan.revision.as_run(step=step, arm=recipient.arm).offer
    value = offer.largest_value if offer is not None and offer.per_customer is not None else None
    return later, replace(recipient, value=value)


def _rendered(compiled: Compiled, facts: Mapping[str, Any]) -> EmailWords:
    rendered = compiled.render(facts)
    return EmailWords(subject=rendered.subject, html=rendered.html, text=rendered.text)


def _with_signs(facts: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the facts with a sign for each value that is empty; None if none is."""
    marked = {name: dict(value) if isinstance(value, Mapping) else value for name, value in facts.items()}
    found = False
    for marker in MARKERS:
        owner, _, key = marker.field.partition(".")
        if owner in marked and marked[owner].get(key) == "":
            marked[owner][key], found = marker.sign, True
    return marked if found else None


def _faults_of(reading: _EmailReading, people: AwkwardPeople, count: int, tried: int) -> Iterator[EmailFault]:
    for (fault, place, line), persons in reading.found.items():
        kinds: dict[Awkward, int] = {}
        for person in persons:
            kinds |= {kind: people.count(reading.email.arm, kind) for kind in person.kinds}
        yield EmailFault(
            email=reading.email,
            fault=fault,
            place=place,
            line=line,
            kinds=kinds,
            is_everybody=len(persons) >= tried,
            people=count,
        )
