"""A plan's e-mails before anybody gets one: filled in for real recipients, with a made-up code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign import Revision
from tillroll.campaign.frozen.proposal import Proposal
from tillroll.campaign.frozen.recipient import Recipient
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.timing.validity import validity
from tillroll.ledger.engine import one
from tillroll.ledger.given import earlier_code
from tillroll.ledger.plans import load_plan, load_revision, sample
from tillroll.ledger.runs import load_run
from tillroll.ledger.tables import recipients, stores
from tillroll.send.compile import Rendered, compile_message
from tillroll.send.facts import EXAMPLE_CODE, Code, Reader, Shop, facts_for, filters_for


def shop_of(store: sa.Row[Any]) -> Shop:
    """What messages know of a store."""
    return Shop(
        name=store.name,
        url=store.url,
        email=store.email,
        currency=store.currency,
        timezone=store.timezone,
        language=store.language,
    )


def reader_of(recipient: Recipient | sa.Row[Any]) -> Reader:
    """Who reads it."""
    return Reader(
        email=recipient.email,
        name=recipient.name,
        first_name=recipient.first_name,
        language=recipient.language,
        country=recipient.country,
    )


def previews(
    connection: Connection, run_id: int, *, now: datetime, most: int = 3, customer_id: int | None = None
) -> list[tuple[Reader, Rendered]]:
    """Up to so many of the run's e-mails, spread over its audience; empty while the run has no plan.

    `customer_id`: only theirs; none when they aren't in the audience.
    """
    plan = load_plan(connection, run_id)
    if plan is None:
        return []
    run = load_run(connection, run_id)
    missing = "The store is gone."
    store = one(connection, sa.select(stores).where(stores.c.id == run.store_id), missing=missing)
    given = earlier_code(connection, run)
    if customer_id is None:
        rows = sample(connection, plan.plan_id, most=most)
    else:
        theirs = (recipients.c.plan_id == plan.plan_id, recipients.c.customer_id == customer_id)
        rows = list(connection.execute(sa.select(recipients).where(*theirs)).all())
    about = About(
        store=store,
        revision=load_revision(connection, plan.revision_id),
        proposal=plan.proposal,
        now=now,
        valid_from=run.valid_from,
        valid_until=run.valid_until,
        given=Given(value=given.value, valid_from=given.valid_from, valid_until=given.valid_until)
        if given is not None
        else None,
    )
    return rendered(about, [Recipient.of(row._asdict()) for row in rows[:most]])


@dataclass(frozen=True, kw_only=True)
class Given:
    """The code that an earlier step of a flow gave: its own value, if it has one, and when it works."""

    value: Decimal | None
    valid_from: datetime | None
    valid_until: datetime | None


@dataclass(frozen=True, kw_only=True)
class About:
    """What e-mails are previewed of: a plan that is stored, or one that is only looked at."""

    store: sa.Row[Any]
    revision: Revision
    proposal: Proposal
    now: datetime  # when minting begins, if it hasn't
    valid_from: datetime | None = None  # when it has, when its codes work
    valid_until: datetime | None = None
    given: Given | None = None  # what an earlier step of the flow gave

    @property
    def step(self) -> int:
        """Of the campaign's flow."""
        return self.proposal.step


def rendered(about: About, people: Sequence[Recipient]) -> list[tuple[Reader, Rendered]]:
    """The e-mails to some recipients, with a made-up code; none of a campaign that sends none. `Refused` if one can't be."""
    revision, shop = about.revision, shop_of(about.store)
    if revision.as_run(step=about.step).message is None:
        return []
    compiled = {
        arm: compile_message(revision, revision.message(step=about.step, arm=arm), filters_for(shop))
        for arm in ("", *revision.arms)
    }
    found = []
    for recipient in people:
        reader = reader_of(recipient)
        facts = facts_for(
            shop=shop,
            title=revision.campaign.title,
            reader=reader,
            code=_example_code(about, recipient),
            happened=with_amounts(about.proposal.facts),
        )
        found.append((reader, compiled[recipient.arm].render(facts)))
    return found


def _example_code(about: About, recipient: Recipient) -> Code | None:
    """A made-up code with the recipient's own value; none where the e-mail carries none."""
    revision, steps = about.revision, about.revision.campaign.steps
    offer, value = revision.as_run(step=about.step, arm=recipient.arm).offer, recipient.value
    same = bool(steps) and steps[about.step - 1].same_code
    given = about.given if same else None
    if same:
        earlier = (revision.as_run(step=one, arm=recipient.arm).offer for one in range(about.step - 1, 0, -1))
        offer = next((one for one in earlier if one is not None), None)
        value = given.value if given is not None else None
    if offer is None:
        return None
    if value is not None:
        offer = offer.model_copy(update={"value": in_short(value)})
    shared = revision.as_run(step=about.step).codes.shared
    start, end = validity(offer.valid, ZoneInfo(about.store.timezone), about.now)
    return Code(
        text=shared or EXAMPLE_CODE,
        valid_from=about.valid_from or (given and given.valid_from) or start,
        valid_until=about.valid_until or (given and given.valid_until) or end,
        offer=offer,
        value=offer.fixed_value,
        offer_text=say_offer(offer, about.proposal.currency, about.proposal.goods_of(recipient.arm)),
    )


def with_amounts(facts: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The facts of an event with their amounts as numbers again: JSON keeps them as text."""
    if facts is None:
        return None
    found = dict(facts)
    for name, key in (("order", "total"), ("cart", "total"), ("product", "price")):
        said = found.get(name)
        if isinstance(said, dict) and said.get(key) is not None:
            found[name] = {**said, key: Decimal(str(said[key]))}
    return found


def in_short(value: Decimal) -> Decimal:
    """A value without the zeros that the ledger gives it back with: 15, 7.5."""
    return Decimal(f"{value.normalize():f}")
