"""Trying again whether a store that was disconnected accepts the token. The banner of every page has the button."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from tillroll.errors import NotAllowed, TillrollError
from tillroll.track.connect import reconnect
from tillroll.web.support import request_context

pages = Blueprint("retry", __name__)


@pages.post("/retry")
def retry() -> ResponseReturnValue:
    """Ask a disconnected store whether it accepts the token again."""
    if not request_context.may_decide():
        raise NotAllowed("Only an approver or an admin may try the store again.", hint="Ask one of them.")
    services, store = request_context.services(), request_context.required_store()
    try:
        with services.client(store, person=True) as client:
            client.shop.profile()
    except TillrollError as error:
        flash(f"Not yet: {error.message}", "bad")
    else:
        reconnect(
            services.engine,
            store_id=store.id,
            actor=request_context.person().email,
            now=request_context.now(),
        )
        flash("The store accepts us again. Work continues where it stopped.", "good")
    return redirect(url_for("home.home"), 303)
