"""`/unsubscribe/…`: where the link in an e-mail leads. Looking changes nothing, since programs look at links too.

A form's choice is posted, as is the button of a mail program (RFC 8058), which has no cookies, follows no redirect and sends
`List-Unsubscribe=One-Click`. The link's token says who it is about; nobody signs in.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import structlog
from flask import Blueprint, current_app, make_response, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from markupsafe import Markup, escape

from tillroll.campaign.frozen.recipient import mask_email
from tillroll.campaign.states import ConsentSource
from tillroll.ledger.audit import Way, act_by
from tillroll.rendering.bulk.link import PATH, Subscription
from tillroll.track.consent.by_link import Choice, choose, look
from tillroll.web.public.languages import languages_of_browser
from tillroll.web.public.limiter import BadLinks
from tillroll.web.public.words import UnsubscribeWords, words_in
from tillroll.web.support import inputs, request_context

log = structlog.get_logger("tillroll.web")
pages = Blueprint("unsubscribe", __name__)

_BAD_LINKS = "tillroll bad links"


@pages.record_once
def _set_up(state: BlueprintSetupState) -> None:
    state.app.extensions[_BAD_LINKS] = BadLinks()


@pages.get(f"{PATH}<token:token>")
def page(token: str) -> ResponseReturnValue:
    """Show what the reader gets, and offer to change it."""
    subscription = request_context.services().links.opened(token)
    return _shown(subscription) if subscription is not None else refuse_link()


@pages.post(f"{PATH}<token:token>")
def unsubscribe(token: str) -> ResponseReturnValue:
    """Do what the form says; without a form of ours it is a mail program's button, which stops all e-mails."""
    services = request_context.services()
    subscription = services.links.opened(token)
    if subscription is None:
        return refuse_link()
    act_by(Way.LINK)
    choice = _choice()
    source = ConsentSource.LINK if choice is not None else ConsentSource.ONE_CLICK
    choose(services.engine, subscription, choice or Choice.ALL, source=source, now=request_context.now())
    log.info("reader.chose", store=subscription.ecwid_id, choice=choice or Choice.ALL, by=source)
    if choice is None:
        return _shown(subscription)
    return redirect(url_for("unsubscribe.page", token=token), 303)


def _choice() -> Choice | None:
    """Return what the page's form says; None if it isn't the page's form."""
    if request.mimetype == "application/x-www-form-urlencoded":
        with suppress(ValueError):
            return Choice(inputs.form_text("choice"))
    return None


def _shown(subscription: Subscription) -> ResponseReturnValue:
    services = request_context.services()
    view = look(services.engine, subscription, now=request_context.now())
    if view is None:
        return refuse_link()
    words = words_in(view.language, *languages_of_browser(), view.store.language)
    values = {"shop": view.store.name, "address": mask_email(view.address)}
    said = {
        Choice.ALL: words.stopped,
        Choice.CAMPAIGN: words.stopped_campaign,
        Choice.WEEKLY: words.once_a_week,
        Choice.MONTHLY: words.once_a_month,
    }
    return render_template(
        "unsubscribe.html",
        words=words,
        values=values,
        chosen=view.chosen,
        said=said[view.chosen] if view.chosen is not None else "",
        may_undo=view.may_undo,
        offers=view.chosen is not Choice.ALL,
    )


def refuse_link() -> ResponseReturnValue:
    """Answer a link that this installation didn't make, or no longer has the key of."""
    bad_links: BadLinks = current_app.extensions[_BAD_LINKS]
    may_go_on = bad_links.count(request.remote_addr or "", request_context.now())
    words: UnsubscribeWords = words_in(*languages_of_browser())
    status = 404 if may_go_on else 429
    answer = make_response(render_template("unsubscribe.html", words=words, values=None), status)
    if not may_go_on:
        answer.headers["Retry-After"] = "300"
    return answer


@pages.app_template_filter("filled")
def filled(sentence: str, values: Mapping[str, str]) -> Markup:
    """Return a sentence with names filled in. Each keeps its own direction, so that it turns nothing around it."""
    shown = {name: Markup("<bdi>{}</bdi>").format(value) for name, value in values.items()}
    return escape(sentence).format(**shown)
