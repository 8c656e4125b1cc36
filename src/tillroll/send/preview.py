"""A plan's e-mails before anybody gets one: filled in for real recipients, with a made-up code."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.models import Valid
from tillroll.ledger.engine import one
from tillroll.ledger.plans import load_plan, load_revision, sample
from tillroll.ledger.runs import load_run
from tillroll.ledger.tables import stores
from tillroll.send.compile import Rendered, compile_message
from tillroll.send.facts import EXAMPLE_CODE, Reader, Shop, facts_for, filters_for


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
    compiled = compile_message(revision, revision.message(), filters_for(shop))
    until = run.valid_until or _about(revision.offer().valid, ZoneInfo(store.timezone), now)
    found = []
    for recipient in sample(connection, plan.plan_id, most=most)[:most]:
        reader = reader_of(recipient)
        facts = facts_for(
            shop=shop,
            campaign=revision.campaign,
            offer_text=plan.proposal.offer,
            reader=reader,
            code=EXAMPLE_CODE,
            valid_from=run.valid_from or now,
            valid_until=until,
        )
        found.append((reader, compiled.render(facts)))
    return found


def _about(valid: Valid, zone: ZoneInfo, now: datetime) -> datetime:
    """When the codes would expire if minting began now."""
    if valid.for_ is not None:
        return now + valid.for_
    assert valid.until is not None  # noqa: S101 - the model refuses anything else
    return valid.until.replace(tzinfo=zone)
