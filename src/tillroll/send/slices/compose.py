"""Composing one e-mail: from a message that is due to the bytes that a transport hands over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from tillroll.campaign.frozen.recipient import Recipient
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.states import CodeState, SuppressionCause
from tillroll.campaign.text.money import smallest_unit
from tillroll.rendering.addresses import sender_of
from tillroll.rendering.bulk.click import ClickReader, for_reader
from tillroll.rendering.bulk.headers import bulk_headers
from tillroll.rendering.bulk.link import Subscription
from tillroll.rendering.compile import Filled
from tillroll.rendering.facts import CodeFacts, common_facts, reader_facts
from tillroll.rendering.mime import Outgoing, build
from tillroll.rendering.preview import without_zeros
from tillroll.send.context import ArmMessage, Sending
from tillroll.send.terms import SharedTerms, TermsKey


@dataclass(frozen=True, kw_only=True)
class DueMessage:
    """A message that is due, with what decides whether it may go."""

    id: int  # of its row
    key: str
    recipient: Recipient
    code: str | None
    code_state: CodeState | None
    code_value: Decimal | None  # the code's own value of the discount; None: the offer's
    valid_from: datetime | None
    valid_until: datetime | None
    consent: bool | None  # as the mirror has it now
    stopped: SuppressionCause | None  # they get no e-mail of this campaign
    is_customer: bool  # the store still has the customer
    email_now: str  # the customer's address as the mirror has it now
    is_used: bool  # it is a reminder, and the code was used
    allowed_from: datetime | None  # the customer has reached the limit of e-mails per week until then


def compose(sending: Sending, due: DueMessage, now: datetime) -> Outgoing:
    """Fill in the template and build the e-mail. Raises `Refused` if that isn't possible."""
    key = TermsKey(
        due.recipient.arm,
        due.recipient.language,
        due.code is not None,
        due.code_value,
        due.valid_from,
        due.valid_until,
    )
    terms = sending.terms.get(key, lambda: _terms(sending, due))
    link = _unsubscribe_link(sending, due)
    facts = reader_facts(terms.facts, due.recipient, code=due.code or "", unsubscribe_link=link)
    filled = _with_reader(sending, due, terms.compiled.fill_in(facts))
    content = build(
        rendered=filled,
        sender=sending.sender,
        to_email=due.recipient.email,
        to_name=due.recipient.name,
        key=due.key,
        at=now,
        bulk=bulk_headers(
            link=link,
            sender=sender_of(sending.sender).address,
            ecwid_id=sending.ecwid_id,
            campaign=sending.run.campaign,
            run_id=sending.run.id,
            kind=sending.kind.value,
            reply_to=sending.arms[due.recipient.arm].email.revision.brand.reply_to or "",
            mailbox=sending.context.links.mailbox,
        ),
    )
    return Outgoing(
        message_id=due.id,
        key=due.key,
        run_id=sending.run.id,
        campaign=sending.run.campaign,
        sender=sending.sender,
        to=due.recipient.email,
        subject=filled.subject,
        code=due.code or "",
        content=content,
    )


def _with_reader(sending: Sending, due: DueMessage, filled: Filled) -> Filled:
    """Return the e-mail with its reader in the links that count clicks, if it has any: the same at every attempt."""
    if not sending.arms[due.recipient.arm].email.revision.brand.count_clicks:
        return filled
    reader = sending.context.links.clicks.reader(ClickReader(run_id=sending.run.id, message_id=due.id))
    return replace(filled, html=for_reader(filled.html, reader), text=for_reader(filled.text, reader))


def _unsubscribe_link(sending: Sending, due: DueMessage) -> str:
    """Return the link by which this reader stops these e-mails: the same at every attempt."""
    return sending.context.links.link(
        Subscription(
            ecwid_id=sending.ecwid_id,
            address=due.recipient.email,
            campaign=sending.run.campaign,
            run_id=sending.run.id,
            kind=sending.kind.value,
        )
    )


def _terms(sending: Sending, due: DueMessage) -> SharedTerms:
    """Return what all e-mails have in common that are like this one."""
    arm = sending.arms[due.recipient.arm]
    version = arm.email.for_reader(due.recipient.language)
    facts = common_facts(
        shop=version.shop,
        title=sending.revision.campaign.title,
        code=_code_facts(sending, due, arm),
        event=sending.event,
    )
    return SharedTerms(compiled=version.compiled, facts=facts)


def _code_facts(sending: Sending, due: DueMessage, arm: ArmMessage) -> CodeFacts | None:
    """Return the code that the e-mail shows, with the recipient's own value; None for an e-mail without a code."""
    if due.code is None or arm.offer is None:
        return None
    value = without_zeros(due.code_value) if due.code_value is not None else None
    offer, text = arm.offer.applied(value, smallest_unit(sending.shop.currency)), arm.offer_text
    if offer is not arm.offer:
        text = say_offer(offer, sending.shop.currency, arm.goods)
    return CodeFacts(
        text=due.code,
        valid_from=due.valid_from,
        valid_until=due.valid_until,
        offer=offer,
        value=offer.fixed_value,
        offer_text=text,
        goods=arm.goods.named if arm.goods is not None else "",
    )
