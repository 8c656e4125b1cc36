"""The store in a page's address: every page about a store is below `/stores/<its Ecwid number>/`.

A page and a form act on the store that their address names and on no other, so a page that was opened before its reader
looked at another store can't act on that one. `url_for` adds the number of the page's own store by itself.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, request
from flask_security import current_user

from tillroll.web.support import request_context

BELOW_STORE = "/stores/<int:store_number>"
_NUMBER = "store_number"


def set_up(app: Flask) -> None:
    """Have an app take the store from its addresses, and add it to those that it makes.

    Call it after the sign-in is set up: which stores there are is told to nobody who hasn't signed in.
    """
    app.url_value_preprocessor(_take_store)
    app.url_defaults(_add_store)
    app.before_request(_require_store)


def _take_store(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Take the store's number out of what the views get as arguments."""
    request_context.name_store((values or {}).pop(_NUMBER, None))


def _require_store() -> None:
    """Answer 404 unless the person has a role for the store in the address, and the run in it is that store's."""
    if request_context.named_store() is None or not current_user.is_authenticated:
        return
    request_context.require_named_store((request.view_args or {}).get("run_id"))


def _add_store(endpoint: str, values: dict[str, Any]) -> None:
    if _NUMBER in values or not current_app.url_map.is_endpoint_expecting(endpoint, _NUMBER):
        return
    store = request_context.current_store()
    if store is not None:
        values[_NUMBER] = store.ecwid_id
