"""Whether two people may be one person or one household: by their addresses, surnames and mailboxes. Pure."""

from __future__ import annotations

import re
import unicodedata

_WORDS = re.compile(r"[^\W_]+")
_NOT_PART_OF_A_STREET = frozenset(
    {
        *(
            "street",
            "st",
            "str",
            "strasse",
            "ulica",
            "ul",
            "cesta",
            "c",
            "road",
            "rd",
            "avenue",
            "ave",
            "via",
            "rue",
            "de",
        ),
        *("lane", "ln", "drive", "dr", "trg", "platz", "square", "sq"),
    }
)
"""Words that the same address has in full, shortened or not at all."""

_INSIDE_A_HOUSE = frozenset(
    {"apt", "apartment", "flat", "unit", "floor", "stanovanje", "suite", "top", "app"}
)
"""Words before the number of a flat. It is left out: all who live in one house count as one household."""

_ROLES = frozenset({"info", "office", "hello", "mail", "contact", "sales", "admin", "shop", "kontakt"})
_LONG_ENOUGH = 6  # of a mailbox's name, to be the same person's at two providers
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii"})


def _folded(text: str) -> str:
    """Return a text without case and accents."""
    plain = unicodedata.normalize(
        "NFKD", text.casefold().replace("ß", "ss").replace("ł", "l").replace("đ", "d")
    )
    return "".join(char for char in plain if not unicodedata.combining(char))


def household_of(street: str, postal_code: str, country: str) -> str:
    """Return what the postal addresses of one house have in common, however they are written. Empty: not known."""
    words, inside = [], False
    for word in _WORDS.findall(_folded(street)):
        if inside or word in _INSIDE_A_HOUSE:
            inside = not inside
        elif word.removesuffix("strasse") and word not in _NOT_PART_OF_A_STREET:
            words.append(word.removesuffix("strasse").removesuffix("str") or word)
    code = "".join(_WORDS.findall(_folded(postal_code)))
    if not words or not code:
        return ""
    return " ".join([*sorted(words), code, country.strip().casefold()])


def surnames_of(name: str, last_name: str = "") -> tuple[str, ...]:
    """Return the surnames in a name, both of a double one. Empty for a name of one word."""
    before_comma, comma, _ = name.partition(",")
    words = _WORDS.findall(_folded(last_name or before_comma.replace("-", " - ")))
    if last_name or comma:
        return tuple(word for word in words if word not in _SUFFIXES)
    parts = [part for part in _folded(name).split() if part.strip(".") not in _SUFFIXES]
    return tuple(_WORDS.findall(parts[-1])) if len(parts) > 1 else ()


def is_like(mailbox: str, other: str) -> bool:
    """Return whether two mailboxes may be the same person's: with a typo, or the same name at another provider."""
    if not mailbox or not other:
        return False
    name, _, domain = mailbox.rpartition("@")
    other_name, _, other_domain = other.rpartition("@")
    plain, other_plain = (
        one.replace(".", "").replace("_", "").replace("-", "") for one in (name, other_name)
    )
    if plain == other_plain and len(plain) >= _LONG_ENOUGH and plain not in _ROLES:
        return True
    if _digits(name) != _digits(other_name):
        return False  # ana1 and ana2 are two people
    return len(plain) >= _LONG_ENOUGH and _is_typo(f"{plain}@{domain}", f"{other_plain}@{other_domain}")


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _is_typo(text: str, other: str) -> bool:
    """Return whether one letter is wrong, missing, added or swapped with its neighbour."""
    if abs(len(text) - len(other)) > 1 or text == other:
        return text == other
    start = 0
    while start < min(len(text), len(other)) and text[start] == other[start]:
        start += 1
    rest, other_rest = text[start:], other[start:]
    swapped = rest[:2] == other_rest[1::-1] and rest[2:] == other_rest[2:]
    return swapped or rest[1:] == other_rest[1:] or rest[1:] == other_rest or rest == other_rest[1:]
