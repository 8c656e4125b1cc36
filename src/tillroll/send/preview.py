"""A plan's e-mails before anybody gets one: filled in for real recipients, with a made-up code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign import Revision
from tillroll.campaign.models import Valid
from tillroll.campaign.proposal import Proposal
from tillroll.campaign.sentence import say_offer
from tillroll.ledger.engine import one
from tillroll.ledger.given import earlier_code
from tillroll.ledger.plans import load_plan, load_revision, sample
from tillroll.ledger.runs import load_run
from tillroll.ledger.tables import stores
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


def reader_of(recipient: sa.Row[Any]) -> Reader:
    """Who reads it, from a recipient's row."""
    return Reader(
        email=recipient.email,
        name=recipient.name,
        first_name=recipient.first_name,
        language=recipient.language,
        country=recipient.country,
    )


def previews(
    connection: Connection, run_id: int, *, now: datetime, most: int = 3
) -> list[tuple[Reader, Rendered]]:
    """Up to so many of the run's e-mails, spread over its audience; empty while the run has no plan."""
    plan = load_plan(connection, run_id)
    if plan is None:
        return []
    run = load_run(connection, run_id)
    store = one(
        connection, sa.select(stores).where(stores.c.id == run.store_id), missing="The store is gone."
    )
    revision, shop = load_revision(connection, plan.revision_id), shop_of(store)
    if revision.as_run(step=run.step).message is None:
        return []
    compiled = {
        arm: compile_message(revision, revision.message(step=run.step, arm=arm), filters_for(shop))
        for arm in ("", *revision.arms)
    }
    given, found = earlier_code(connection, run), []
    for recipient in sample(connection, plan.plan_id, most=most)[:most]:
        reader = reader_of(recipient)
        facts = facts_for(
            shop=shop,
            title=revision.campaign.title,
            reader=reader,
            code=_example_code(
                revision,
                plan.proposal,
                run,
                recipient,
                about=_About(zone=ZoneInfo(store.timezone), now=now, given=given),
            ),
            happened=with_amounts(plan.proposal.facts),
        )
        found.append((reader, compiled[recipient.arm].render(facts)))
    return found


@dataclass(frozen=True, kw_only=True)
class _About:
    """What an example depends on besides the plan."""

    zone: ZoneInfo
    now: datetime
    given: sa.Row[Any] | None  # the code that an earlier step of the flow gave


def _example_code(
    revision: Revision,
    proposal: Proposal,
    run: sa.Row[Any],
    recipient: sa.Row[Any],
    *,
    about: _About,
) -> Code | None:
    """A made-up code with the recipient's own value; none where the e-mail carries none."""
    steps = revision.campaign.steps
    offer, value = revision.as_run(step=run.step, arm=recipient.arm).offer, recipient.value
    given = about.given if steps and steps[run.step - 1].same_code else None
    if steps and steps[run.step - 1].same_code:
        earlier = (revision.as_run(step=one, arm=recipient.arm).offer for one in range(run.step - 1, 0, -1))
        offer = next((one for one in earlier if one is not None), None)
        value = given.value if given is not None else None
    if offer is None:
        return None
    if value is not None:
        offer = offer.model_copy(update={"value": in_short(value)})
    shared = revision.as_run(step=run.step).codes.shared
    return Code(
        text=shared or EXAMPLE_CODE,
        valid_from=run.valid_from or (given.valid_from if given is not None else about.now),
        valid_until=run.valid_until
        or (given.valid_until if given is not None else _ends(offer.valid, about.zone, about.now)),
        offer=offer,
        value=offer.fixed_value,
        offer_text=say_offer(offer, proposal.currency, proposal.goods),
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


def _ends(valid: Valid, zone: ZoneInfo, now: datetime) -> datetime:
    """When the codes would expire if minting began now."""
    if valid.for_ is not None:
        return now + valid.for_
    assert valid.until is not None  # noqa: S101 - the model refuses anything else
    return valid.until.replace(tzinfo=zone)
