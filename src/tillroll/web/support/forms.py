"""What the forms share: their texts are clean, and what they do ends on a page with a message."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Flask, flash, redirect, request
from flask.typing import ResponseReturnValue

from tillroll.campaign.text.clean import foreign_in_file
from tillroll.errors import NotAllowed, NotFound, Refused

_NOTE = "note"
_BREAKS = frozenset("\t\r\n")  # good in a note, in no address
_FORM = "application/x-www-form-urlencoded"  # pages take no other kind (`bounds.py`)


def set_up(app: Flask) -> None:
    """Refuse addresses and fields with characters that no browser sends for what a person typed."""
    app.before_request(_refuse_foreign_text)


def _refuse_foreign_text() -> None:
    if foreign_in_file(request.path) or not _BREAKS.isdisjoint(request.path):
        raise NotFound("There is no page at this address.")
    for name, value in request.args.items(multi=True):
        if _is_foreign(name, value):
            raise Refused(
                f"{_field(name)} of this address has a control character, or another that can't be kept.",
                hint="Nothing was done. Open the page from the menu, or follow the link again.",
            )
    if request.mimetype == _FORM:
        for name, value in request.form.items(multi=True):
            if _is_foreign(name, value):
                raise Refused(
                    f"{_field(name)} has a control character, or another that can't be kept.",
                    hint="Nothing was done. Go back and type it anew: it may have been pasted with the text.",
                )


def _is_foreign(name: str, value: str) -> bool:
    return name != _NOTE and bool(foreign_in_file(f"{name}{value}", isolates=True))


def _field(name: str) -> str:
    """Return what a refusal calls a field. A name that is none of ours is not repeated."""
    return f"The field {name}" if re.fullmatch(r"[a-z_]{1,30}", name) else "A field"


def act_and_return(page: str, act: Callable[[], str]) -> ResponseReturnValue:
    """Call `act`, then redirect to a page that shows the message it returns.

    A refusal shows there too, next to what it is about. `NotAllowed` and `NotFound` get their own error page.
    """
    try:
        flash(act(), "good")
    except (NotAllowed, NotFound):
        raise
    except Refused as refusal:
        flash(f"{refusal.message} {refusal.hint}".strip(), "bad")
    return redirect(page, 303)
