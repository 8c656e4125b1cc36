"""By which tiers a store's customers are counted, and who is in which: what plans, pages and commands read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.tiers import TierScale, TierStep
from tillroll.ledger.records import Store
from tillroll.ledger.tables import customer_tiers, customers, tier_group_moves, tier_rules


@dataclass(frozen=True, kw_only=True)
class TierCounting:
    """The tiers of a store, and how far its customers have been counted by them."""

    scale: TierScale
    counted_to: int  # the last customer counted, in the order of their numbers
    ready_at: datetime | None  # when all were; None: they are still being counted
    groups: Mapping[str, str] = field(default_factory=dict)  # the store's customer group, by tier
    past_groups: frozenset[str] = frozenset()  # that the file has named before
    grouped_to: int | None = None  # the last customer compared with the groups; None: all were
    group_trouble: str = ""  # why customers can't be brought into them

    @property
    def covers_everybody(self) -> bool:
        """Whether every customer's tier is known."""
        return self.ready_at is not None


@dataclass(frozen=True, kw_only=True)
class TierStanding:
    """Where one customer stands."""

    customer_id: int
    tier: str = ""  # empty: none
    figure: Decimal = Decimal(0)  # points, or money in the store's currency
    since: datetime | None = None  # None: they were in it when tiers were first counted
    moves_at: datetime | None = None  # when the oldest of their orders stops counting; None: never


@dataclass(frozen=True, kw_only=True)
class CustomerTier:
    """One customer's tier with the way to the next one."""

    standing: TierStanding
    scale: TierScale
    is_counted: bool  # False: the customers are still being counted, so the rest says nothing

    @property
    def next_step(self) -> TierStep | None:
        """The next tier; None at the top."""
        return self.scale.next_after(self.standing.figure)

    @property
    def missing(self) -> Decimal:
        """What is missing to the next tier; 0 at the top."""
        step = self.next_step
        return step.reached_at - self.standing.figure if step is not None else Decimal(0)


def load_counting(connection: Connection, store_id: int) -> TierCounting | None:
    """Return the store's tiers; None if it has none."""
    row = connection.execute(sa.select(tier_rules).where(tier_rules.c.store_id == store_id)).first()
    if row is None:
        return None
    scale = TierScale.from_plain(row.scale)
    return TierCounting(
        scale=scale,
        counted_to=row.counted_to,
        ready_at=row.ready_at,
        groups=row.groups,
        past_groups=frozenset(row.past_groups),
        grouped_to=row.grouped_to,
        group_trouble=row.group_trouble,
    )


def standings_of(connection: Connection, store_id: int, ids: list[int]) -> dict[int, TierStanding]:
    """Return where these customers stand, by number. Those who never ordered are left out."""
    where = (customer_tiers.c.store_id == store_id, customer_tiers.c.customer_id.in_(ids))
    return {
        row.customer_id: TierStanding(
            customer_id=row.customer_id,
            tier=row.tier,
            figure=row.figure,
            since=row.since,
            moves_at=row.moves_at,
        )
        for row in connection.execute(sa.select(customer_tiers).where(*where))
    }


def count_tiers(connection: Connection, store: Store) -> dict[str, int]:
    """Return how many customers are in each tier; under an empty name, how many have orders that count and no tier.

    Customers whom the store has deleted are left out, once its customers were read.
    """
    columns = customer_tiers.c
    where = [columns.store_id == store.id, sa.or_(columns.tier != "", columns.figure > 0)]
    if store.customers_at is not None:
        where.append(
            sa.exists().where(
                customers.c.store_id == store.id, customers.c.customer_id == columns.customer_id
            )
        )
    query = sa.select(columns.tier, sa.func.count()).where(*where).group_by(columns.tier)
    return {row[0]: row[1] for row in connection.execute(query)}


def count_waiting(connection: Connection, store_id: int) -> int:
    """Return how many customers are still to be brought into the store's group of their tier."""
    where = (tier_group_moves.c.store_id == store_id, tier_group_moves.c.done_at.is_(None))
    query = sa.select(sa.func.count()).select_from(tier_group_moves)
    return connection.scalar(query.where(*where)) or 0


def tier_of_customer(connection: Connection, store_id: int, customer_id: int) -> CustomerTier | None:
    """Return where a customer stands; None if the store has no tiers."""
    counting = load_counting(connection, store_id)
    if counting is None:
        return None
    standing = standings_of(connection, store_id, [customer_id]).get(customer_id)
    return CustomerTier(
        standing=standing or TierStanding(customer_id=customer_id),
        scale=counting.scale,
        is_counted=counting.covers_everybody,
    )
