"""What an e-mail must say of its offer: until when, from what amount, on what, for whom, how often. Pure.

A term is said by a variable, or by words: those of six languages are known, in others the variable is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tillroll.campaign.language.models import AllowedCustomers, Offer, Uses
from tillroll.campaign.reading.visible import own_words
from tillroll.campaign.sentences.claimed.shown import mentions

_ALL = frozenset({"offer.conditions", "offer.text"})


@dataclass(frozen=True, kw_only=True)
class Term:
    """One thing that an offer asks for or is limited to."""

    name: str  # completes “it doesn't say …”
    applies: Callable[[Offer], bool]
    fields: frozenset[str]  # the variables that say it, besides those that say everything
    words: re.Pattern[str]  # that say it


def _words(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), re.IGNORECASE)


TERMS = (
    Term(
        name="until when the code works",
        applies=lambda offer: True,
        fields=frozenset({"code.valid_until"}),
        words=_words(
            r"\d{4}-\d\d-\d\d", r"\d{1,2}\. ?\d{1,2}\.", r"\d{1,2}\.? \w+ \d{4}", r"\w+ \d{1,2}, \d{4}"
        ),
    ),
    Term(
        name="from what amount on it works",
        applies=lambda offer: bool(offer.minimum_subtotal) or offer.at_most is not None,
        fields=frozenset({"code.minimum_subtotal"}),
        words=_words(r"(?!)"),  # the amount itself is looked for
    ),
    Term(
        name="what goods it is for",
        applies=lambda offer: offer.applies_to is not None,
        fields=frozenset({"product.name"}),
        words=_words(r"(?!)"),  # the goods' names are looked for
    ),
    Term(
        name="that it is for a first order only",
        applies=lambda offer: offer.customers is AllowedCustomers.NEW,
        fields=frozenset(),
        words=_words(
            r"first[- ]order",
            r"first purchase",
            r"new customers?",
            r"erste[nr]? (bestellung|einkauf)",
            r"neukund",
            r"premi[eè]re commande",
            r"nouveaux? clients?",
            r"primo (ordine|acquisto)",
            r"nuovi clienti",
            r"primer(a)? (pedido|compra)",
            r"nuevos clientes",
            r"prv(o|emu|em|ega) (naro[čc]il|nakup)",
        ),
    ),
    Term(
        name="that only those who have ordered before can use it",
        applies=lambda offer: offer.customers is AllowedCustomers.REPEAT,
        fields=frozenset(),
        words=_words(
            r"ordered before",
            r"(our|returning|regular|loyal) (customers?|regulars)",
            r"stammkund",
            r"schon (einmal )?bestellt",
            r"d[ée]j[àa] command",
            r"gi[àa] ordinato",
            r"ya (han|has|ha) (hecho|pedido|comprado)",
            r"[žz]e naro[čc]il",
        ),
    ),
    Term(
        name="that it works once",
        applies=lambda offer: offer.uses is not Uses.UNLIMITED,
        fields=frozenset(),
        words=_words(
            r"\bonce\b",
            r"single[- ]use",
            r"one[- ]time",
            r"\beinmal",
            r"(une )?seule fois",
            r"une fois",
            r"una (sola )?volta",
            r"una (sola )?vez",
            r"\benkrat",
        ),
    ),
)


def unsaid(offer: Offer, parts: Sequence[str]) -> list[str]:
    """Return what an e-mail doesn't say of its offer. `parts` are the templates of its subject and bodies in one language."""
    if any(mentions(text, _ALL) for text in reversed(parts)):
        return []
    words = "\n".join(map(own_words, parts))
    return [
        term.name
        for term in TERMS
        if term.applies(offer)
        and not any(mentions(text, term.fields) for text in parts)
        and not term.words.search(words)
        and not any(name in words.casefold() for name in _own_names(term, offer))
    ]


def _own_names(term: Term, offer: Offer) -> list[str]:
    """Return what of the offer itself says a term: the amount, or the names of the goods."""
    if "code.minimum_subtotal" in term.fields and offer.minimum_subtotal is not None:
        return [f"{offer.minimum_subtotal.normalize():f}"]
    if "product.name" in term.fields and offer.applies_to is not None:
        names = (*offer.applies_to.products, *offer.applies_to.categories)
        return [name.rpartition("/")[2].casefold() for name in names]
    return []
