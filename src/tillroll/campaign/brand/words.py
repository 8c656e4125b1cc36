"""What templates show of the brand: the variables `brand.…`, in the language of the e-mail. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from tillroll.campaign.brand.brand import Brand, Colours, Font
from tillroll.campaign.brand.colours import mixed, readable_on
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
    "font": "the fonts of all texts, as CSS names them",
    "page": "the colour around the paper",
    "quiet": "the colour of texts that are less important",
    "tint": "a light shade of the accent, for boxes",
    "line": "a shade of the accent for lines and borders",
    "dark_page": "instead of `page`, on devices that are set to dark",
    "dark_paper": "instead of `paper`",
    "dark_ink": "instead of `ink`",
    "dark_quiet": "instead of `quiet`",
    "dark_tint": "instead of `tint`",
    "dark_accent": "instead of `accent`",
}
"""The fields of `brand`, with what they are."""

_DARK = {
    "dark_page": "#1b1b1a",
    "dark_paper": "#2a2a27",
    "dark_ink": "#eceae4",
    "dark_quiet": "#b9b6ad",
    "dark_tint": "#34373a",
}
"""Where the reader's device is set to dark."""

_DARK_CONTRAST = 6.5  # more than is needed: a colour looks duller in the dark
_FONTS = {
    Font.SERIF: "Georgia, 'Times New Roman', serif",
    Font.SANS: "'Helvetica Neue', Helvetica, Arial, sans-serif",
}

_REASON: Mapping[str, str] = {
    "en": "You get this e-mail because you agreed to receive e-mails from {}.",
    "de": "Sie erhalten diese E-Mail, weil Sie dem Empfang von E-Mails von {} zugestimmt haben.",
    "fr": "Vous recevez cet e-mail parce que vous avez accepté de recevoir les messages de {}.",
    "it": "Ricevi questa e-mail perché hai accettato di ricevere messaggi da {}.",
    "es": "Recibes este correo porque aceptaste recibir mensajes de {}.",
    "sl": "To sporočilo ste prejeli, ker ste se strinjali s prejemanjem sporočil trgovine {}.",
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
        "font": _FONTS[brand.font],
        **_shades(colours),
    }


def _shades(colours: Colours) -> Mapping[str, str]:
    """Return the colours of the brand, and shades made from them that can be read on each other."""
    tint = mixed(colours.paper, colours.accent, Fraction(1, 16))
    quiet = readable_on(mixed(colours.ink, colours.paper, Fraction(1, 4)), colours.page)
    return {
        "ink": colours.ink,
        "paper": colours.paper,
        "accent": colours.accent,
        "button_text": colours.button_text,
        "page": colours.page,
        "quiet": readable_on(quiet, tint),
        "tint": tint,
        "line": mixed(colours.paper, colours.accent, Fraction(2, 5)),
        **_DARK,
        "dark_accent": readable_on(colours.accent, _DARK["dark_tint"], least=_DARK_CONTRAST),
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
