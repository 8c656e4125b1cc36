"""A trial of a campaign's e-mails: rendered once with made-up facts, so that `tillroll check` finds what only rendering shows.

E-mails that only show values and choose between texts can't fail in it, and are left out: most are such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tillroll.campaign import Revision
from tillroll.campaign.folder.template_words import OPEN, TEXT, VARIABLES
from tillroll.campaign.folder.templates import is_plain, names_used
from tillroll.campaign.frozen.revision import with_reminder
from tillroll.campaign.language.models import MessageSettings, Offer, OfferKind
from tillroll.campaign.language.translations import file_in
from tillroll.campaign.reading.faults import EmailPart
from tillroll.campaign.reading.gaps import gaps_in
from tillroll.campaign.reading.visible import own_words, visible_text
from tillroll.campaign.sentences.claimed.shown import tags_in
from tillroll.campaign.sentences.offers import say_offer
from tillroll.rendering.compile import (
    Compiled,
    TemplatePart,
    TemplateRefused,
    compile_message,
    compile_subject,
)
from tillroll.rendering.convert import source_of
from tillroll.rendering.facts import (
    EXAMPLE_CODE,
    CodeFacts,
    RecipientFacts,
    StoreFacts,
    facts_for,
    filters_for,
)
from tillroll.rendering.jinja.budget import TemplateLimit, metered

EXAMPLE_SHOP = StoreFacts(
    name="Example Shop",
    url="https://shop.example",
    email="hello@shop.example",
    currency="EUR",
    timezone="UTC",
    language="en",
)
_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
_FACTS: Mapping[str, Any] = {
    "text": EXAMPLE_CODE,
    "valid_from": _AT,
    "valid_until": _AT,
    "value": Decimal(10),
    "minimum_subtotal": Decimal(30),
    "discount": "10% off",
    "conditions": "Valid until January 1, 2026. Can be used once.",
    "kind": "percent",
    "url": EXAMPLE_SHOP.url,
    "title": "Example",
    "id": 1001,
    "total": Decimal("59.90"),
    "price": Decimal("12.50"),
    "sku": "EXAMPLE-1",
    "rating": 5,
    "goods": [{"name": "Example", "quantity": 2, "price": Decimal("12.50"), "picture": ""}],
    "picture": "https://shop.example/picture.jpg",
}


_READERS = tuple(
    RecipientFacts(
        email="ana@customer.example", name=name, first_name=first, language=language, country=country
    )
    for name, first, language, country in (
        ("Ana Novak", "Ana", "en", "SI"),
        ("", "", "", ""),
        ("יעל לוי", "יעל", "he", "IL"),
        ("Maximiliane-Friederike O'Neil & Söhne von Hohenstein", "Maximiliane-Friederike", "de", "DE"),
    )
)
"""Made-up people for whom an e-mail may read badly: an ordinary one first."""


_sound: set[tuple[object, ...]] = set()
"""What was tried and reads well, in the life of this process: many templates differ in the words between their tags alone."""


class _AnyField(dict[str, Any]):
    """The fields of an event that a shop makes up itself."""

    def __missing__(self, key: str) -> str:
        return "example"


def refusals_of(revision: Revision) -> Iterator[TemplateRefused]:
    """Yield why e-mails of a campaign can't be rendered, or what is missing in them, one reason for each e-mail."""
    campaign, seen = revision.campaign, set[tuple[str, str, OfferKind | None]]()
    for step in range(1, max(1, len(campaign.steps)) + 1):
        for arm in revision.arms:
            run = revision.as_run(step=step, arm=arm)
            for message in () if run.message is None else with_reminder(run.message):
                offer = run.offer or _offer_before(revision, step, arm)
                key = (message.template, message.subject, offer.kind if offer else None)
                if key not in seen:
                    seen.add(key)
                    for language in ("", *sorted(message.subjects)):
                        yield from _refusals_of(revision, message, offer, language)


