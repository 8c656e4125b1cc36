"""A trial of a campaign's e-mails: rendered once with made-up facts, so that `tillroll check` finds what only rendering shows.

E-mails that only show values and choose between texts can't fail in it, and are left out: most are such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tillroll.campaign import Revision
from tillroll.campaign.folder.template_words import OPEN, VARIABLES
from tillroll.campaign.folder.templates import is_plain, names_used
from tillroll.campaign.frozen.revision import messages_of
from tillroll.campaign.language.models import MessageSettings
from tillroll.rendering.compile import TemplateRefused, compile_message, compile_subject
from tillroll.rendering.facts import EXAMPLE_CODE, StoreFacts, filters_for
from tillroll.rendering.jinja.budget import TemplateLimit, metered

_SHOP = StoreFacts(
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
    "email": "ana@customer.example",
    "name": "Ana Novak",
    "first_name": "Ana",
    "language": "en",
    "country": "SI",
    "url": _SHOP.url,
    "title": "Example",
    "id": 1001,
    "total": Decimal("59.90"),
    "price": Decimal("12.50"),
    "sku": "EXAMPLE-1",
    "rating": 5,
    "goods": [{"name": "Example", "quantity": 2, "price": Decimal("12.50"), "picture": ""}],
    "picture": "https://shop.example/picture.jpg",
}


class _AnyField(dict[str, Any]):
    """The fields of an event that a shop makes up itself."""

    def __missing__(self, key: str) -> str:
        return "example"


def refusals_of(revision: Revision) -> Iterator[TemplateRefused]:
    """Yield why e-mails of a campaign can't be rendered, one reason for each e-mail."""
    for message in messages_of(revision.campaign):
        for language in ("", *sorted(message.subjects)):
            subject = message.subject_in(language)
            bodies = list(revision.template_files(message.template, language).values())
            has_plain_bodies = all(map(is_plain, bodies))
            if has_plain_bodies and is_plain(subject):
                continue
            is_certain = not any(names_used(text) & OPEN for text in (subject, *bodies))
            refusal = _refusal_of(revision, message, language, only_subject=has_plain_bodies)
            if refusal is not None and (is_certain or isinstance(refusal.__cause__, TemplateLimit)):
                yield refusal


def _refusal_of(
    revision: Revision, message: MessageSettings, language: str, *, only_subject: bool
) -> TemplateRefused | None:
    facts = {
        name: {field: _FACTS.get(field, "example") for field in fields} if fields else _AnyField()
        for name, fields in VARIABLES.items()
    }
    filters = filters_for(replace(_SHOP, language=language or message.language or _SHOP.language))
    try:
        if only_subject:
            with metered():
                compile_subject(message, filters, language).fill_in(facts)
        else:
            compile_message(revision, message, filters, language).render(facts)
    except TemplateRefused as refusal:
        return refusal
    return None
