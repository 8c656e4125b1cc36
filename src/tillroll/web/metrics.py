"""`/metrics`: how the installation stands, for Prometheus. Read from the ledger when it is asked for; nothing is counted twice.

Figures are a shop's business, so the page wants the token that `TILLROLL_METRICS_TOKEN` names; without one there is no page.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator

import sqlalchemy as sa
from flask import Blueprint, Response, abort, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.engine import Connection, Engine

from tillroll.ledger.engine import reading
from tillroll.ledger.tables import codes, drifts, events, messages, runs, stores
from tillroll.web import here

pages = Blueprint("metrics", __name__)


@pages.get("/metrics")
def metrics() -> Response:
    """The figures, in Prometheus' text format."""
    token = here.services().settings.metrics_token
    if not token:
        abort(404)
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {token}".encode()):
        abort(403)
    registry = CollectorRegistry()
    registry.register(FromTheLedger(here.services().engine))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class FromTheLedger(Collector):
    """Gauges drawn from the ledger's rows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All of them, at one moment."""
        with reading(self._engine) as connection:
            yield _stores(connection)
            for table, what in ((runs, "runs"), (codes, "codes"), (messages, "messages"), (drifts, "drifts")):
                yield _by_state(connection, table, what)
            yield _events(connection)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: what there is shows when it is collected."""
        return iter(())


def _stores(connection: Connection) -> GaugeMetricFamily:
    """1 for a store that lets us in, 0 for one that is disconnected or whose plan has no API."""
    gauge = GaugeMetricFamily(
        "tillroll_store_connected", "Whether the store lets us in", labels=["store", "state"]
    )
    for row in connection.execute(sa.select(stores.c.ecwid_id, stores.c.state)):
        gauge.add_metric([str(row.ecwid_id), row.state], float(row.state == "connected"))
    return gauge


def _by_state(connection: Connection, table: sa.Table, what: str) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(f"tillroll_{what}", f"The {what} by their state", labels=["store", "state"])
    query = (
        sa.select(stores.c.ecwid_id, table.c.state, sa.func.count().label("n"))
        .join(stores, stores.c.id == table.c.store_id)
        .group_by(stores.c.ecwid_id, table.c.state)
    )
    if table is codes:
        query = query.where(codes.c.terms.is_(None))  # adopted ones were made by others
    for row in connection.execute(query):
        gauge.add_metric([str(row.ecwid_id), row.state], float(row.n))
    return gauge


def _events(connection: Connection) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(
        "tillroll_events_waiting", "Webhooks that are taken in and not acted on", labels=["store"]
    )
    waiting = sa.func.count(events.c.id)
    query = (
        sa.select(stores.c.ecwid_id, waiting.label("n"))
        .outerjoin(events, sa.and_(events.c.store_id == stores.c.id, events.c.handled_at.is_(None)))
        .group_by(stores.c.ecwid_id)
    )
    for row in connection.execute(query):
        gauge.add_metric([str(row.ecwid_id)], float(row.n))
    return gauge
