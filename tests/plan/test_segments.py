"""Every condition of a segment, compared with a plain-Python oracle on both databases over random stores."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.plan.segment_oracle import RULES, fits
from tests.plan.world import World, draw, write
from tests.shop import NOW
from tillroll.campaign.segments.segment import Condition, Segment, leaves
from tillroll.ledger.tables import customers
from tillroll.plan.segments.membership import segments_of_customer
from tillroll.plan.segments.query import SegmentQuery
from tillroll.plan.segments.question import ask

_WORLDS = 4
_SEGMENTS = 40
_AS_DRAWN = (Phase.generate,)  # failing examples are not shrunk: that would fill the ledger hundreds of times


def _bounds(low: int, high: int, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return `at_least:`, `at_most:` or both in the right order, and perhaps further keys."""

    def made(pair: tuple[int, int], which: int, rest: dict[str, Any]) -> dict[str, Any]:
        least, most = sorted(pair)
        bounds = {"at_least": least, "at_most": most}
        return {
            key: bound for key, bound in bounds.items() if which != {"at_least": 0, "at_most": 1}[key]
        } | rest

    pairs = st.tuples(st.integers(low, high), st.integers(low, high))
    return st.builds(made, pairs, st.integers(0, 2), st.fixed_dictionaries({}, optional=more))


def _some(*words: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=2, unique=True)


def _block(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keys)


_days = st.integers(1, 200).map(lambda n: f"{n}d")
_within = {"within": _days}
_ago = _days.map(lambda text: f"{text} ago")
_moment = st.one_of(
    _ago.map(lambda age: {"more_than": age}),
    _ago.map(lambda age: {"less_than": age}),
    st.just({"never": True}),
)
_skus = _some("TEA-1", "TEA-1-S", "TEA-2", "POT-1", "GONE")
_goods = st.one_of(
    st.fixed_dictionaries({"products": _skus}, optional=_within | {"at_least": st.integers(1, 3)}),
    st.fixed_dictionaries(
        {"categories": _some("Tea", "Green", "/Tea", "Tea/Green", "Ware")},
        optional=_within | {"at_least": st.integers(1, 3), "products": _skus},
    ),
)
_codes = _block(campaigns=_some("winback", "welcome"), within=_days)
_score = st.one_of(_bounds(1, 5), st.sampled_from(["1%", "5%", "30%", "99%"]).map(lambda top: {"top": top}))
_LEAVES: dict[str, st.SearchStrategy[Any]] = {
    "orders": _bounds(0, 4, **_within),
    "spent": _bounds(0, 300, **_within),
    "average_order": _bounds(0, 150),
    "first_order": _moment,
    "last_order": _moment,
    "registered": _moment,
    "bought": _goods,
    "rfm": st.fixed_dictionaries({"recency": _score}, optional={"frequency": _score, "monetary": _score}),
    "accepts_marketing": st.booleans(),
    "country": _some("SI", "AT").map(lambda words: {"in": words}),
    "region": _some("CA", "NY", "TX").map(lambda words: {"in": words}),
    "city": _some("ljubljana", "Graz", "Šmarje", "šmarje").map(lambda words: {"in": words}),
    "language": _some("sl", "de").map(lambda words: {"in": words}),
    "group": _some("Staff", "General").map(lambda words: {"in": words}),
    "tier": st.one_of(st.just("gold"), _some("silver", "gold").map(lambda words: {"in": words})),
    "field": st.one_of(
        _some("Gold", "vip, press").map(lambda words: {"title": "Club", "in": words}),
        _some("vip", "press", "Gold", "gold").map(lambda words: {"title": "Tags", "includes": words}),
        st.just({"title": "Club", "filled": True}),
    ),
    "favourite": _block(products=_some("TEA-1", "TEA-1-L", "POT-1"), within=_days),
    "reviewed": _bounds(1, 5).map(lambda b: {f"rating_{key}": value for key, value in b.items()}),
    "got_email": _block(campaigns=_some("winback", "welcome"), within=_days, at_least=st.integers(1, 3)),
    "got_code": _codes,
    "used_code": _codes,
    "ignored_code": _codes,
    "list": _some("press", "vips").map(lambda words: {"in": words}),
}
_leaf = st.sampled_from(sorted(_LEAVES)).flatmap(lambda name: _LEAVES[name].map(lambda value: {name: value}))
_where = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=5,
)


