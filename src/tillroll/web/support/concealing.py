"""Shared codes are hidden from people who may not decide: one code for everybody is worth money to whoever reads it.

It may stand anywhere on a page: as the example of a plan, in an e-mail's text and subject, in what was edited in a file. So it is
masked in the finished page.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from flask import Flask, Response
from flask_security import current_user

from tillroll.campaign.frozen.recipient import mask_code
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.plans import shared_codes_of
from tillroll.web.support import request_context


def set_up(app: Flask) -> None:
    """Mask shared codes in every page of an app that a person without the right to decide sees of a store."""
    app.after_request(_conceal_if_needed)


def _conceal_if_needed(response: Response) -> Response:
    if response.mimetype != "text/html" or response.is_streamed or request_context.named_store() is None:
        return response
    if response.status_code >= 500:  # it shows nothing of the store, and the ledger may be what failed
        return response
    if not current_user.is_authenticated or request_context.may_decide():
        return response
    store = request_context.current_store()
    if store is None:
        return response
    with reading(request_context.services().engine) as connection:
        codes = shared_codes_of(connection, store.id)
    if codes:
        response.set_data(conceal(response.get_data(as_text=True), codes))
    return response


def conceal(text: str, codes: Collection[str]) -> str:
    """Return a text with the codes masked, however they are written. One without a digit is found only as it is spelled."""
    for code in sorted(codes, key=len, reverse=True):
        flags = re.IGNORECASE if any(char.isdigit() for char in code) else re.NOFLAG
        whole = rf"(?<![A-Za-z0-9]){re.escape(code)}(?![A-Za-z0-9])"
        text = re.sub(whole, mask_code(code), text, flags=flags)
    return text
