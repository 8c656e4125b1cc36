"""Sending the e-mail by which somebody confirms that they signed up: one for each wish, made from the shop's template.

It is written down that an e-mail leaves before it does. After a kill in between, a transport with a log tells whether it left;
otherwise it counts as sent, so that nobody gets two. Crash points: *claimed*, *handed over*, as in `send/slices/deliver.py`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from tillroll.campaign.frozen.sign_up import ConfirmationWords
from tillroll.campaign.states import SignUpState
from tillroll.errors import Refused
from tillroll.ledger.consent.sign_ups import (
    SignUpForm,
    due_sign_ups,
    load_form,
    move_sign_up,
    next_sign_up,
)
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.records import SignUp, Store
from tillroll.rendering.bulk.confirm import ConfirmClaim, ConfirmLinks
from tillroll.rendering.bulk.link import Subscription
from tillroll.rendering.compile import Rendered
from tillroll.rendering.facts import RecipientFacts
from tillroll.rendering.mime import Outgoing, build
from tillroll.rendering.preview import store_facts
from tillroll.rendering.proof.confirmation import SIGN_UP, render_confirmation
from tillroll.send.context import SendContext
from tillroll.send.decide import DOUBTFUL_RETRIES, MESSAGE_RETRIES, DeliveryOutcome, pause_after
from tillroll.send.hold import load_hold
from tillroll.send.transport import Delivery

log = structlog.get_logger("tillroll.send")

_MOST = 50  # in one turn
_WAIT = timedelta(minutes=5)  # until it is tried again where nothing can leave


def send_confirmations(
    context: SendContext, links: ConfirmLinks, store: Store, *, until: datetime
) -> datetime | None:
    """Send the e-mails that wait, until then. Returns when to continue, or None while none waits."""
    _settle_interrupted(context, store.id)
    now = context.clock.now()
    with reading(context.engine) as connection:
        waiting = due_sign_ups(connection, store.id, {SignUpState.ASKED}, now, most=_MOST)
        form = load_form(connection, store.id) if waiting else None
        held = load_hold(connection, context.transport.name) is not None
    if waiting and (held or form is None or form.terms.confirmation is None or not context.links):
        return now + _WAIT
    for sign_up in waiting:
        if context.clock.now() >= until or form is None or not _send(context, links, store, form, sign_up):
            break
    with reading(context.engine) as connection:
        return next_sign_up(connection, store.id, {SignUpState.ASKED})


def _settle_interrupted(context: SendContext, store_id: int) -> None:
    """Decide about e-mails that were being handed over when a process died."""
    now = context.clock.now()
    with reading(context.engine) as connection:
        leaving = due_sign_ups(connection, store_id, {SignUpState.LEAVING}, now, most=_MOST)
    if not leaving:
        return
    left = context.transport.delivered([_key(store_id, each) for each in leaving])
    with writing(context.engine) as connection:
        for each in leaving:
            stays = left is not None and _key(store_id, each) not in left
            to = SignUpState.ASKED if stays else SignUpState.MAILED
            move_sign_up(connection, each, to, now)


def _send(context: SendContext, links: ConfirmLinks, store: Store, form: SignUpForm, sign_up: SignUp) -> bool:
    """Send one e-mail. Returns whether the next one may be tried."""
    now = context.clock.now()
    words = form.terms.confirmation
    assert words is not None  # noqa: S101 - the caller has looked
    try:
        email = _compose(context, links, store, form, sign_up)
    except Refused as refused:
        log.error("sign_up.no_e_mail", store=store.ecwid_id, reason=refused.message, do=refused.hint)
        with writing(context.engine) as connection:
            move_sign_up(connection, sign_up, sign_up.state, now, not_before=now + _WAIT)
        return True
    with writing(context.engine) as connection:
        values = {"attempts": sign_up.attempts + 1, "expires_at": now + words.valid}
        leaving = move_sign_up(connection, sign_up, SignUpState.LEAVING, now, **values)
    if leaving is None:
        return True
    delivery = next(iter(context.transport.deliver([email])))
    _write_outcome(context, leaving, delivery)
    return delivery.trouble is None


def _write_outcome(context: SendContext, sign_up: SignUp, delivery: Delivery) -> None:
    now, attempts = context.clock.now(), sign_up.attempts
    to, values = SignUpState.MAILED, dict[str, object]()
    match delivery.outcome:
        case DeliveryOutcome.FAILED:
            to, values = SignUpState.DROPPED, {"reason": delivery.reason}
        case DeliveryOutcome.UNTRIED:
            to, values = SignUpState.ASKED, {"not_before": now + _WAIT, "attempts": attempts - 1}
        case DeliveryOutcome.LATER | DeliveryOutcome.DOUBTFUL:
            policy = MESSAGE_RETRIES if delivery.outcome is DeliveryOutcome.LATER else DOUBTFUL_RETRIES
            pause = delivery.wait or pause_after(delivery.outcome, attempts=attempts) or _WAIT
            to, values = SignUpState.ASKED, {"not_before": now + pause}
            if not policy.may_try_again(attempts):
                to, values = SignUpState.DROPPED, {"reason": delivery.reason}
        case DeliveryOutcome.SENT | DeliveryOutcome.UNKNOWN:
            pass  # what may have left is not sent again
    with writing(context.engine) as connection:
        move_sign_up(connection, sign_up, to, now, **values)
    log.info("sign_up.e_mail", sign_up=sign_up.id, outcome=delivery.outcome.value)


def _compose(
    context: SendContext, links: ConfirmLinks, store: Store, form: SignUpForm, sign_up: SignUp
) -> Outgoing:
    """Build the e-mail. Raises `Refused`."""
    words = form.terms.confirmation
    assert words is not None  # noqa: S101 - the caller has looked
    rendered = _render(context, links, store, form, words, sign_up)
    sender, key = context.sender or f"{store.name} <{store.email}>", _key(store.id, sign_up)
    content = build(
        rendered=rendered,
        sender=sender,
        to_email=sign_up.address,
        to_name="",
        key=key,
        at=context.clock.now(),
    )
    return Outgoing(
        message_id=sign_up.id,
        key=key,
        run_id=0,
        campaign="",
        sender=sender,
        to=sign_up.address,
        subject=rendered.subject,
        code="",
        content=content,
    )


def _render(
    context: SendContext,
    links: ConfirmLinks,
    store: Store,
    form: SignUpForm,
    words: ConfirmationWords,
    sign_up: SignUp,
) -> Rendered:
    own = store_facts(store)
    translation = words.language_for(sign_up.language)
    reader = RecipientFacts(
        email=sign_up.address, name="", first_name="", language=sign_up.language, country=""
    )
    stop = Subscription(
        ecwid_id=store.ecwid_id, address=sign_up.address, campaign=SIGN_UP, run_id=0, kind=SIGN_UP
    )
    claim = ConfirmClaim(ecwid_id=store.ecwid_id, sign_up_id=sign_up.id, address=sign_up.address)
    return render_confirmation(
        words,
        translation,
        own.of_email(form.terms.brand, translation or words.language or own.language, ""),
        reader,
        confirm_link=links.link(claim),
        stop_link=context.links.link(stop),
    )


def _key(store_id: int, sign_up: SignUp) -> str:
    """Return what is part of its Message-ID: the same at every attempt."""
    return f"signup-{store_id}-{sign_up.id}"
