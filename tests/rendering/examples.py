"""All starter e-mails and those of the sample campaigns, filled in for a made-up reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tests.shop import sample_files
from tillroll.campaign import Revision, parse_book
from tillroll.campaign.folder.drafts import draft, kinds
from tillroll.campaign.frozen.revision import with_reminder
from tillroll.campaign.language.models import Offer
from tillroll.rendering.compile import Rendered, compile_message
from tillroll.rendering.facts import CodeFacts, RecipientFacts, StoreFacts, facts_for, filters_for

SHOP = StoreFacts(
    name="Leaf & Kettle",
    url="https://shop.example",
    email="hello@shop.example",
    currency="EUR",
    timezone="Europe/Ljubljana",
    language="en",
)
READER = RecipientFacts(
    email="ana@customer.example", name="Ana Novak", first_name="Ana", language="en", country="SI"
)
BRAND = b"""postal_address: [Leaf & Kettle, Teal Street 12, 1000 Ljubljana]
links: [{words: Privacy, address: "https://shop.example/privacy"}]
"""
_GOODS = (("Smoked chestnut, 100 g", 2, "8.90"), ("Silver tips, first flush, hand-picked", 1, "24.50"))
_PICTURE = "https://shop.example/tea.jpg"
EVENT: dict[str, Any] = {
    "cart": {
        "total": Decimal("42.30"),
        "goods": [
            {
                "id": 1,
                "name": name,
                "quantity": count,
                "price": Decimal(price),
                "picture": _PICTURE,
                "options": {},
            }
            for name, count, price in _GOODS
        ],
    },
    "product": {
        "id": 1,
        "name": "Smoked chestnut, 100 g",
        "sku": "SMO-01",
        "price": Decimal("8.90"),
        "url": "https://shop.example/smoked-chestnut-p1001",
        "picture": _PICTURE,
    },
    "order": {"id": "TEA10234", "total": Decimal("42.30")},
    "review": {"rating": 5},
    "earlier": {"price": Decimal("9.90")},
}


@dataclass(frozen=True, kw_only=True)
class Example:
    """One e-mail."""

    name: str  # of its template's folder
    language: str
    rendered: Rendered


def starter_emails(language: str = "en", *, brand: bytes = BRAND) -> Iterator[Example]:
    """Yield every e-mail of the library, as `tillroll new` writes it."""
    for kind in sorted(kinds()):
        files = draft(kind, name=kind, today=date(2026, 11, 23), wanted=(language,))
        book = parse_book({path: text.encode() for path, text in files.items()} | {"rules/brand.yaml": brand})
        assert not book.findings, book.findings
        yield from emails_of(book.revisions[kind], language)


def sample_emails() -> Iterator[Example]:
    """Yield the e-mails of the sample folder."""
    for _, revision in sorted(parse_book(sample_files()).revisions.items()):
        yield from emails_of(revision, "en")


def emails_of(revision: Revision, language: str) -> Iterator[Example]:
    """Yield every e-mail of a campaign."""
    offer: Offer | None = None
    for step in range(1, max(1, len(revision.campaign.steps)) + 1):
        run = revision.as_run(step=step)
        offer = run.offer or offer
        for message in () if run.message is None else with_reminder(run.message):
            shop = SHOP.of_email(revision.brand, language, revision.name)
            compiled = compile_message(revision, message, filters_for(shop))
            facts = facts_for(
                shop=shop, title=revision.campaign.title, reader=READER, code=code_of(offer), event=EVENT
            )
            yield Example(name=message.template, language=language, rendered=compiled.render(facts))


def code_of(offer: Offer | None) -> CodeFacts | None:
    """Return a made-up code of an offer."""
    if offer is None:
        return None
    own = offer.largest_value if offer.per_customer is not None and offer.at_most is None else None
    given = offer.applied(own, Decimal("0.01"))
    ends = datetime(2026, 12, 24, 22, 59, 59, tzinfo=UTC)
    start = datetime(2026, 11, 29, tzinfo=UTC)
    return CodeFacts(
        text="HELLO-7KQM-2XWD",
        valid_from=start,
        valid_until=ends,
        offer=given,
        value=given.fixed_value,
        offer_text="",
    )
