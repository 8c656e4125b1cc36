"""Minting: seconds until codes are live, beside the time that the store needs; with a killed worker and an urgent code."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from contextlib import AbstractContextManager
from uuid import uuid4

import sqlalchemy as sa

from bench.installation import PER_MINUTE, Installation, installation, wait_for
from bench.report import Report
from bench.shop import Shop, shop
from tests.shop import ANA
from tillroll.campaign.states import CodeState, RunState
from tillroll.clock import SystemClock
from tillroll.ecwid.http.pace import Pace
from tillroll.ledger.tables import codes
from tillroll.plan.due.slots import start_by_hand

SIZES = (1_000, 10_000, 100_000)
INNER = 0.1  # seconds a coupon, a hundred in parallel: 1,000 coupons a second
_CHUNK = 500
_THREADS = 16
_TOLD, _PORT = 3_000, 8_690  # codes; the pages' port
_MINUTE, _SETTLED = 60.0, 200.0  # seconds
_PEER_SECONDS = 60.0

_MASS = """title: Mass
owner: ana@shop.example
status: active
when: {{manual: true}}
offer: {{kind: percent, value: 10, valid: {{for: 60d}}}}
codes: {{pool: {{size: {size}, low_water: 1}}}}
"""
_WELCOME = """title: Welcome
owner: ana@shop.example
status: active
when: {manual: true}
who: {segment: newcomers, limit: 1}
offer: {kind: percent, value: 10, valid: {for: 14d}}
message: {template: winback, subject: Welcome}
approval: {auto_when: {codes: 5, worst_case: 1000}}
"""


def run(report: Report) -> None:
    """Measure pools from approval until all codes are live. The worker and the store have processes of their own."""
    report.section(
        "Minting, 600 requests a minute, speed 1",
        f"The store takes {INNER} s for a coupon, 100 in parallel. Floor: the same batches sent by a bare client until all"
        " are executed, without reading the answers. Peer: one POST a code from 16 threads.",
    )
    for size in SIZES:
        _ours(report, size)
    _with_webhooks(report)
    _one_by_one(report)
    _killed_and_urgent(report, SIZES[-1])
    report.section("Minting at a store that makes coupons at once", "Here the rate limit is the bottleneck.")
    _ours(report, SIZES[1], inner=0.0)


def _store(inner: float) -> AbstractContextManager[Shop]:
    return shop(customers=20, requests_per_minute=PER_MINUTE, inner_request_seconds=inner)


def _ours(report: Report, size: int, *, inner: float = INNER) -> None:
    with _store(inner) as store:
        floor = _floor(store, size)
    with _store(inner) as store, installation(store, {"mass": _MASS.format(size=size)}) as install:
        before = _ready(install, store)
        install.approve("mass")
        took = wait_for(install.reaches("mass", RunState.TRACKING))
        counters = store.admin("counters")
        live = _live(install)
    requests = counters["requests"] - before["requests"]
    report.row(
        f"{size:,} codes live",
        took,
        "s",
        beside={"floor": floor},
        note=f"{live:,} live, {counters['rate_limited']} answers 429",
    )
    report.row(f"requests per 1,000 codes, of {size:,}", requests / size * 1_000, "requests")


def _with_webhooks(report: Report) -> None:
    """Count the calls for a run until a minute after its last code is live, while the store tells us of each coupon."""
    with _store(INNER) as store:
        told = {"ECWID_CLIENT_SECRET": store.admin("stores")["stores"][0]["client_secret"]}
        with installation(store, {"mass": _MASS.format(size=_TOLD)}, extra=told) as install:
            store.admin("webhooks", {"url": f"{install.start_web(_PORT)}/webhooks/ecwid"})
            _ready(install, store)
            time.sleep(_SETTLED)  # until a look at the store came long enough after its last change
            before = store.admin("counters")
            install.approve("mass")
            wait_for(install.reaches("mass", RunState.TRACKING))
            time.sleep(_MINUTE)
            requests = store.admin("counters")["requests"] - before["requests"]
            delivered = store.admin("webhooks")["delivered"]
    report.row(
        f"requests per 1,000 codes, of {_TOLD:,}, with webhooks, until a minute later",
        requests / _TOLD * 1_000,
        "requests",
        note=f"{delivered:,} webhooks",
    )


def _ready(install: Installation, store: Shop) -> dict[str, int]:
    """Start a worker, wait until only the approval is missing, and return the store's counters by then."""
    install.start_worker()
    wait_for(install.reaches("mass", RunState.WAITING))
    time.sleep(3)  # until its first reading of the store has ended
    counters: dict[str, int] = store.admin("counters")
    return counters


def _executed(store: Shop) -> int:
    """Return how many requests of batches the store has executed."""
    return int(store.admin("counters")["batch_inner"])


def _live(install: Installation) -> int:
    query = sa.select(sa.func.count()).where(codes.c.state == CodeState.LIVE)
    with install.parts.engine.connect() as connection:
        return int(connection.scalar(query) or 0)


