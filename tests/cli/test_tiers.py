"""`tillroll tiers` and `tillroll rebuild tiers`: who is in which tier, and the proof that it is what the orders say."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from tests.cli.command import tillroll
from tests.shop import NOW, add_customers
from tests.track.tiers_room import BY_POINTS, order, shop, write
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.tables import customer_tiers
from tillroll.track.tiers.follow import follow_tiers


def test_tiers_are_counted_shown_and_proven(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_engine(sqlite_url)
    store_id = shop(engine, BY_POINTS)
    add_customers(engine, store_id, *({"customer_id": number} for number in (1, 2, 3)))
    write(
        engine,
        store_id,
        order("A", 1, "250.99"),
        order("B", 2, "100"),
        order("C", 3, "9"),
        order("D", 4, "900"),
    )
    follow_tiers(engine, store_id=store_id, now=NOW)
    said = json.loads(tillroll(tmp_path, "tiers", "--json", DATABASE_URL=sqlite_url).stdout)
    assert said == {
        "ready": True,
        "tiers": [
            {"tier": "silver", "from": 200, "customers": 1},
            {"tier": "gold", "from": 500, "customers": 1},
        ],
        "without_tier": 1,
        "waiting_for_group": 0,
        "group_trouble": "",
    }, "the fourth customer is gone from the store"
    shown = tillroll(tmp_path, "tiers", DATABASE_URL=sqlite_url).stdout
    assert "500 points" in shown
    right = tillroll(tmp_path, "rebuild", "tiers", DATABASE_URL=sqlite_url).stdout
    assert right == "Every tier is what the orders say.\n"
    with writing(engine) as connection:
        where = customer_tiers.c.customer_id == 1
        connection.execute(sa.update(customer_tiers).where(where).values(tier="", figure=Decimal(3)))
    engine.dispose()
    mended = tillroll(tmp_path, "rebuild", "tiers", DATABASE_URL=sqlite_url).stdout
    assert (
        mended
        == "Customer 1: no tier with 3 points was kept, gold with 500 points is right\n1 tier mended.\n"
    )


def test_without_a_file_it_says_what_to_add(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_engine(sqlite_url)
    store_id = shop(engine, BY_POINTS)
    with writing(engine) as connection:
        connection.execute(sa.text("delete from tier_rules"))
    engine.dispose()
    assert store_id
    assert "rules/tiers.yaml" in tillroll(tmp_path, "tiers", DATABASE_URL=sqlite_url).stdout