def segment_of(where: dict[str, Any]) -> Segment:
    return Segment.model_validate({"title": "t", "where": where})


def chosen(engine: Engine, store_id: int, segments: list[Segment], world: World) -> list[set[int]]:
    """Return the customers of each segment, with one query per segment."""
    selected = []
    with engine.connect() as connection:
        for segment in segments:
            question = ask(connection, store_id=store_id, segments=[segment], lists=world.lists, now=NOW)
            asking = SegmentQuery(question)
            fitting = asking.matches(segment)
            query = sa.select(customers.c.customer_id).select_from(asking.source)
            rows = list(connection.scalars(query.where(asking.scope, fitting)))
            assert len(rows) == len(set(rows)), "a customer is selected twice"
            selected.append(set(rows))
    return selected


def expected_ids(segments: list[Segment], world: World) -> list[set[int]]:
    return [
        {person.id for person in world.people if fits(segment.where, person, world)} for segment in segments
    ]


def test_the_oracle_and_this_test_cover_every_condition() -> None:
    keys = set(Condition.model_fields) - {"all", "any", "not_"}
    assert set(RULES) == keys == set(_LEAVES)


@settings(max_examples=_WORLDS, phases=_AS_DRAWN, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000), wheres=st.lists(_where, min_size=_SEGMENTS, max_size=_SEGMENTS))
def test_the_query_selects_the_same_customers_as_the_oracle(
    ledger: Engine, seed: int, wheres: list[dict[str, Any]]
) -> None:
    world = draw(seed)
    store_id = write(ledger, world)
    segments = [segment_of(where) for where in wheres]
    for where, ids, others in zip(
        wheres, chosen(ledger, store_id, segments, world), expected_ids(segments, world), strict=True
    ):
        assert ids == others, (seed, where)


@settings(max_examples=2, phases=_AS_DRAWN, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000), data=st.data())
def test_each_condition_and_its_negation_divide_the_customers(
    ledger: Engine, seed: int, data: st.DataObject
) -> None:
    """Each kind of condition alone and under `not:`. A customer without the data belongs to the negation."""
    world = draw(seed)
    store_id = write(ledger, world)
    wheres = [{name: data.draw(value)} for name, value in _LEAVES.items() for _ in range(3)]
    segments = [segment_of(where) for where in wheres]
    opposites = [segment_of({"not": where}) for where in wheres]
    everybody = {person.id for person in world.people}
    divided: Counter[str] = Counter()
    for where, ids, others, expected in zip(
        wheres,
        chosen(ledger, store_id, segments, world),
        chosen(ledger, store_id, opposites, world),
        expected_ids(segments, world),
        strict=True,
    ):
        assert ids == expected, (seed, where)
        assert others == everybody - ids, (seed, where)
        divided.update({next(iter(where)): 0 < len(ids) < len(everybody)})
    assert sum(divided.values()) > len(_LEAVES), "most conditions select some customers but not all"


def test_all_segments_of_a_campaign_can_be_evaluated_for_a_single_customer(ledger: Engine) -> None:
    world = draw(7)
    store_id = write(ledger, world)
    write(ledger, draw(8))  # another store in the same ledger
    named = {
        "tea": segment_of({"bought": {"categories": ["Tea"]}}),
        "used": segment_of({"all": [{"used_code": {}}, {"got_email": {}}]}),
        "on-list": segment_of({"any": [{"list": {"in": ["press", "vips"]}}, {"ignored_code": {}}]}),
        "no-tea": segment_of({"not": {"bought": {"categories": ["Tea"]}}}),
    }
    assert all(list(leaves(segment.where)) for segment in named.values())
    expected = dict(zip(named, expected_ids(list(named.values()), world), strict=True))
    with ledger.connect() as connection:
        for person in world.people:
            names = segments_of_customer(
                connection,
                store_id=store_id,
                customer_id=person.id,
                segments=named,
                lists=world.lists,
                now=NOW,
            )
            assert names == tuple(name for name in named if person.id in expected[name])
