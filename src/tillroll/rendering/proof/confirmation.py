"""The e-mail of double opt-in: made from the shop's template for one wish, and tried by `tillroll check` with made-up readers."""

from __future__ import annotations

from collections.abc import Iterator

from tillroll.campaign.frozen.sign_up import ConfirmationWords, SignUpTerms
from tillroll.campaign.reading.faults import EmailPart
from tillroll.campaign.reading.gaps import gaps_in
from tillroll.campaign.reading.visible import own_words, visible_text
from tillroll.campaign.sentences.claimed.shown import fields_shown
from tillroll.errors import Refused
from tillroll.rendering.compile import Rendered, compile_files, subject_part
from tillroll.rendering.facts import RecipientFacts, StoreFacts, common_facts, filters_for, reader_facts
from tillroll.rendering.trial import EXAMPLE_SHOP

SIGN_UP = "sign-up"
"""What the e-mail's title and its unsubscribe link call it."""

_UNKNOWN = frozenset({"customer.name", "customer.first_name", "customer.country"})
"""What nobody knows of somebody who has just signed up."""


def render_confirmation(
    words: ConfirmationWords,
    translation: str,
    shop: StoreFacts,
    reader: RecipientFacts,
    *,
    confirm_link: str,
    stop_link: str,
) -> Rendered:
    """Return the e-mail in one of its translations; empty: its own words. Raises `Refused`.

    `shop` has the brand in that language.
    """
    filters = filters_for(shop)
    subject = subject_part(words.subjects[translation], filters)
    compiled = compile_files(words.files_in(translation), words.template, subject, filters, translation)
    common = common_facts(shop=shop, title=SIGN_UP, code=None, event=None)
    facts = reader_facts(common, reader, code="", unsubscribe_link=stop_link)
    return compiled.render({**facts, "confirm_link": confirm_link})


def refusals_of_confirmation(terms: SignUpTerms) -> Iterator[str]:
    """Yield why the e-mail can't be made, or what is missing in it, one reason for each of its languages."""
    words = terms.confirmation
    if words is None:
        return
    for language in words.subjects:
        if reason := _refusal_in(terms, words, language):
            yield f"{reason} (language {language})" if language else reason


def _refusal_in(terms: SignUpTerms, words: ConfirmationWords, language: str) -> str:
    spoken = language or words.language or EXAMPLE_SHOP.language
    reader = RecipientFacts(email="ana@customer.example", name="", first_name="", language=spoken, country="")
    shop = EXAMPLE_SHOP.of_email(terms.brand, spoken, "")
    link = "https://tillroll.shop.example/"
    try:
        made = render_confirmation(
            words, language, shop, reader, confirm_link=f"{link}confirm", stop_link=f"{link}stop"
        )
    except Refused as refused:
        return refused.message
    written = [words.subjects[language], *words.files_in(language).values()]
    unknown = next(
        (each.name for text in written for each in fields_shown(text) if each.name in _UNKNOWN), ""
    )
    if unknown:
        return f"nobody knows {unknown} yet, and the e-mail shows it; leave it out, or say what stands there instead"
    shown = {
        EmailPart.SUBJECT: made.subject,
        EmailPart.HTML: visible_text(made.html),
        EmailPart.TEXT: made.text,
    }
    own = " ".join(map(own_words, written))
    return next((gap.problem for part, text in shown.items() for gap in gaps_in(text, own, part, ())), "")
