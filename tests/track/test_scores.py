"""The boundaries between scores: their values, when they are recomputed, and that it takes few queries."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.shop import NOW, add_customers, add_store, counting, lapsed
from tillroll.campaign.segments.scores import ScoreBoundaries, boundary_ranks, score
from tillroll.ledger.engine import reading, upsert, writing
from tillroll.ledger.tables import looks, stores
from tillroll.track.mirror.scores import SCORE_EVERY, compute_boundaries, refresh_scores


@given(st.lists(st.integers(0, 12), min_size=1, max_size=40))
def test_a_score_counts_the_fifths_of_buyers_behind(figures: list[int]) -> None:
    line = sorted(figures)
    marks = [line[place - 1] for place in boundary_ranks(len(line))]
    for figure in figures:
        behind = sum(1 for one in figures if one < figure)
        assert score(figure, marks) == 1 + 5 * behind // len(figures)


def looked(engine: Engine, store_id: int, at: datetime) -> None:
    with writing(engine) as connection:
        upsert(connection, looks, [{"store_id": store_id, "area": "customers", "looked_at": at}])


def marks_of(engine: Engine, store_id: int) -> ScoreBoundaries | None:
    with engine.connect() as connection:
        body = connection.scalar(sa.select(stores.c.score_marks).where(stores.c.id == store_id))
    return None if body is None else ScoreBoundaries.from_json(body)


def test_boundaries_are_recomputed_after_changes_at_most_once_an_hour(ledger: Engine) -> None:
    store_id = add_store(ledger)
    assert not refresh_scores(ledger, store_id=store_id, now=NOW), "nothing was read yet"
    looked(ledger, store_id, NOW)
    assert refresh_scores(ledger, store_id=store_id, now=NOW)
    assert marks_of(ledger, store_id) == ScoreBoundaries(), "a store without buyers has none"
    add_customers(ledger, store_id, *(lapsed(n, orders=n, spent=Decimal(10 * n)) for n in range(1, 11)))
    add_customers(ledger, store_id, {"customer_id": 99, "spent": Decimal(9999)})
    looked(ledger, store_id, NOW + timedelta(minutes=5))
    assert not refresh_scores(ledger, store_id=store_id, now=NOW + timedelta(minutes=6)), "too soon"
    later = NOW + SCORE_EVERY
    with counting(ledger) as sent:
        assert refresh_scores(ledger, store_id=store_id, now=later)
    assert len([one for one in sent if one.lower().startswith(("select", "update"))]) <= 8
    found = marks_of(ledger, store_id)
    assert found is not None
    assert found.frequency == (2, 4, 6, 8)
    assert found.monetary == tuple(Decimal(n) for n in ("20.00", "40.00", "60.00", "80.00"))
    assert found.frequency_hundredths[79] == 8, "two of ten are ahead: the top 20%"
    old = {name: part for name, part in found.to_json().items() if not name.endswith("hundredths")}
    assert ScoreBoundaries.from_json(old).lacks_hundredths, "of a ledger that an older version wrote"
    assert len(set(found.recency)) == 1, "they all ordered at one moment"
    assert not refresh_scores(ledger, store_id=store_id, now=later + 2 * SCORE_EVERY), "nothing changed since"


def test_each_store_has_its_own_boundaries(ledger: Engine) -> None:
    one, other = add_store(ledger), add_store(ledger, ecwid_id=1004)
    add_customers(ledger, one, lapsed(1, orders=1))
    add_customers(ledger, other, lapsed(1, orders=7))
    with reading(ledger) as connection:
        assert compute_boundaries(connection, one).frequency == (1, 1, 1, 1)
        assert compute_boundaries(connection, other).frequency == (7, 7, 7, 7)
