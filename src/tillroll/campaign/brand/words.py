"""What templates show of the brand: the variables `brand.…`, in the language of the e-mail. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tillroll.campaign.brand.brand import Brand
from tillroll.campaign.brand.colours import readable_on
from tillroll.campaign.language.translations import choose_translation

BRAND_VARIABLES: Mapping[str, str] = {
    "name": "the shop's name",
    "postal_address": "a list of lines: `{{ brand.postal_address | join(', ') }}`; may be empty",
    "reason": "why somebody gets the e-mail, in its language",
    "unsubscribe": "the words of the link that ends the e-mails, in their language",
    "links": "a list, each with `words` and `address`; may be empty",
    "reply_to": "where answers go; may be empty",
    "logo": "the address of its picture; may be empty",
    "logo_alt": "what is shown while the picture isn't loaded",
    "logo_width": "in pixels",
    "direction": "`ltr`, or `rtl` for a language that is written from right to left",
    "ink": "the colour of texts",
    "paper": "the colour they stand on",
    "accent": "the colour of headings, links and buttons",
    "button_text": "the colour of the words on a button",
    "dark_accent": "the accent's shade that can be read in the dark",
}
"""The fields of `brand`, with what they are."""

DARK_PAPER = "#2a2a27"
"""What texts stand on where the reader's device is set to dark."""

_REASON: Mapping[str, str] = {
    "en": "You get this e-mail because you agreed to receive e-mails from {}.",
    "de": "Sie erhalten diese E-Mail, weil Sie E-Mails von {} zugestimmt haben.",
    "fr": "Vous recevez cet e-mail parce que vous avez accepté de recevoir ceux de {}.",
    "it": "Riceve questa e-mail perché ha acconsentito a ricevere quelle di {}.",
    "es": "Recibe este correo porque aceptó recibir los de {}.",
    "sl": "To sporočilo ste prejeli, ker ste se strinjali s prejemanjem naših sporočil ({}).",
}
_UNSUBSCRIBE: Mapping[str, str] = {
    "en": "Unsubscribe",
    "de": "Abmelden",
    "fr": "Se désabonner",
    "it": "Annulla l’iscrizione",
    "es": "Darse de baja",
    "sl": "Odjava",
}
_FROM_THE_RIGHT = frozenset({"ar", "dv", "fa", "he", "iw", "ps", "sd", "ug", "ur", "yi"})


def brand_facts(brand: Brand, *, language: str, store_name: str) -> Mapping[str, Any]:
    """Return the variables of an e-mail in a language."""
    name, colours, logo = brand.name or store_name, brand.colours, brand.logo
    return {
        "name": name,
        "postal_address": list(brand.postal_address),
        "reason": reason_of(brand, language, name),
        "unsubscribe": _in_language({**_UNSUBSCRIBE, **brand.unsubscribe}, language),
        "links": [{"words": link.words, "address": link.address} for link in brand.links],
        "reply_to": brand.reply_to or "",
        "logo": logo.address if logo is not None else "",
        "logo_alt": logo.alt if logo is not None else "",
        "logo_width": logo.width if logo is not None else 0,
        "direction": "rtl" if _primary(language) in _FROM_THE_RIGHT else "ltr",
        "ink": colours.ink,
        "paper": colours.paper,
        "accent": colours.accent,
        "button_text": colours.button_text,
        "dark_accent": readable_on(colours.accent, DARK_PAPER),
    }


def reason_of(brand: Brand, language: str, name: str) -> str:
    """Return why somebody gets an e-mail, in its language if the brand or Tillroll has words in it."""
    own = brand.reason
    if (found := choose_translation(language, frozenset(own))) != "":
        return own[found]
    known = choose_translation(language, frozenset(_REASON))
    if not known and own:
        return own.get("en") or next(iter(own.values()))
    return _REASON[known or "en"].format(name)


def _in_language(words: Mapping[str, str], language: str) -> str:
    return words[choose_translation(language, frozenset(words)) or "en"]


def _primary(language: str) -> str:
    return language.replace("_", "-").partition("-")[0].lower()
