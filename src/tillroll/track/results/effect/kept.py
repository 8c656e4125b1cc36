"""What each campaign changed, measured once a day by the loop and kept for the pages: to measure reads every recipient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign.language.blocks import StoreHoldout
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.queries.plans import load_revision
from tillroll.ledger.tables import campaigns, effects, runs
from tillroll.track.results.effect.estimate import Effect, EffectKind, GroupOutcome, Interval
from tillroll.track.results.effect.outcomes import CampaignEffect, campaign_effect, store_effect

MEASURED_EVERY = timedelta(days=1)
ALL_CAMPAIGNS = ""
"""The name under which the effect of all campaigns together is kept."""


@dataclass(frozen=True, kw_only=True)
class KeptEffect:
    """What a campaign changed, as last measured."""

    found: CampaignEffect
    at: datetime


def measure_next(engine: Engine, *, store_id: int, now: datetime) -> str | None:
    """Measure the campaign that was measured longest ago, if that is a day or more. Returns its name, or None."""
    with reading(engine) as connection:
        due = _due(connection, store_id, now)
        if due is None:
            return None
        name, revision_id = due
        campaign = load_revision(connection, revision_id).campaign
        found = campaign_effect(connection, store_id=store_id, campaign=campaign, name=name, now=now)
    row = {"store_id": store_id, "campaign": name, "at": now, "body": _to_json(found)}
    with writing(engine) as connection:
        upsert(connection, effects, [row])
    return name


def measure_store(engine: Engine, *, store_id: int, holdout: StoreHoldout | None, now: datetime) -> bool:
    """Measure all campaigns together, if there is a control group of them and a day has passed. Returns whether it did."""
    if holdout is None:
        return False
    of_all = (effects.c.store_id == store_id, effects.c.campaign == ALL_CAMPAIGNS)
    with reading(engine) as connection:
        measured_at = connection.scalar(sa.select(effects.c.at).where(*of_all))
        if measured_at is not None and measured_at > now - MEASURED_EVERY:
            return False
        found = store_effect(connection, store_id=store_id, holdout=holdout, now=now)
    with writing(engine) as connection:
        row = {"store_id": store_id, "campaign": ALL_CAMPAIGNS, "at": now, "body": _to_json(found)}
        upsert(connection, effects, [row])
    return True


def kept_effects(connection: Connection, store_id: int) -> dict[str, KeptEffect]:
    """Return what the campaigns that held people back have changed, by name; all together first, as `ALL_CAMPAIGNS`."""
    query = sa.select(effects).where(effects.c.store_id == store_id).order_by(effects.c.campaign)
    kept = {
        row.campaign: KeptEffect(found=_from_json(row.body), at=row.at) for row in connection.execute(query)
    }
    return {name: one for name, one in kept.items() if one.found.effect.kind is not EffectKind.NO_CONTROL}


def _due(connection: Connection, store_id: int, now: datetime) -> tuple[str, int] | None:
    has_run = sa.exists().where(
        runs.c.store_id == store_id, runs.c.campaign == campaigns.c.name, runs.c.plan_id.is_not(None)
    )
    same = sa.and_(effects.c.store_id == campaigns.c.store_id, effects.c.campaign == campaigns.c.name)
    query = (
        sa.select(campaigns.c.name, campaigns.c.revision_id)
        .outerjoin(effects, same)
        .where(campaigns.c.store_id == store_id, campaigns.c.revision_id.is_not(None), has_run)
        .where(sa.or_(effects.c.at.is_(None), effects.c.at <= now - MEASURED_EVERY))
        .order_by(effects.c.at.is_not(None), effects.c.at, campaigns.c.name)
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else (row.name, row.revision_id)


def _to_json(found: CampaignEffect) -> dict[str, Any]:
    effect, first = found.effect, found.first_over_at
    return {
        "kind": effect.kind.value,
        "treated": _group_to_json(effect.treated),
        "control": _group_to_json(effect.control),
        "orders": asdict(effect.orders) if effect.orders is not None else None,
        "revenue": asdict(effect.revenue) if effect.revenue is not None else None,
        "needed": effect.needed,
        "is_final": effect.is_final,
        "window": found.window.total_seconds(),
        "waiting": found.waiting,
        "first_over_at": first.isoformat() if first is not None else None,
    }


def _from_json(body: Mapping[str, Any]) -> CampaignEffect:
    first = body["first_over_at"]
    effect = Effect(
        kind=EffectKind(body["kind"]),
        treated=_group_from_json(body["treated"]),
        control=_group_from_json(body["control"]),
        orders=Interval(**body["orders"]) if body["orders"] is not None else None,
        revenue=Interval(**body["revenue"]) if body["revenue"] is not None else None,
        needed=body["needed"],
        is_final=body["is_final"],
    )
    return CampaignEffect(
        effect=effect,
        window=timedelta(seconds=body["window"]),
        waiting=body["waiting"],
        first_over_at=datetime.fromisoformat(first) if first is not None else None,
    )


def _group_to_json(group: GroupOutcome) -> dict[str, Any]:
    amounts = {"revenue": str(group.revenue), "squares": str(group.squares)}
    return {"people": group.people, "buyers": group.buyers, **amounts}


def _group_from_json(body: Mapping[str, Any]) -> GroupOutcome:
    amounts = {name: Decimal(body[name]) for name in ("revenue", "squares")}
    return GroupOutcome(people=body["people"], buyers=body["buyers"], **amounts)
