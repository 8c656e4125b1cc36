"""Previews of a plan's e-mails: rendered for real recipients, with an example code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import Proposal
from tillroll.campaign.frozen.recipient import Recipient
from tillroll.campaign.language.models import Offer
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.text.money import smallest_unit
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.validity import validity
from tillroll.ledger.queries.given import earlier_code
from tillroll.ledger.queries.plans import load_plan, load_revision, sample_recipients
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.records import Store
from tillroll.ledger.tables import recipients
from tillroll.rendering.compile import Rendered
from tillroll.rendering.facts import (
    EXAMPLE_CODE,
    CodeFacts,
    RecipientFacts,
    StoreFacts,
    facts_for,
)
from tillroll.rendering.translated import Translated


def store_facts(store: Store) -> StoreFacts:
    """Return what an e-mail can show of a store."""
    return StoreFacts(
        name=store.name,
        url=store.url,
        email=store.email,
        currency=store.currency,
        timezone=store.timezone,
        language=store.language,
    )


def recipient_facts(recipient: Recipient) -> RecipientFacts:
    """Return what an e-mail can show of its recipient."""
    return RecipientFacts(
        email=recipient.email,
        name=recipient.name,
        first_name=recipient.first_name,
        language=recipient.language,
        country=recipient.country,
    )


@dataclass(frozen=True, kw_only=True)
class EarlierCode:
    """The code that an earlier step of a flow showed."""

    value: Decimal | None  # its own value of the discount, if it has one
    valid_from: datetime | None
    valid_until: datetime | None


@dataclass(frozen=True, kw_only=True)
class PreviewSubject:
    """What is previewed: a stored plan, or a plan that is only shown."""

    store: Store
    revision: Revision
    proposal: Proposal
    now: datetime  # stands for the time at which minting begins
    valid_from: datetime | None = None  # if minting has begun: the period of its codes
    valid_until: datetime | None = None
    earlier: EarlierCode | None = None
    language: str = ""  # to show the e-mail as readers of this language get it; empty: each in their own

    @property
    def step(self) -> int:
        """The step of the campaign's flow, from 1."""
        return self.proposal.step


def previewed(
    connection: Connection,
    run_id: int,
    *,
    now: datetime,
    most: int = 3,
    customer_id: int | None = None,
    arm: str = "",
    language: str = "",
) -> tuple[PreviewSubject, list[Recipient]] | None:
    """Return what a run's e-mails are about, and up to `most` of its recipients, spread over its audience; None without a plan.

    `customer_id`: only this customer, if they are in the audience. `arm`: only recipients of this variant. `language`: as its
    readers get the e-mails.
    """
    plan = load_plan(connection, run_id)
    if plan is None:
        return None
    run = load_run(connection, run_id)
    code = earlier_code(connection, run)
    if customer_id is None and not arm:
        rows = sample_recipients(connection, plan.plan_id, most=most)
    else:
        same = [recipients.c.plan_id == plan.plan_id]
        same += (
            [recipients.c.customer_id == customer_id]
            if customer_id is not None
            else [recipients.c.arm == arm]
        )
        query = sa.select(recipients).where(*same).order_by(recipients.c.id).limit(most)
        rows = list(connection.execute(query).all())
    subject = PreviewSubject(
        store=load_store(connection, run.store_id),
        revision=load_revision(connection, run.words_id or plan.revision_id),
        proposal=plan.proposal,
        now=now,
        valid_from=run.valid_from,
        valid_until=run.valid_until,
        earlier=EarlierCode(value=code.value, valid_from=code.valid_from, valid_until=code.valid_until)
        if code is not None
        else None,
        language=language,
    )
    return subject, [Recipient.of(row._asdict()) for row in rows[:most]]


