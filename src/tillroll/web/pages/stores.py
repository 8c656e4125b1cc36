"""`/`, choosing which store it leads to, and connecting a store with OAuth."""

from __future__ import annotations

import hmac
import secrets

from flask import Blueprint, flash, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue

from tillroll.ecwid.http.oauth import App, Grant, authorize_url, exchange
from tillroll.errors import NotAllowed, NotFound, Refused
from tillroll.track.connect import connect
from tillroll.web.support import inputs, request_context

_LONGEST_CODE = 500  # of the store's, which we exchange for a token
pages = Blueprint("stores", __name__)

_OAUTH_STATE = "oauth_state"  # key of the session
_AGAIN = "Nothing has changed. Start the installation again."


@pages.get("/")
def start() -> ResponseReturnValue:
    """Lead to the home page of the store that the person chose last, otherwise of their first one."""
    store = request_context.current_store()
    if store is None:
        return render_template("no_store.html", any_store=request_context.is_any_connected())
    return redirect(url_for("home.home", store_number=store.ecwid_id))


@pages.get("/oauth/install")
def install() -> ResponseReturnValue:
    """Send the admin's browser to the store to allow the app."""
    _require_admin()
    state = secrets.token_urlsafe(24)
    session[_OAUTH_STATE] = state
    return redirect(authorize_url(_app(), state=state))


@pages.get("/oauth/callback")
def callback() -> ResponseReturnValue:
    """Take the store's answer: connect if we asked for it, otherwise let a person confirm it first."""
    _require_admin()
    if error := inputs.query_text("error", longest=80):
        session.pop(_OAUTH_STATE, None)
        raise Refused(f"The store's owner did not allow it ({error}).", hint="Nothing has changed.")
    store_id = _store_number(inputs.query_text("store_id"))
    code = _code(inputs.query_text("code", longest=_LONGEST_CODE + 1))
    expected = session.pop(_OAUTH_STATE, "")
    if hmac.compare_digest(expected.encode(), inputs.query_text("state").encode()) and expected:
        return _connect(store_id, code)
    # It was begun in the store's admin, or by an attacker who wants us to use their store: a person confirms it.
    return render_template("connect.html", store_id=store_id, code=code)


@pages.post("/oauth/connect")
def confirm() -> ResponseReturnValue:
    """Connect a store whose installation was begun in its admin, once a person has confirmed it."""
    _require_admin()
    store_id = _store_number(inputs.form_text("store_id"))
    return _connect(store_id, _code(inputs.form_text("code", longest=_LONGEST_CODE + 1)))


@pages.post("/store/choose")
def choose() -> ResponseReturnValue:
    """Go to another store; `/` leads there from now on."""
    wanted = inputs.form_number("store")
    stores = request_context.visible_stores()
    store = next((store for store in stores if store.ecwid_id == wanted), None)
    if store is None:
        raise NotFound("There is no such store.", hint="Choose one from the list.")
    session[request_context.CHOSEN_STORE] = store.ecwid_id
    return redirect(url_for("home.home", store_number=store.ecwid_id), 303)


def _store_number(given: str) -> int:
    number = inputs.number_of(given)
    if not number:
        what = "is not the number of a store" if given else "is missing"
        raise Refused(f"The field store_id of the store's answer {what}.", hint=_AGAIN)
    return number


def _code(given: str) -> str:
    if not given or len(given) > _LONGEST_CODE:
        what = f"has more than {_LONGEST_CODE} characters" if given else "is missing"
        raise Refused(f"The field code of the store's answer {what}.", hint=_AGAIN)
    return given


def _connect(store_id: int, code: str) -> ResponseReturnValue:
    services = request_context.services()
    grant = exchange(_app(), hosts=services.settings.allowed_hosts, store_id=store_id, code=code)
    connect(
        services.engine,
        ecwid_id=grant.store_id,
        base_url=services.settings.api_url,
        sealed_token=services.sealer.seal(grant.token),
        scopes=" ".join(sorted(grant.scopes)),
        changed=True,
        now=request_context.now(),
        actor=request_context.person().email,
    )
    _flash_outcome(grant)
    return redirect(url_for("home.home", store_number=grant.store_id))


def _flash_outcome(grant: Grant) -> None:
    if grant.missing:
        flash(
            f"Store {grant.store_id} is connected, but without {', '.join(grant.missing)}, so no campaign can run. "
            "Request these scopes for the app, then install it again.",
            "bad",
        )
    else:
        flash(f"Store {grant.store_id} is connected.", "good")


def _require_admin() -> None:
    if not request_context.person().is_administrator:  # a role for one store is not enough to add another
        raise NotAllowed("Only an admin may connect a store.", hint="Sign in as an admin.")


def _app() -> App:
    settings = request_context.services().settings
    if not settings.client_id or not settings.client_secret:
        raise Refused(
            "This installation has no Ecwid app of its own.",
            hint="Set ECWID_CLIENT_ID and ECWID_CLIENT_SECRET, or connect with: tillroll store connect",
        )
    if not settings.public_url:  # the Host header is the visitor's word: the code would be sent where it says
        raise Refused(
            "This installation doesn't know its own address, to which the store sends its answer.",
            hint="Set TILLROLL_URL to the public address of these pages.",
        )
    return App(
        oauth_url=settings.oauth_url,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        redirect_uri=f"{settings.public_url}{url_for('stores.callback')}",
    )
