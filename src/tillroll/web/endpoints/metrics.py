"""`/metrics`: the state of the installation for Prometheus, counted from the ledger at every request.

The figures are confidential, so a request must carry the token of `TILLROLL_METRICS_TOKEN`; without that setting there is no
such page.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from flask import Blueprint, Response, abort, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.engine import Connection, Engine

from tillroll.ledger.engine import reading
from tillroll.ledger.mirror.unread import count_unread_by_store
from tillroll.ledger.queries.stores import all_stores
from tillroll.send.hold import list_holds
from tillroll.track.results.metrics import count_by_state, count_waiting_events
from tillroll.web.support import request_context

pages = Blueprint("metrics", __name__)

_KINDS = ("runs", "codes", "messages", "drifts")


@pages.get("/metrics")
def metrics() -> Response:
    """Show the figures in Prometheus' text format."""
    token = request_context.services().settings.metrics_token
    if not token:
        abort(404)
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {token}".encode()):
        abort(403)
    registry = CollectorRegistry()
    registry.register(LedgerCollector(request_context.services().engine))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class LedgerCollector(Collector):
    """Gauges over the rows of the ledger."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield all gauges, as of one moment."""
        with reading(self._engine) as connection:
            yield _connected_stores(connection)
            yield from _states(connection)
            yield _waiting_events(connection)
            yield _unread_rows(connection)
            yield _held_transports(connection)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield nothing: the metrics are not known before they are collected."""
        return iter(())


def _connected_stores(connection: Connection) -> GaugeMetricFamily:
    """1 for a connected store, 0 for one that is disconnected, fenced or without an API."""
    gauge = GaugeMetricFamily(
        "tillroll_store_connected", "Whether the store is connected", labels=["store", "state"]
    )
    for store in all_stores(connection):
        gauge.add_metric([str(store.ecwid_id), store.state], float(store.state == "connected"))
    return gauge


def _states(connection: Connection) -> Iterator[GaugeMetricFamily]:
    gauges = {
        kind: GaugeMetricFamily(f"tillroll_{kind}", f"The {kind} by state", labels=["store", "state"])
        for kind in _KINDS
    }
    for line in count_by_state(connection):
        gauges[line.kind].add_metric([str(line.ecwid_id), line.state], float(line.count))
    yield from gauges.values()


def _waiting_events(connection: Connection) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(
        "tillroll_events_waiting", "Webhooks that are stored but not handled yet", labels=["store"]
    )
    for ecwid_id, count in count_waiting_events(connection).items():
        gauge.add_metric([str(ecwid_id)], float(count))
    return gauge


def _unread_rows(connection: Connection) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(
        "tillroll_unread_rows",
        "Rows of the store, or fields of them, that can't be read",
        labels=["store", "area"],
    )
    for ecwid_id, area, count in count_unread_by_store(connection):
        gauge.add_metric([str(ecwid_id), area], float(count))
    return gauge


def _held_transports(connection: Connection) -> GaugeMetricFamily:
    """1 for each transport that takes no e-mails now, and why."""
    gauge = GaugeMetricFamily(
        "tillroll_transport_held", "Transports that take no e-mails", labels=["transport", "trouble"]
    )
    for held in list_holds(connection):
        gauge.add_metric([held.transport, held.trouble.value], 1.0)
    return gauge