def render_previews(
    subject: PreviewSubject, people: Sequence[Recipient]
) -> list[tuple[RecipientFacts, Rendered]]:
    """Render the e-mails to some recipients with an example code; none if the campaign sends no e-mail. Raises `Refused`."""
    revision, shop = subject.revision, store_facts(subject.store)
    if revision.as_run(step=subject.step).message is None:
        return []
    emails = {
        arm: Translated.of(revision, revision.message(step=subject.step, arm=arm), shop)
        for arm in ("", *revision.arms)
    }
    render_previews = []
    for recipient in people:
        version = emails[recipient.arm].for_reader(subject.language or recipient.language)
        facts = preview_facts(subject, recipient, example_code(subject, recipient), version.shop)
        render_previews.append((recipient_facts(recipient), version.compiled.render(facts)))
    return render_previews


def preview_facts(
    subject: PreviewSubject, recipient: Recipient, code: CodeFacts | None, shop: StoreFacts
) -> dict[str, Any]:
    """Return the variables of a recipient's e-mail, with a code that stands for their own; `shop` in the e-mail's language."""
    return facts_for(
        shop=shop,
        title=subject.revision.campaign.title,
        reader=recipient_facts(recipient),
        code=code,
        event=with_amounts(subject.proposal.facts),
    )


def example_code(subject: PreviewSubject, recipient: Recipient) -> CodeFacts | None:
    """Return an example code with the recipient's own value; None if the e-mail shows no code."""
    revision, steps = subject.revision, subject.revision.campaign.steps
    offer, value = revision.as_run(step=subject.step, arm=recipient.arm).offer, recipient.value
    shows_earlier = bool(steps) and steps[subject.step - 1].same_code
    earlier = subject.earlier if shows_earlier else None
    if shows_earlier:
        offer = _latest_earlier_offer(revision, subject.step, recipient.arm)
        value = earlier.value if earlier is not None else None
    if offer is None:
        return None
    unit = smallest_unit(subject.proposal.currency)
    if value is None and offer.per_customer is not None and offer.at_most is None:
        value = offer.largest_value  # theirs isn't known yet
    offer = offer.applied(without_zeros(value) if value is not None else None, unit)
    shared = revision.as_run(step=subject.step).codes.shared
    start, end = validity(offer.valid, zone_of(subject.store.timezone), subject.now)
    goods = subject.proposal.goods_of(recipient.arm)
    return CodeFacts(
        text=shared or EXAMPLE_CODE,
        valid_from=subject.valid_from or (earlier and earlier.valid_from) or start,
        valid_until=subject.valid_until or (earlier and earlier.valid_until) or end,
        offer=offer,
        value=offer.fixed_value,
        offer_text=say_offer(offer, subject.proposal.currency, goods),
        goods=goods.named if goods is not None else "",
    )


def _latest_earlier_offer(revision: Revision, step: int, arm: str) -> Offer | None:
    """Return the offer of the latest earlier step that has one."""
    offers = (revision.as_run(step=number, arm=arm).offer for number in range(step - 1, 0, -1))
    return next((offer for offer in offers if offer is not None), None)


def with_amounts(facts: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return an event's facts with their amounts as numbers again: in JSON they are text. Older entries know less of goods."""
    if facts is None:
        return None
    restored = dict(facts)
    for name, key in (("order", "total"), ("cart", "total"), ("product", "price"), ("earlier", "price")):
        group = restored.get(name)
        if isinstance(group, dict) and group.get(key) is not None:
            restored[name] = {**group, key: Decimal(str(group[key]))}
    if isinstance(cart := restored.get("cart"), dict):
        goods = [{**good, "price": Decimal(str(good["price"]))} for good in cart.get("goods", ())]
        restored["cart"] = {**cart, "goods": goods}
    if isinstance(product := restored.get("product"), dict):
        restored["product"] = {"url": "", "picture": "", **product}
    return restored


def without_zeros(value: Decimal) -> Decimal:
    """Return a value without the trailing zeros that the ledger adds: 15, 7.5."""
    return Decimal(f"{value.normalize():f}")
