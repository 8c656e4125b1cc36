"""Reading the rows of the store's lists one by one: what can't be read of a row costs no other row, and is told.

A row without a usable id is left out. A key that can't be kept to the letter (an address, a SKU, a code) is empty in its row,
since another text would be somebody else's. Both are handed over as `Unread`. Texts that people read are cleaned and always kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import structlog

from tillroll.campaign.text.clean import CleanText, Uncleanable, clean_address
from tillroll.ecwid.http.wire import Raw, key_text, maybe_whole, text
from tillroll.errors import Refused

log = structlog.get_logger("tillroll.ecwid")

_LONGEST_ID = 60
_T_co = TypeVar("_T_co", covariant=True)
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Unread:
    """What couldn't be read of one row of the store."""

    subject: str  # customers, orders, …
    row_id: CleanText  # as far as it can be shown; may be empty
    field: str  # by our name; empty: the whole row was left out
    why: str  # the end of a sentence that begins with the row or the field


Tell = Callable[[Unread], None]
"""Take note of what couldn't be read."""


class UnreadableRow(Refused):
    """The store has the object that was asked for, but its answer can't be read."""


class NoId(ValueError):
    """A row without an id, or with one that the store can't have given."""


class Keys:
    """The keys of one row: each is kept to the letter, or empty and told."""

    def __init__(self, subject: str, row_id: CleanText, tell: Tell) -> None:
        self._subject, self._row_id, self._tell = subject, row_id, tell

    def key(self, raw: Any, field: str) -> CleanText:
        """Return a key, or an empty text if it can't be kept."""
        return self._kept(lambda: key_text(raw, field), field)

    def address(self, raw: Any, field: str = "email") -> CleanText:
        """Return an e-mail address, or an empty text if it is missing or no e-mail could go there."""
        given = raw if isinstance(raw, str) else ""
        return self._kept(lambda: clean_address(given, field), field) if given.strip() else CleanText("")

    def leave_out(self, field: str, why: str) -> None:
        """Tell that a field (or, without its name, the row) is left out."""
        self._tell(Unread(subject=self._subject, row_id=self._row_id, field=field, why=why))

    def _kept(self, read: Callable[[], CleanText], field: str) -> CleanText:
        try:
            return read()
        except Uncleanable as fault:
            self.leave_out(field, fault.reason)
            return CleanText("")


class Make(Protocol[_T_co]):
    """Makes a value of a row. Raises `NoId` or `Uncleanable` when the row has no id that can be kept."""

    def __call__(self, raw: Raw, keys: Keys, /) -> _T_co: ...


def log_unread(unread: Unread) -> None:
    """Log what couldn't be read, for readers that keep no note of it."""
    log.warning("row.unread", area=unread.subject, row=unread.row_id, field=unread.field, reason=unread.why)


def identity_of(name: str) -> Callable[[Mapping[str, Any]], Hashable]:
    """Return the function by which rows of a list are told apart: their id, or their text if they have none."""

    def identity(row: Mapping[str, Any]) -> Hashable:
        id_ = _id_in(row, name)
        return id_ if isinstance(id_, int | str) else str(row)[:200]

    return identity


def read_rows(
    rows: Iterable[Raw], make: Make[_T], subject: str, *, id_name: str = "id", tell: Tell = log_unread
) -> Iterator[_T]:
    """Yield the value of each row that can be read, and tell what can't."""
    for raw in rows:
        keys = Keys(subject, _shown_id(raw, id_name), tell)
        try:
            value = make(raw, keys)
        except Exception as fault:
            keys.leave_out("", _why(fault))
            continue
        yield value


def read_row(raw: Raw, make: Make[_T], subject: str, *, id_name: str = "id", tell: Tell = log_unread) -> _T:
    """Return the value of one object's answer. Raises `UnreadableRow`."""
    for value in read_rows([raw], make, subject, id_name=id_name, tell=tell):
        return value
    raise UnreadableRow(
        f"The store's answer about {_shown_id(raw, id_name) or 'a row'} of its {subject} can't be read.",
        hint="Look at it in the store's admin, and correct it there.",
    )


def required_key(raw: Any) -> CleanText:
    """Return the text that identifies a row. Raises `NoId` or `Uncleanable` when there is none."""
    key = key_text(raw, "id")
    if not key:
        raise NoId
    return key


def required_number(raw: Any) -> int:
    """Return the number that identifies a row. Raises `NoId` when there is none."""
    number = maybe_whole(raw)
    if number is None:
        raise NoId
    return number


def _id_in(raw: Any, id_name: str) -> Any:
    return raw.get(id_name) if isinstance(raw, Mapping) else None  # what is no object is no row


def _shown_id(raw: Any, id_name: str) -> CleanText:
    return text(_id_in(raw, id_name), longest=_LONGEST_ID)


def _why(fault: Exception) -> str:
    if isinstance(fault, NoId):
        return "has no id that could be one"
    return (
        f"its id {fault.reason}"
        if isinstance(fault, Uncleanable)
        else f"can't be read ({type(fault).__name__})"
    )
