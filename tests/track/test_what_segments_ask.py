"""What the mirror provides for segments: items bought, places, favourites and scores."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.shop import add_store, sample_book
from tests.track.room import CLOCK, call, read_whole, session_of
from tillroll.campaign.segments.segment import Segment
from tillroll.ecwid.client import Client
from tillroll.ledger.tables import customers, order_items, stores
from tillroll.plan.segments.answerable import reasons_unanswered
from tillroll.plan.segments.look import preview_segment
from tillroll.plan.segments.query import SegmentQuery
from tillroll.plan.segments.question import ask
from tillroll.track.mirror.areas import ORDERS
from tillroll.track.mirror.scores import refresh_scores
from tillroll.track.mirror.sync import sync


def chosen(engine: Engine, store_id: int, where: dict[str, Any]) -> set[int]:
    segment = Segment.model_validate({"title": "t", "where": where})
    with engine.connect() as connection:
        store = connection.execute(sa.select(stores).where(stores.c.id == store_id)).one()
        question = ask(connection, store_id=store_id, segments=[segment], lists={}, now=CLOCK.now())
        assert reasons_unanswered(connection, store, [segment], question) == []
        asking = SegmentQuery(question)
        fits = asking.matches(segment)
        query = sa.select(customers.c.customer_id).select_from(asking.source).where(asking.scope, fits)
        return set(connection.scalars(query))


def test_segments_find_what_the_store_has(ledger: Engine, client: Client) -> None:
    store_id = add_store(ledger)
    place = {"name": "Nika Nova", "countryCode": "US", "stateOrProvinceCode": "CA", "city": "San José"}
    call(client, "PUT", "/customers/3", {"billingPerson": place})
    read_whole(ledger, client, store_id)
    assert chosen(ledger, store_id, {"region": {"in": ["ca"]}}) == {3}
    assert chosen(ledger, store_id, {"city": {"in": ["SAN JOSé"]}}) == {3}

    with ledger.connect() as connection:
        items = order_items.c
        query = sa.select(items.sku, items.customer_id).where(items.customer_id.is_not(None))
        line = connection.execute(query.order_by(items.order_id)).first()
        assert line is not None
        same = (items.sku == line.sku, items.customer_id == line.customer_id)
        ids = set(connection.scalars(sa.select(items.order_id).where(*same)))
    bought = {"bought": {"products": [line.sku]}}
    assert line.customer_id in chosen(ledger, store_id, bought)
    for order_id in ids:  # undone, all of them: then nothing was bought
        call(client, "PUT", f"/orders/{order_id}", {"paymentStatus": "CANCELLED"})
    sync(session_of(ledger, client, store_id), ORDERS)
    assert line.customer_id not in chosen(ledger, store_id, bought)


def test_the_sample_segments_work_once_the_mirror_is_read(ledger: Engine, client: Client) -> None:
    store_id = add_store(ledger)
    read_whole(ledger, client, store_id)
    assert refresh_scores(ledger, store_id=store_id, now=CLOCK.now())
    book = sample_book()
    with ledger.connect() as connection:
        store = connection.execute(sa.select(stores).where(stores.c.id == store_id)).one()
    found = {
        name: preview_segment(ledger, store=store, book=book, name=name, now=CLOCK.now())
        for name in book.segments
    }
    told = {name: one.untold for name, one in found.items() if one.untold}
    assert told == {"friends": ("the list friends isn't in the ledger yet",)}, "the worker writes lists down"
    for name in ("champions", "infusion-drinkers", "lapsed-90"):
        assert 0 < found[name].count < found[name].customers, name
        assert len(found[name].sample) == min(5, found[name].count)
