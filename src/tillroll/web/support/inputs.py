"""Reading what a request brings: numbers, choices and texts of its query and its form, each with a bound.

No page reads `request.args` or `request.form` itself (a house test holds it), so nothing reaches a stage that is too long, holds
half a character, or is a digit of no number.
"""

from __future__ import annotations

from collections.abc import Collection

from flask import abort, request
from werkzeug.routing import UnicodeConverter, ValidationError

from tillroll.campaign.text.clean import CleanText, clean_line, clean_lines, is_clean
from tillroll.errors import NotFound, Refused

MOST_NUMBER = 2**53
"""Larger than any id. Both databases and JavaScript hold it exactly."""
_MOST_DIGITS = len(str(MOST_NUMBER))
_LONGEST_WORD = 100
_LONGEST_SECRET = 1_000
_LONGEST_NOTE = 2_000
_MOST_CHOSEN = 500


class Word(UnicodeConverter):
    """A word in an address, like a campaign's name: no control characters, no half of one, and not long."""

    def to_python(self, value: str) -> str:
        """Return the word. Raises `ValidationError`, which leads to no page."""
        if len(value) > _LONGEST_WORD or not is_clean(value):
            raise ValidationError
        return value


class LinkToken(UnicodeConverter):
    """What a link in an e-mail says: any text that isn't long, which is judged by whoever made the link."""

    def to_python(self, value: str) -> str:
        """Return the text. Raises `ValidationError`, which leads to no page."""
        if len(value) > _LONGEST_SECRET:
            raise ValidationError
        return value


def number_of(raw: str, *, most: int = MOST_NUMBER) -> int | None:
    """Return the whole number that a text writes in ASCII digits; None if it is none, or a larger one."""
    if not (raw.isascii() and raw.isdigit() and len(raw) <= _MOST_DIGITS):
        return None
    number = int(raw)
    return number if number <= most else None


def query_number(name: str) -> int | None:
    """Return a number of the address's query; None if there is none. Raises `NotFound` if it is too large for any row."""
    raw = request.args.get(name, "")
    number = number_of(raw)
    if number is None and raw.isascii() and raw.isdigit():
        raise NotFound("There is no page at this address.")
    return number


def query_choice(name: str, choices: Collection[str], default: str) -> str:
    """Return one of a few words of the query. Another word leads to no page."""
    chosen = request.args.get(name, default)
    if chosen not in choices:
        abort(404)
    return chosen


def query_text(name: str, *, longest: int = _LONGEST_WORD) -> CleanText:
    """Return a line of the query; empty if there is none."""
    return clean_line(request.args.get(name, ""), longest=longest)


def form_number(name: str) -> int | None:
    """Return a number of the form; None if there is none."""
    return number_of(request.form.get(name, ""))


def form_numbers(name: str) -> list[int]:
    """Return the numbers of a form's field that may appear several times, like the boxes that are ticked."""
    raw = request.form.getlist(name)
    numbers = [number for number in map(number_of, raw) if number is not None]
    if len(numbers) < len(raw) or len(raw) > _MOST_CHOSEN:
        raise Refused("The form has a number that can't be read.", hint="Reload the page, then try again.")
    return numbers


def form_text(name: str, *, longest: int = _LONGEST_WORD) -> CleanText:
    """Return a line of the form; empty if there is none."""
    return clean_line(request.form.get(name, ""), longest=longest)


def form_secret(name: str) -> str:
    """Return a password of the form to the letter; its rules are the accounts' own."""
    return request.form.get(name, "")[:_LONGEST_SECRET]


def every_value(name: str) -> list[str]:
    """Return all values that the query and the form give for a name, as they came, to be judged and not kept."""
    return [*request.args.getlist(name), *request.form.getlist(name)]


def note() -> CleanText:
    """Return the note of the submitted form, with plain line ends."""
    return clean_lines(request.form.get("note", ""), longest=_LONGEST_NOTE)


def sent_bytes() -> bytes:
    """Return the request's body as it came, for what signs it. It is no longer than `bounds.py` lets through."""
    return request.get_data()
