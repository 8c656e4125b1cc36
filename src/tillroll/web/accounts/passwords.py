"""The rules for passwords, which hold for the pages and the command alike, and their hashes.

A password is refused if it can be guessed with some effort: zxcvbn knows common passwords, names, words, dates, keyboard rows and
repetitions. Hashes are argon2id with their salt and cost, so they survive a change of the installation's keys.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from argon2 import PasswordHasher
from zxcvbn import zxcvbn

from tillroll.errors import Refused

LEAST_PASSWORD = 10
MOST_PASSWORD = 256  # argon2 would take more, but a form that accepts megabytes invites abuse
_LEAST_SCORE = 3  # of 0 to 4: at least a hundred million guesses
_MOST_RATED = 72  # characters that zxcvbn looks at; a longer password is at least as hard to guess
_LEAST_NAME = 4  # characters of a name that no password may hold; a shorter one is part of many words
_WORDS_OF_OURS = ("tillroll", "ecwid", "lightspeed")


@dataclass(frozen=True, kw_only=True)
class HashingCost:
    """What it costs to hash a password, and to try one. Each hash holds its own."""

    memory_kib: int = 65_536
    passes: int = 3
    lanes: int = 4


FULL_COST = HashingCost()
"""Of every account of an installation. A hash of another cost is made anew when its owner signs in."""


def reasons_against(password: str, *, email: str) -> tuple[str, ...]:
    """Return why a password won't do for an account, each a sentence. Empty: it will."""
    plain = unicodedata.normalize("NFC", password)
    if len(plain) < LEAST_PASSWORD or len(normal_form(password)) > MOST_PASSWORD:
        return (f"A password has {LEAST_PASSWORD} to {MOST_PASSWORD} characters; this one has {len(plain)}.",)
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in plain):
        return ("A password holds no control characters.",)
    folded, name = _folded(plain), _folded(email).partition("@")[0]
    if _folded(email) in folded or (len(name) >= _LEAST_NAME and name in folded):
        return ("The password holds the account's own address.",)
    known = [word for word in re.split(r"[^\w]+", _folded(email)) if word]
    rated = zxcvbn(
        unicodedata.normalize("NFKC", plain)[:_MOST_RATED],
        user_inputs=[*known, *_WORDS_OF_OURS],
        max_length=_MOST_RATED,
    )
    if rated["score"] < _LEAST_SCORE:
        warning = str(rated["feedback"]["warning"]).rstrip(".")
        return (f"The password is easy to guess{f': {warning}' if warning else ''}.",)
    return ()


def hash_password(password: str, *, email: str, cost: HashingCost = FULL_COST) -> str:
    """Return the hash of an account's new password. Raises `Refused` if it won't do."""
    reasons = reasons_against(password, email=email)
    if reasons:
        raise Refused(" ".join(reasons), hint="Four or five uncommon words in a row are easy to remember.")
    hasher = PasswordHasher(memory_cost=cost.memory_kib, time_cost=cost.passes, parallelism=cost.lanes)
    return hasher.hash(normal_form(password))


def normal_form(password: str) -> str:
    """Return a password as the sign-in form compares it: é can be typed in two ways."""
    return unicodedata.normalize("NFKD", password)


def cut(password: str) -> str:
    """Return a password that was typed, cut to a length that is still no account's: hashing refuses very long ones."""
    return normal_form(password)[: MOST_PASSWORD + 1]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
