"""Broken segments are reported with their position or answered completely; they never cause a traceback."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import sqlalchemy as sa
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.campaign.junk import JUNK
from tests.campaign.whole import RULES
from tests.plan.world import draw, write
from tests.shop import NOW, sample_files
from tillroll.campaign import parse_book
from tillroll.campaign.segments.sentence import say_segment
from tillroll.ledger.tables import customers
from tillroll.plan.segments.query import SegmentQuery
from tillroll.plan.segments.question import ask

FILE = "rules/segments/broken.yaml"
CONDITIONS: list[Any] = yaml.safe_load(RULES["rules/segments/whole.yaml"])["where"]["any"]


def places(value: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the path of every value in a condition."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, part in inner for place in places(part, (*at, key)))]


@st.composite
def broken(draw_: st.DrawFn) -> Any:
    """A condition with junk in one or two places, or with a key dropped or renamed."""
    condition = {"where": deepcopy(draw_(st.sampled_from(CONDITIONS)))}
    for _ in range(draw_(st.integers(1, 2))):
        *path, last = draw_(st.sampled_from(places(condition)[1:]))
        parent: Any = condition
        for part in path:
            parent = parent[part]
        what = draw_(st.sampled_from(["junk", "drop", "rename"]))
        if what == "junk" or not isinstance(parent, dict) or last == "where":
            parent[last] = deepcopy(draw_(st.sampled_from(JUNK)))  # a second break may change it
        elif what == "drop":
            del parent[last]
        else:
            parent[draw_(st.sampled_from(["orders", "at_least", "within", "in", "campaigns", "not"]))] = (
                parent.pop(last)
            )
    return condition["where"]


@settings(max_examples=5, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 100), wheres=st.lists(broken(), min_size=60, max_size=60))
def test_an_accepted_segment_can_be_described_and_queried(
    ledger: Engine, seed: int, wheres: list[Any]
) -> None:
    world = draw(seed, people=8)
    store_id = write(ledger, world)
    names = ("scheduled", "flow", "pooled")
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    files |= {f"campaigns/{name}.yaml": b"title: x\n" for name in names}
    files |= {f"rules/lists/{name}.csv": b"email\na@shop.example\n" for name in world.lists}
    accepted = 0
    for where in wheres:
        text = yaml.safe_dump({"title": "t", "where": where}, allow_unicode=True)
        book = parse_book({**files, FILE: text.encode("utf-8", "surrogatepass")})
        findings = [finding for finding in book.findings if finding.file == FILE]
        assert all(finding.line >= 1 and finding.problem for finding in findings)
        if findings:
            continue
        accepted += 1
        segment = book.segments["broken"]
        assert say_segment(segment).startswith("Customers who ")
        with ledger.connect() as connection:
            question = ask(connection, store_id=store_id, segments=[segment], lists=book.lists, now=NOW)
            asking = SegmentQuery(question)
            fits = (asking.flag(segment), asking.matches(segment))
            rows = connection.execute(
                sa.select(customers.c.customer_id, *fits).select_from(asking.source).where(asking.scope)
            ).all()
        assert len(rows) == len(world.people)
        assert all(bool(flag) is bool(match) for _, flag, match in rows)
    assert accepted < len(wheres)
