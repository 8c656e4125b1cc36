"""Connecting a store by its owner's click (OAuth), and trying again a store that had shut us out."""

from __future__ import annotations

import hmac
import secrets

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from tillroll.approve.decide import ADMIN
from tillroll.ecwid.oauth import App, Grant, authorize_url, exchange
from tillroll.errors import NotAllowed, NotFound, Refused, TillrollError
from tillroll.track.connect import connect, reconnect
from tillroll.web import here

pages = Blueprint("stores", __name__)

_STATE = "oauth_state"


@pages.get("/oauth/install")
def install() -> ResponseReturnValue:
    """Send the admin's browser to the store to allow the app."""
    _want_an_admin()
    state = secrets.token_urlsafe(24)
    session[_STATE] = state
    return redirect(authorize_url(_app(), state=state))


@pages.get("/oauth/callback")
def callback() -> ResponseReturnValue:
    """The store's answer. One that we asked for is taken; one that comes by itself is asked about first."""
    _want_an_admin()
    if error := request.args.get("error"):
        session.pop(_STATE, None)
        raise Refused(f"The store's owner did not allow it ({error[:80]}).", hint="Nothing was changed.")
    store_id, code = request.args.get("store_id", ""), request.args.get("code", "")
    if not (store_id.isascii() and store_id.isdigit()) or not code:
        raise Refused(
            "The store's answer lacks its number or its code.", hint="Start the installation again."
        )
    asked = session.pop(_STATE, "")
    if hmac.compare_digest(asked.encode(), request.args.get("state", "").encode()) and asked:
        return _take(int(store_id), code)
    # begun in the store's admin, or by somebody who wants their store in our place: a person must say yes
    return render_template("connect.html", store_id=int(store_id), code=code)


@pages.post("/oauth/connect")
def confirm() -> ResponseReturnValue:
    """A person's yes to an installation that was begun in the store."""
    _want_an_admin()
    store_id = request.form.get("store_id", "")
    if not (store_id.isascii() and store_id.isdigit()):
        raise Refused("The store's number is missing.", hint="Start the installation again.")
    return _take(int(store_id), request.form.get("code", ""))


@pages.post("/store/retry")
def retry() -> ResponseReturnValue:
    """Ask the store whether it lets us in again with the token it has."""
    if not here.may_decide():
        raise NotAllowed("You may not do this.", hint="An approver or an admin may.")
    services, store = here.services(), here.needed_store()
    try:
        with services.client(store, person=True) as client:
            client.shop.profile()
    except TillrollError as trouble:
        flash(f"Not yet: {trouble.message}", "bad")
    else:
        reconnect(services.engine, store_id=store.id, actor=here.person().email, now=here.now())
        flash("The store lets us in again. Work goes on where it stood.", "good")
    return redirect(url_for("home.home"))


@pages.post("/store/choose")
def choose() -> ResponseReturnValue:
    """Look at another store, until further notice."""
    wanted = request.form.get("store", "")
    found = next((one for one in here.stores() if str(one.ecwid_id) == wanted), None)
    if found is None:
        raise NotFound("There is no such store here.", hint="Choose one of the list.")
    session[here.CHOSEN] = found.ecwid_id
    return redirect(url_for("home.home"), 303)


def _take(store_id: int, code: str) -> ResponseReturnValue:
    services = here.services()
    grant = exchange(_app(), store_id=store_id, code=code)
    connect(
        services.engine,
        ecwid_id=grant.store_id,
        base_url=services.settings.api_url,
        sealed_token=services.sealer.seal(grant.token),
        scopes=" ".join(sorted(grant.scopes)),
        changed=True,
        now=here.now(),
        actor=here.person().email,
    )
    _tell(grant)
    return redirect(url_for("home.home"))


def _tell(grant: Grant) -> None:
    if grant.missing:
        words = f"Store {grant.store_id} is connected, but without {', '.join(grant.missing)}: no campaign can run."
        flash(f"{words} Ask for these scopes and install the app again.", "bad")
    else:
        flash(f"Store {grant.store_id} is connected.", "good")


def _want_an_admin() -> None:
    if ADMIN not in here.person().roles:
        raise NotAllowed("Only an admin may connect a store.", hint="Sign in as one.")


def _app() -> App:
    settings = here.services().settings
    if not settings.client_id or not settings.client_secret:
        raise Refused(
            "This installation has no app of its own.",
            hint="Set ECWID_CLIENT_ID and ECWID_CLIENT_SECRET, or connect with: tillroll store connect",
        )
    base = settings.public_url or request.url_root.rstrip("/")
    return App(
        oauth_url=settings.oauth_url,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        redirect_uri=f"{base}{url_for('stores.callback')}",
    )
