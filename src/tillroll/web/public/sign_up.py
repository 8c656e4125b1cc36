"""`/signup/STORE`: a form by which people sign up for a shop's e-mails, as a page and in the storefront.

Nobody signs in, and no script is needed. A field that people don't see catches programs that fill in everything. With double
opt-in the link in an e-mail leads to a page with a button: looking changes nothing, since programs look at links too.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from markupsafe import Markup, escape
from werkzeug.exceptions import NotFound

from tillroll.campaign.frozen.recipient import mask_email
from tillroll.campaign.sentences.agreement import agreed_text
from tillroll.campaign.text.clean import clean_address
from tillroll.errors import Refused
from tillroll.ledger.audit import Way, act_by
from tillroll.ledger.consent.sign_ups import SignUpForm, load_form
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.stores import find_store
from tillroll.ledger.records import SignUp, Store
from tillroll.rendering.addresses import mailbox
from tillroll.rendering.bulk.confirm import ConfirmClaim
from tillroll.track.signups.sign_up import AskAnswer, Wanted, ask, confirm, find_confirmable
from tillroll.web.public.languages import languages_of_browser
from tillroll.web.public.limiter import BadLinks
from tillroll.web.public.sign_up_words import SignUpWords, sign_up_words
from tillroll.web.support import inputs, request_context
from tillroll.web.support.headers import PAGE_POLICY

log = structlog.get_logger("tillroll.web")
pages = Blueprint("sign_up", __name__)

_LIMITS = "tillroll sign-ups"
_TRAP = "website"  # the field that only programs fill in
_ORIGIN = re.compile(r"https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")
_LONGEST_ADDRESS = 320


@pages.record_once
def _set_up(state: BlueprintSetupState) -> None:
    state.app.extensions[_LIMITS] = BadLinks()


@pages.get("/signup/<int:ecwid_id>")
def page(ecwid_id: int) -> ResponseReturnValue:
    """Show the form."""
    store, form = _open_form(ecwid_id)
    return _form_page(store, form)


@pages.post("/signup/<int:ecwid_id>")
def submit(ecwid_id: int) -> ResponseReturnValue:
    """Take the form. What it answers is the same for everybody, whoever is a customer."""
    store, form = _open_form(ecwid_id)
    words = _words(store)
    if not _may_go_on():
        return _form_page(store, form, fault=words.too_many, status=429)
    thanks = redirect(url_for("sign_up.thanks", ecwid_id=ecwid_id, **_kept()), 303)
    if inputs.form_text(_TRAP):
        log.info("sign_up.trapped", store=ecwid_id)
        return thanks
    address = inputs.form_text("email", longest=_LONGEST_ADDRESS)
    fault = _fault(words, form, address)
    if fault:
        return _form_page(store, form, fault=fault, address=address, status=400)
    act_by(Way.LINK)
    wanted = Wanted(address=address, language=inputs.form_text("language"), client=_client(ecwid_id))
    answer = ask(request_context.services().engine, form, wanted, now=request_context.now())
    log.info("sign_up.asked", store=ecwid_id, answer=answer.value)
    if answer is AskAnswer.TOO_MANY:
        return _form_page(store, form, fault=words.too_many, address=address, status=429)
    return thanks


@pages.get("/signup/<int:ecwid_id>/thanks")
def thanks(ecwid_id: int) -> ResponseReturnValue:
    """Say what comes next."""
    store, form = _open_form(ecwid_id)
    words = _words(store)
    said = words.check_inbox if form.terms.double_opt_in else words.thanks
    return _answer(store, form, "sign_up.html", words=words, said=said)


@pages.get("/signup/<int:ecwid_id>/confirm/<token:token>")
def confirm_page(ecwid_id: int, token: str) -> ResponseReturnValue:
    """Show what the link in the e-mail confirms."""
    store, claim = _claimed(ecwid_id, token)
    found = None
    if store is not None and claim is not None:
        now = request_context.now()
        with reading(request_context.services().engine) as connection:
            found = find_confirmable(connection, store.id, claim.sign_up_id, claim.address, now)
    return _confirmation(store, found)


@pages.post("/signup/<int:ecwid_id>/confirm/<token:token>")
def confirm_now(ecwid_id: int, token: str) -> ResponseReturnValue:
    """Write that they agree."""
    store, claim = _claimed(ecwid_id, token)
    done = None
    if store is not None and claim is not None:
        act_by(Way.LINK)
        engine, now = request_context.services().engine, request_context.now()
        done = confirm(engine, store.id, claim.sign_up_id, claim.address, client=_client(ecwid_id), now=now)
        log.info("sign_up.confirmed", store=ecwid_id, worked=done is not None)
    if done is None:
        return _confirmation(store, None)
    return redirect(url_for("sign_up.confirm_page", ecwid_id=ecwid_id, token=token), 303)


@pages.get("/signup/<int:ecwid_id>/form.js")
def script(ecwid_id: int) -> ResponseReturnValue:
    """Return the script that shows the form in a page of the storefront."""
    _open_form(ecwid_id)
    answer = Response(render_template("sign_up.js"), mimetype="text/javascript")
    answer.headers["Cross-Origin-Resource-Policy"] = (
        "cross-origin"  # other sites load it: that is what it is for
    )
    return answer


def _open_form(ecwid_id: int) -> tuple[Store, SignUpForm]:
    """Return a store and its form. Without an open form there is no page."""
    with reading(request_context.services().engine) as connection:
        store = find_store(connection, ecwid_id)
        form = load_form(connection, store.id) if store is not None else None
    if store is None or form is None or not form.terms.is_open:
        raise NotFound
    return store, form


def _claimed(ecwid_id: int, token: str) -> tuple[Store | None, ConfirmClaim | None]:
    """Return the store and what a link says; nothing for a link that isn't ours."""
    services = request_context.services()
    claim = services.confirm_links.opened(token)
    with reading(services.engine) as connection:
        store = find_store(connection, ecwid_id)
    return store, claim if claim is not None and claim.ecwid_id == ecwid_id else None


