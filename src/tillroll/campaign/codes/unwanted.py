"""Words that no code may hold, seen through look-alike signs (`5H1T`) and hyphens: nobody wants to mail them to a customer.

The list is the one that Sqids keeps for generated ids (https://sqids.org/blocklist: English, French, Spanish, Portuguese,
Italian, German, Hindi); a code format may add words of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from sqids.constants import DEFAULT_BLOCKLIST

_ALIKE = ("O0", "I1L", "Z2", "E3", "A4", "S5", "G69", "T7", "B8", "UV")
"""Signs that people read as one another; the first stands for all of them."""

_SEEN = str.maketrans({sign: group[0] for group in _ALIKE for sign in group[1:]} | {"-": None})
_VOWELS = "AEIOU"


def seen(text: str) -> str:
    """A text as somebody reads it who doesn't look closely: capitals, look-alikes folded, hyphens gone."""
    return text.upper().translate(_SEEN)


@cache
def unwanted_words(more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The kept list and `more`, each as `seen`; a word that holds another one is left out, since that one is found in it."""
    words = {seen(word) for word in (*DEFAULT_BLOCKLIST, *more)}
    return tuple(sorted(word for word in words if not _holds_another(word, words)))


def _holds_another(word: str, words: set[str]) -> bool:
    parts = (word[start:end] for start in range(len(word)) for end in range(start + 1, len(word) + 1))
    return any(part != word and part in words for part in parts)


@cache
def searching(words: tuple[str, ...]) -> re.Pattern[bytes]:
    """A pattern that finds any of the words in what was `seen`. A match begins at one letter of the word, not always its first.

    That letter is a vowel where there is one: fewer than a quarter of drawn signs look like a vowel, so the search passes
    over most of a block of codes at once. What stands before it in the word is looked back at.
    """
    anchored: dict[str, dict[str, set[str]]] = {}
    for word in words:
        at = next((place for place, sign in enumerate(word) if sign in _VOWELS), 0)
        anchored.setdefault(word[at], {}).setdefault(word[at + 1 :], set()).add(word[:at])
    either = (anchor + _after(anchor, after) for anchor, after in sorted(anchored.items()))
    return re.compile("|".join(either).encode() or rb"(?!)")


def _after(read: str, endings: Mapping[str, Iterable[str]]) -> str:
    """A pattern for what follows `read`: one of the endings, each with one of its beginnings before `read`."""
    if "" in endings:
        if "" in endings[""]:
            return ""
        here = ["|".join(f"(?<={start}{read})" for start in sorted(endings[""]))]
    else:
        here = []
    by_next: dict[str, dict[str, Iterable[str]]] = {}
    for ending, starts in endings.items():
        if ending:
            by_next.setdefault(ending[0], {})[ending[1:]] = starts
    here += [sign + _after(read + sign, rest) for sign, rest in sorted(by_next.items())]
    return f"(?:{'|'.join(here)})"


def openings(words: Iterable[str], prefix: str) -> tuple[str, ...]:
    """What the drawn part may not begin with, as `seen`: the ends of words that the prefix has begun."""
    before = seen(prefix)
    cut = (word[size:] for word in words for size in range(1, len(word)) if before.endswith(word[:size]))
    return tuple(sorted(set(cut)))


class Reader:
    """Reads sign by sign whether a word has come up; its state is how much of a word stands at the end of what was read."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(words)
        self._begun = frozenset(word[:size] for word in self._words for size in range(len(word)))
        self._known: dict[tuple[str, str], str | None] = {}

    def read(self, state: str, sign: str) -> str | None:
        """The state after one more sign; None when that completes a word."""
        if (state, sign) not in self._known:
            self._known[state, sign] = self._read(state + sign)
        return self._known[state, sign]

    def after(self, prefix: str) -> str:
        """The state after a prefix, whatever the prefix itself holds: it is as somebody wrote it."""
        return next(self._begun_at_the_end(seen(prefix)))

    def _read(self, text: str) -> str | None:
        if any(text[start:] in self._words for start in range(len(text))):
            return None
        return next(self._begun_at_the_end(text))

    def _begun_at_the_end(self, text: str) -> Iterator[str]:
        return (text[start:] for start in range(len(text) + 1) if text[start:] in self._begun)