def _refusals_of(
    revision: Revision, message: MessageSettings, offer: Offer | None, language: str
) -> Iterator[TemplateRefused]:
    subject = message.subject_in(language)
    bodies = list(revision.template_files(message.template, language).values())
    has_plain_bodies = all(map(is_plain, bodies))
    if has_plain_bodies and is_plain(subject):
        return
    size = sum(map(len, bodies)) // 2_000  # a loop repeats the words within it
    same = (*map(tags_in, (subject, *bodies)), language, size, repr(offer))
    if same in _sound:
        return
    is_certain = not any(names_used(text) & OPEN for text in (subject, *bodies))
    spoken = language or message.language or EXAMPLE_SHOP.language
    shop = EXAMPLE_SHOP.of_email(revision.brand, spoken, revision.name)
    try:
        compiled = (
            compile_subject(message, filters_for(shop), language)
            if has_plain_bodies
            else compile_message(revision, message, filters_for(shop), language)
        )
    except TemplateRefused as refusal:
        if is_certain or isinstance(refusal.__cause__, TemplateLimit):
            yield refusal
        return
    sources = {part: place_of(revision, message, part, language) for part in EmailPart}
    for reader in _READERS:
        found = _refusal_of(compiled, sources, _facts_for(revision, offer, reader, shop))
        if found is not None and (is_certain or isinstance(found.__cause__, TemplateLimit)):
            yield found
            return
    _sound.add(same)


def _refusal_of(
    compiled: Compiled | TemplatePart,
    sources: Mapping[EmailPart, tuple[str, str]],
    facts: Mapping[str, Any],
) -> TemplateRefused | None:
    """Return why an e-mail, or its subject alone, fails for one made-up reader, or shows a gap; None if it reads well."""
    try:
        if isinstance(compiled, TemplatePart):
            with metered():
                shown = {EmailPart.SUBJECT: "".join(compiled.fill_in(facts))}
        else:
            rendered = compiled.render(facts)
            shown = {
                EmailPart.SUBJECT: rendered.subject,
                EmailPart.HTML: visible_text(rendered.html),
                EmailPart.TEXT: rendered.text,
            }
    except TemplateRefused as refusal:
        return refusal
    for part, text in shown.items():
        place, source = sources[part]
        for fault in gaps_in(text, own_words(source), part, ()):
            return TemplateRefused(place, "sent", fault.problem)
    return None


def _facts_for(
    revision: Revision, offer: Offer | None, reader: RecipientFacts, shop: StoreFacts
) -> dict[str, Any]:
    """Return made-up values for all variables, with the offer's own kind, value and minimum."""
    facts: dict[str, Any] = {
        name: {field: _FACTS.get(field, "example") for field in fields} if fields else _AnyField()
        for name, fields in VARIABLES.items()
    }
    code = None
    if offer is not None:
        own = offer.largest_value if offer.per_customer is not None and offer.at_most is None else None
        given = offer.applied(own, Decimal("0.01"))
        code = CodeFacts(
            text=EXAMPLE_CODE,
            valid_from=_AT,
            valid_until=_AT,
            offer=given,
            value=given.fixed_value,
            offer_text=say_offer(given, EXAMPLE_SHOP.currency),
        )
    return {**facts, **facts_for(shop=shop, title=revision.campaign.title, reader=reader, code=code)}


def _offer_before(revision: Revision, step: int, arm: str) -> Offer | None:
    """Return the offer of the latest step up to this one, whose code it may show again."""
    offers = (revision.as_run(step=number, arm=arm).offer for number in range(step, 0, -1))
    return next((offer for offer in offers if offer is not None), None)


def place_of(revision: Revision, message: MessageSettings, part: EmailPart, language: str) -> tuple[str, str]:
    """Return the file of a part and its text; the subject has no file."""
    subject = message.subject_in(language)
    if part is EmailPart.SUBJECT:
        return f"The subject {subject!r}"[:100], subject
    files = revision.template_files(message.template, language)
    source = source_of(files, language)
    text = file_in(TEXT, language)
    name = text if part is EmailPart.TEXT and text in files else source.file
    return f"templates/{message.template}/{name}", files[name]