def _fault(words: SignUpWords, form: SignUpForm, address: str) -> str:
    """Return what is wrong with a form; empty if nothing is."""
    try:
        mailbox("", clean_address(address))
    except Refused:
        return words.bad_address
    if (
        inputs.form_text("version") != form.terms.version
        or inputs.form_text("language") not in form.terms.texts
    ):
        return words.changed
    return "" if inputs.form_text("agree") == "yes" else words.not_ticked


def _form_page(
    store: Store, form: SignUpForm, *, fault: str = "", address: str = "", status: int = 200
) -> Response:
    text, language = agreed_text(form.terms.texts, *_languages(store))
    answer = _answer(
        store,
        form,
        "sign_up.html",
        words=_words(store),
        said="",
        fault=fault,
        address=address,
        text=escape(text).replace("{shop}", Markup("<bdi>{}</bdi>").format(store.name)),
        language=language,
        version=form.terms.version,
        trap=_TRAP,
    )
    answer.status_code = status
    return answer


def _confirmation(store: Store | None, sign_up: SignUp | None) -> ResponseReturnValue:
    if store is None or sign_up is None:
        status = 404 if _may_go_on() else 429
        words = sign_up_words(*languages_of_browser())
        return make_response(render_template("sign_up_confirm.html", words=words, values=None), status)
    words = sign_up_words(sign_up.language, store.language)
    values = {"shop": store.name, "address": mask_email(sign_up.address)}
    is_done = sign_up.confirmed_at is not None
    return render_template("sign_up_confirm.html", words=words, values=values, is_done=is_done)


def _answer(store: Store, form: SignUpForm, template: str, **values: object) -> Response:
    """Return a page; one that is shown in the storefront says which sites may do so."""
    framed = bool(inputs.query_text("framed"))
    answer = make_response(render_template(template, values={"shop": store.name}, framed=framed, **values))
    if framed:
        ancestors = f"frame-ancestors {' '.join(_sites(store, form))}"
        answer.headers["Content-Security-Policy"] = PAGE_POLICY.replace("frame-ancestors 'none'", ancestors)
    return answer


def _kept() -> dict[str, Any]:
    """Return the parts of the query that the next page needs: that it is shown in the storefront, and the language."""
    named = {name: inputs.query_text(name) for name in ("framed", "lang")}
    return {name: value for name, value in named.items() if value}


def _sites(store: Store, form: SignUpForm) -> list[str]:
    own = urlsplit(store.url)
    sites = [f"https://{own.netloc}", *form.terms.sites]
    return [site for site in sites if _ORIGIN.fullmatch(site)] or ["'none'"]


def _may_go_on() -> bool:
    """Count a request of this client. Returns whether it may go on."""
    limits: BadLinks = current_app.extensions[_LIMITS]
    return limits.count(request.remote_addr or "", request_context.now())


def _client(ecwid_id: int) -> str:
    """Return a salted hash of where a request comes from: of an IPv6 address the network alone, which is one household."""
    place = request.remote_addr or ""
    with suppress(ValueError):
        address = ipaddress.ip_address(place)
        if address.version == 6:
            place = str(ipaddress.ip_network(f"{address}/64", strict=False))
    key = f"tillroll sign-up client {request_context.services().keys[0]}".encode()
    return hmac.digest(key, f"{ecwid_id} {place}".encode(), hashlib.sha256).hex()[:32]


def _words(store: Store) -> SignUpWords:
    return sign_up_words(*_languages(store))


def _languages(store: Store) -> tuple[str, ...]:
    """Return the languages to choose from: the storefront's page's, the browser's, the store's."""
    return (inputs.query_text("lang"), *languages_of_browser(), store.language)
