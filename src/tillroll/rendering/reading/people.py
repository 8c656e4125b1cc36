"""Recipients for whom an e-mail may read badly: without a name, with the longest one, with the smallest value.

They are picked while the audience is counted, a few for each arm, whatever its size.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from tillroll.campaign.frozen.recipient import Recipient

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_MOST_LANGUAGES = 6
_SIGNS = re.compile(r"[&<>\"'’{}%$\\]")


class Awkward(StrEnum):
    """What is awkward about a recipient; a phrase that ends “for the one …”."""

    ORDINARY = "first"
    NAMELESS = "without a first name"
    NO_NAME = "without a full name"
    LONGEST = "with the longest name"
    RIGHT_TO_LEFT = "with a name written from right to left"
    OTHER_SCRIPT = "with a name in other letters than English has"
    SIGNS = "with a sign like & or ' in the name"
    NO_COUNTRY = "without a country"
    NO_LANGUAGE = "without a language"
    SMALLEST = "with the smallest value"
    LARGEST = "with the largest value"
    LANGUAGE = "with another language than the first one"


@dataclass(frozen=True, kw_only=True)
class AwkwardPerson:
    """A recipient, with everything that is awkward about them."""

    recipient: Recipient
    kinds: tuple[Awkward, ...]


@dataclass(slots=True)
class _Arm:
    people: dict[Awkward, Mapping[str, Any]] = field(default_factory=dict)
    counts: dict[Awkward, int] = field(default_factory=dict)
    longest: int = -1
    least: Decimal | None = None
    most: Decimal | None = None
    languages: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # the first of each

    def keep(self, kind: Awkward, row: Mapping[str, Any]) -> None:
        """Count one more recipient of a kind; the first one is kept."""
        self.people.setdefault(kind, row)
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def replace(self, kind: Awkward, row: Mapping[str, Any]) -> None:
        """Keep a recipient who is more of a kind than all before."""
        self.people[kind], self.counts[kind] = row, 1

    def take_value(self, value: Decimal, row: Mapping[str, Any]) -> None:
        """Take a recipient with a value of their own."""
        if self.least is None or value < self.least:
            self.least = value
            self.replace(Awkward.SMALLEST, row)
        elif value == self.least:
            self.counts[Awkward.SMALLEST] += 1
        if self.most is None or value > self.most:
            self.most = value
            self.replace(Awkward.LARGEST, row)
        elif value == self.most:
            self.counts[Awkward.LARGEST] += 1


class AwkwardPeople:
    """Picks awkward recipients from a stream of rows, and counts how many there are of each kind."""

    def __init__(self) -> None:
        self._arms: dict[str, _Arm] = {}

    def take(self, row: Mapping[str, Any]) -> None:
        """Take the next recipient. There may be a million, so this does little for an ordinary one."""
        arm = self._arms.get(row["arm"])
        if arm is None:
            arm = self._arms[row["arm"]] = _Arm()
            arm.keep(Awkward.ORDINARY, row)
        first, name = row["first_name"], row["name"]
        if not first:
            arm.keep(Awkward.NAMELESS, row)
        if not name:
            arm.keep(Awkward.NO_NAME, row)
        length = len(name) + len(first)
        if length > arm.longest:
            arm.longest = length
            arm.replace(Awkward.LONGEST, row)
        if not name.isascii():
            is_right_to_left = _RIGHT_TO_LEFT.search(name) is not None
            arm.keep(Awkward.RIGHT_TO_LEFT if is_right_to_left else Awkward.OTHER_SCRIPT, row)
        if not name.isalpha() and _SIGNS.search(name):
            arm.keep(Awkward.SIGNS, row)
        if not row["country"]:
            arm.keep(Awkward.NO_COUNTRY, row)
        if not row["language"]:
            arm.keep(Awkward.NO_LANGUAGE, row)
        if row["language"] not in arm.languages and len(arm.languages) < _MOST_LANGUAGES:
            arm.languages[row["language"]] = row
        if row["value"] is not None:
            arm.take_value(row["value"], row)

    def of_arm(self, arm: str) -> list[AwkwardPerson]:
        """Return the recipients of an arm that were picked, each once."""
        if arm not in self._arms:
            return []
        kinds: dict[int, list[Awkward]] = {}
        rows: dict[int, Mapping[str, Any]] = {}
        for kind in Awkward:
            row = self._arms[arm].people.get(kind)
            if row is not None:
                rows[row["customer_id"]] = row
                kinds.setdefault(row["customer_id"], []).append(kind)
        for row in self._arms[arm].languages.values():
            if row["customer_id"] not in rows:
                rows[row["customer_id"]] = row
                kinds[row["customer_id"]] = [Awkward.LANGUAGE]
        return [
            AwkwardPerson(recipient=Recipient.of(row), kinds=tuple(kinds[key])) for key, row in rows.items()
        ]

    def count(self, arm: str, kind: Awkward) -> int:
        """Return how many recipients of an arm are of a kind."""
        return self._arms[arm].counts.get(kind, 1)  # of a language, the first one is known
