"""Minting: seconds until codes are live at the store's limits, beside what the store needs; a kill; a code in a hurry."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from contextlib import AbstractContextManager
from uuid import uuid4

import sqlalchemy as sa

from bench.office import PER_MINUTE, Office, office, wait_for
from bench.report import Report
from bench.shop import Shop, shop
from tests.shop import ANA
from tillroll.campaign.states import CodeState, RunState
from tillroll.clock import SystemClock
from tillroll.ecwid.pace import Pace
from tillroll.ledger.tables import codes
from tillroll.plan.slots import start_by_hand

SIZES = (1_000, 10_000, 100_000)
INNER = 0.1  # seconds that the store takes for a coupon, a hundred at once: 1,000 coupons a second
_CHUNK = 500
_THREADS = 16
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
    """A pool of so many codes, from its approval until all are live; the worker and the store are processes of their own."""
    report.section(
        "Minting, 600 requests a minute, speed 1",
        f"The store takes {INNER} s for a coupon, 100 at once. Floor: the same batches handed over by a bare client, all"
        " executed; nobody asks for their answers. Peer: one POST a code from 16 threads.",
    )
    for size in SIZES:
        _ours(report, size)
    _one_by_one(report)
    _killed_and_in_a_hurry(report, SIZES[-1])
    report.section(
        "Minting at a store that makes coupons in no time", "Here the token's allowance is what counts."
    )
    _ours(report, SIZES[1], inner=0.0)


def _store(inner: float) -> AbstractContextManager[Shop]:
    return shop(customers=20, requests_per_minute=PER_MINUTE, inner_request_seconds=inner)


def _ours(report: Report, size: int, *, inner: float = INNER) -> None:
    with _store(inner) as store:
        floor = _floor(store, size)
    with _store(inner) as store, office(store, {"mass": _MASS.format(size=size)}) as here:
        before = _ready(here, store)
        here.approve("mass")
        took = wait_for(here.reaches("mass", RunState.TRACKING))
        counters = store.admin("counters")
        live = _live(here)
    requests = counters["requests"] - before["requests"]
    report.row(
        f"{size:,} codes live",
        took,
        "s",
        beside={"floor": floor},
        note=f"{live:,} live, {counters['rate_limited']} times 429",
    )
    report.row(f"requests per 1,000 codes, of {size:,}", requests / size * 1_000, "requests")


def _ready(here: Office, store: Shop) -> dict[str, int]:
    """A worker is up and has nothing to do but wait for the approval; the store's counters by then."""
    here.start_worker()
    wait_for(here.reaches("mass", RunState.WAITING))
    time.sleep(3)  # its first look at the shop is over
    found: dict[str, int] = store.admin("counters")
    return found


def _made(store: Shop) -> int:
    """How many requests of batches the store has executed."""
    return int(store.admin("counters")["batch_inner"])


def _live(here: Office) -> int:
    query = sa.select(sa.func.count()).where(codes.c.state == CodeState.LIVE)
    with here.parts.engine.connect() as connection:
        return int(connection.scalar(query) or 0)


def _killed_and_in_a_hurry(report: Report, size: int) -> None:
    """The large run once more: a code for one customer is asked for at a quarter, and the worker is killed at half."""
    with (
        _store(INNER) as store,
        office(store, {"mass": _MASS.format(size=size), "welcome": _WELCOME}) as here,
    ):
        _ready(here, store)
        worker = here.workers[0]
        here.approve("mass")
        began = time.monotonic()
        wait_for(lambda: _made(store) >= size / 4, every=0.2)
        hurry = [_welcome(here) for _ in range(5)]
        wait_for(lambda: _made(store) >= size / 2, every=0.2)
        here.kill(worker)
        here.start_worker()
        wait_for(here.reaches("mass", RunState.TRACKING))
        took = time.monotonic() - began
        live = _live(here) - len(hurry)
        in_store = _made(store)
    report.row(
        f"{size:,} codes live, the worker killed at half",
        took,
        "s",
        note=f"{live:,} live, {in_store:,} asked for",
    )
    for which, seconds in (("longest", max(hurry)), ("shortest", min(hurry))):
        note = "from asking until it is live, five times"
        report.row(f"a code for one customer meanwhile, {which}", seconds, "s", note=note)


def _welcome(here: Office) -> float:
    """Seconds from asking for a code for one customer until it is live."""
    parts, began = here.parts, time.monotonic()
    run_id = start_by_hand(parts.engine, store_id=1, name="welcome", person=ANA.email, now=parts.clock.now())
    mine = sa.select(codes.c.id).where(codes.c.run_id == run_id, codes.c.state == CodeState.LIVE)

    def there() -> bool:
        with parts.engine.connect() as connection:
            return connection.scalar(mine) is not None

    wait_for(there)
    return time.monotonic() - began


# --- beside it: a client that does nothing but ask, at the same pace -------------------------------------------


def _floor(store: Shop, size: int) -> float:
    """Seconds until the store has executed the same batches; nobody asks for their answers but for the last one's."""
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
    """How fast one POST a code goes, measured over a minute; 100,000 codes are told from that."""
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
    report.row("the same, told for 100,000", 100_000 / rate, "s", note="extrapolated from the row above")


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
    """One call; one that is refused for the pace is sent again after its wait."""
    content = None if body is None else json.dumps(body).encode()
    while True:
        address = f"{store.base_url}/{store.store_id}{path}"
        request = urllib.request.Request(address, data=content, method=method)  # noqa: S310 - our own sandbox
        request.add_header("Authorization", f"Bearer {store.token}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
                found: dict[str, str] = json.load(answer)
                return found
        except urllib.error.HTTPError as refused:
            if refused.code != 429:
                raise
            time.sleep(float(refused.headers["Retry-After"]))