def _killed_and_urgent(report: Report, size: int) -> None:
    """Measure the large run with a code for one customer requested at a quarter, and the worker killed at half."""
    with (
        _store(INNER) as store,
        installation(store, {"mass": _MASS.format(size=size), "welcome": _WELCOME}) as install,
    ):
        _ready(install, store)
        worker = install.workers[0]
        install.approve("mass")
        began = time.monotonic()
        wait_for(lambda: _executed(store) >= size / 4, every=0.2)
        urgent = [_welcome(install) for _ in range(5)]
        wait_for(lambda: _executed(store) >= size / 2, every=0.2)
        install.kill(worker)
        install.start_worker()
        wait_for(install.reaches("mass", RunState.TRACKING))
        took = time.monotonic() - began
        live = _live(install) - len(urgent)
        in_store = _executed(store)
    report.row(
        f"{size:,} codes live, the worker killed at half",
        took,
        "s",
        note=f"{live:,} live, {in_store:,} requested",
    )
    for which, seconds in (("longest", max(urgent)), ("shortest", min(urgent))):
        note = "from the request until it is live, five times"
        report.row(f"a code for one customer meanwhile, {which}", seconds, "s", note=note)


def _welcome(install: Installation) -> float:
    """Request a code for one customer, and return the seconds until it is live."""
    parts, began = install.parts, time.monotonic()
    run_id = start_by_hand(parts.engine, store_id=1, name="welcome", person=ANA.email, now=parts.clock.now())
    mine = sa.select(codes.c.id).where(codes.c.run_id == run_id, codes.c.state == CodeState.LIVE)

    def is_live() -> bool:
        with parts.engine.connect() as connection:
            return connection.scalar(mine) is not None

    wait_for(is_live)
    return time.monotonic() - began


# --- for comparison: a bare client at the same pace -------------------------------------------


def _floor(store: Shop, size: int) -> float:
    """Return the seconds until the store has executed the same batches. Only the last one's status is read."""
    pace, numbers, ticket = Pace(SystemClock(), per_minute=PER_MINUTE), iter(range(size)), ""
    began = time.monotonic()
    for _ in range(0, size, _CHUNK):
        inner = [
            {
                "id": str(number),
                "method": "POST",
                "path": "/discount_coupons",
                "body": _coupon(f"F{number:09d}"),
            }
            for number in (next(numbers) for _ in range(_CHUNK))
        ]
        pace.wait()
        query = f"stopOnFirstFailure=false&allowParallelMode=true&deduplicationKey={uuid4()}"
        ticket = _ask(store, "POST", f"/batch?{query}", inner)["ticket"]
    while _ask(store, "GET", f"/batch?ticket={ticket}")["status"] != "COMPLETED":
        pace.wait()
        time.sleep(0.2)
    return time.monotonic() - began


def _one_by_one(report: Report) -> None:
    """Measure one POST a code for a minute, and extrapolate to 100,000 codes."""
    with _store(INNER) as store:
        pace, made, numbers = Pace(SystemClock(), per_minute=PER_MINUTE), [], iter(range(10_000_000))
        until = time.monotonic() + _PEER_SECONDS

        def work() -> None:
            while time.monotonic() < until:
                pace.wait()
                _ask(store, "POST", "/discount_coupons", _coupon(f"P{next(numbers):09d}"))
                made.append(1)

        threads = [threading.Thread(target=work) for _ in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    rate = len(made) / _PEER_SECONDS
    note = f"measured over {_PEER_SECONDS:.0f} s"
    report.row(f"a POST a code, {_THREADS} threads", rate, "codes/s", note=note)
    report.row("the same, for 100,000 codes", 100_000 / rate, "s", note="extrapolated from the row above")


def _coupon(code: str) -> dict[str, object]:
    return {
        "name": "Mass (tillroll run 1)",
        "code": code,
        "discountType": "PERCENT",
        "discount": 10.0,
        "status": "ACTIVE",
        "launchDate": "2026-11-23 10:00:00 +0000",
        "expirationDate": "2027-01-23 10:00:00 +0000",
        "usesLimit": "SINGLE",
        "applicationLimit": "UNLIMITED",
    }


def _ask(store: Shop, method: str, path: str, body: object = None) -> dict[str, str]:
    """Send a call and return its answer. A 429 is sent again after its wait."""
    content = None if body is None else json.dumps(body).encode()
    while True:
        address = f"{store.base_url}/{store.store_id}{path}"
        request = urllib.request.Request(address, data=content, method=method)  # noqa: S310 - our own sandbox
        request.add_header("Authorization", f"Bearer {store.token}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
                parsed: dict[str, str] = json.load(answer)
                return parsed
        except urllib.error.HTTPError as refused:
            if refused.code != 429:
                raise
            time.sleep(float(refused.headers["Retry-After"]))
