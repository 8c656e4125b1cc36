"""Words that no code may contain, also not in look-alike characters (`5H1T`) or across hyphens.

The list is the blocklist of Sqids (https://sqids.org/blocklist: English, French, Spanish, Portuguese, Italian, German, Hindi);
a code format may add words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from sqids.constants import DEFAULT_BLOCKLIST

_ALIKE = ("O0", "I1L", "Z2", "E3", "A4", "S5", "G69", "T7", "B8", "UV")
"""Characters that people mistake for one another; the first of each group stands for all of it."""

_FOLDED = str.maketrans({char: group[0] for group in _ALIKE for char in group[1:]} | {"-": None})
_VOWELS = "AEIOU"


def fold_lookalikes(text: str) -> str:
    """Return a text in capitals, with look-alike characters folded into one and without hyphens."""
    return text.upper().translate(_FOLDED)


@cache
def unwanted_words(more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the built-in list and `more`, folded; a word that contains another listed word is left out."""
    words = {fold_lookalikes(word) for word in (*DEFAULT_BLOCKLIST, *more)}
    return tuple(sorted(word for word in words if not _holds_another(word, words)))


def _holds_another(word: str, words: set[str]) -> bool:
    parts = (word[start:end] for start in range(len(word)) for end in range(start + 1, len(word) + 1))
    return any(part != word and part in words for part in parts)


@cache
def compile_search(words: tuple[str, ...]) -> re.Pattern[bytes]:
    """Return a pattern that finds any of the words in folded text. A match may begin inside the word.

    A match begins at the word's first vowel, if it has one: fewer than a quarter of drawn characters look like a vowel, so
    the search skips most of a block of codes. Lookbehinds check the letters before the vowel.
    """
    anchored: dict[str, dict[str, set[str]]] = {}
    for word in words:
        at = next((place for place, char in enumerate(word) if char in _VOWELS), 0)
        anchored.setdefault(word[at], {}).setdefault(word[at + 1 :], set()).add(word[:at])
    either = (anchor + _after(anchor, after) for anchor, after in sorted(anchored.items()))
    return re.compile("|".join(either).encode() or rb"(?!)")


def _after(read: str, endings: Mapping[str, Iterable[str]]) -> str:
    """Return a pattern for the rest of the words after `read`; `endings` maps each rest to the starts allowed before `read`."""
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
    here += [char + _after(read + char, rest) for char, rest in sorted(by_next.items())]
    return f"(?:{'|'.join(here)})"


def forbidden_starts(words: Iterable[str], prefix: str) -> tuple[str, ...]:
    """Return what the drawn part may not begin with, folded: the ends of words whose start is the end of the prefix."""
    before = fold_lookalikes(prefix)
    cut = (word[size:] for word in words for size in range(1, len(word)) if before.endswith(word[:size]))
    return tuple(sorted(set(cut)))


class WordMatcher:
    """An automaton that reads characters and reports when a word is complete; a state is the start of a word read so far."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(words)
        self._begun = frozenset(word[:size] for word in self._words for size in range(len(word)))
        self._next: dict[tuple[str, str], str | None] = {}

    def read(self, state: str, char: str) -> str | None:
        """Return the state after one more character; None when it completes a word."""
        if (state, char) not in self._next:
            self._next[state, char] = self._read(state + char)
        return self._next[state, char]

    def read_fixed(self, state: str, char: str, run: int) -> str | None:
        """Return the state after a character that every code has; None when it completes a word with a drawn one in it.

        `run` is how many such characters stand in a row, with this one. A word of these alone was chosen by a person.
        """
        text = state + char
        if any(text[start:] in self._words for start in range(len(text) - run)):
            return None
        return next(self._longest_starts(text))

    def after(self, prefix: str) -> str:
        """Return the state of the search once it has read a prefix. Words inside the prefix don't count: a person chose it."""
        return next(self._longest_starts(fold_lookalikes(prefix)))

    def _read(self, text: str) -> str | None:
        if any(text[start:] in self._words for start in range(len(text))):
            return None
        return next(self._longest_starts(text))

    def _longest_starts(self, text: str) -> Iterator[str]:
        return (text[start:] for start in range(len(text) + 1) if text[start:] in self._begun)
