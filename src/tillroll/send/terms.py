"""What the e-mails of a run have in common whose readers have the same arm and language, and whose codes have the same terms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from tillroll.rendering.compile import Compiled
from tillroll.rendering.jinja.fold import Known

_FOLD_AFTER = 20
"""E-mails, before what they have in common is folded into their template: that takes as long as hundreds of them."""

_MOST_FOLDED = 16
_MOST_KEPT = 1_000


class TermsKey(NamedTuple):
    """By what e-mails differ, besides their reader and the text of their code."""

    arm: str
    language: str  # of the reader
    has_code: bool
    value: Decimal | None  # the code's own
    valid_from: datetime | None
    valid_until: datetime | None


@dataclass(kw_only=True)
class SharedTerms:
    """What e-mails with one key have in common."""

    compiled: Compiled
    facts: Mapping[str, Any]
    used: int = 0  # by how many e-mails


@dataclass
class TermsOfRun:
    """The terms of one run's e-mails, as they are met."""

    _known: dict[TermsKey, SharedTerms] = field(default_factory=dict)
    _folded: int = 0

    def __iter__(self) -> Iterator[SharedTerms]:
        return iter(self._known.values())

    def get(self, key: TermsKey, make: Callable[[], SharedTerms]) -> SharedTerms:
        """Return the terms of a key, with the template that is the fastest for them."""
        terms = self._known.get(key)
        if terms is None:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            terms = self._known[key] = make()
        terms.used += 1
        if terms.used == _FOLD_AFTER and self._folded < _MOST_FOLDED:
            terms.compiled = terms.compiled.folded(_known(terms.facts))
            self._folded += 1
        return terms


def _known(facts: Mapping[str, Any]) -> Known:
    """Return what is known of e-mails with these facts: all of it, but for the text of the code."""
    return Known.of(
        {name: value for name, value in facts.items() if name != "code"}, {"code": facts.get("code")}
    )
