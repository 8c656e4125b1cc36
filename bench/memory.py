"""Peak memory of minting and sending, by the number of codes; it should be constant. Each figure is from a process of its own.

python -m bench.memory WORK URL …      the work of such a process
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from bench.ledgers import ledger_url
from bench.report import Report
from bench.reserve import audience
from bench.send import all_live, context_of
from bench.shop import UNLIMITED, shop
from tests.shop import NOW, run_row
from tillroll.campaign.states import RunState
from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.ecwid.http.pace import Pace
from tillroll.ledger.engine import open_engine
from tillroll.ledger.queries.plans import recount_plan
from tillroll.mint.context import MintContext
from tillroll.mint.issue.reserve import reserve
from tillroll.mint.issue.turn import mint_turn
from tillroll.send.slices.deliver import send_slice

SIZES = (10_000, 100_000, 1_000_000)


def run(report: Report) -> None:
    """Measure. The store and the preparation of the ledger run in other processes, so only minting itself is counted."""
    report.section(
        "Peak memory on SQLite",
        "Reserved: the audience's digest is recounted and a code drawn for each recipient. Live: the codes are made in a"
        " store without limits, from drawing to the last answer. Sent: their e-mails are written to an outbox. Beside each: the"
        " first row of its kind.",
    )
    for what, work in (("reserved", _reserved), ("live", _live), ("sent", _sent)):
        smallest = 0.0
        for size in SIZES:
            peak = work(size)
            smallest = smallest or peak
            report.row(f"{size:,} codes {what}", peak, "MB", beside={f"{SIZES[0]:,}": smallest})


def _reserved(size: int) -> float:
    with ledger_url("SQLite") as url:
        _child("audience", url, str(size))
        return _child("reserve", url)


def _live(size: int) -> float:
    with ledger_url("SQLite") as url, shop(customers=1, requests_per_minute=UNLIMITED) as store:
        _child("audience", url, str(size))
        return _child("mint", url, store.base_url, str(store.store_id), store.token)


def _sent(size: int) -> float:
    with ledger_url("SQLite") as url, tempfile.TemporaryDirectory(prefix="tillroll-bench-") as folder:
        _child("audience", url, str(size))
        _child("reserve", url)
        _child("all_live", url)
        return _child("send", url, folder)


def _child(*words: str) -> float:
    """Run a process and return its peak memory in MB."""
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "bench.memory", *words], stdout=subprocess.PIPE, text=True, check=True
    )
    return float(json.loads(done.stdout.splitlines()[-1])["peak"])


# --- the work of the processes -------------------------------------------------------------------------------------


def _make_audience(url: str, size: str) -> None:
    engine = open_engine(url)
    audience(engine, int(size))
    engine.dispose()


def _reserve(url: str) -> None:
    engine = open_engine(url)
    if recount_plan(engine, 1).plan is None:
        raise RuntimeError("the run has no plan")
    reserve(engine, run=run_row(engine, 1), now=NOW + timedelta(minutes=1))
    engine.dispose()


def _mint(url: str, base_url: str, store_id: str, token: str) -> None:
    engine, clock = open_engine(url), SystemClock()
    pace = Pace(clock, per_minute=UNLIMITED)
    client = Client(
        base_url=base_url,
        store_id=int(store_id),
        token=token,
        hosts=AllowedHosts(private=True),
        pace=pace,
        clock=clock,
    )
    context = MintContext(engine=engine, client=client, clock=clock, store_id=1)
    while run_row(engine, 1).state == RunState.MINTING:
        turn = mint_turn(context, until=clock.now() + timedelta(seconds=2))
        if turn.next_at is not None:
            clock.sleep(max(0.0, (turn.next_at - clock.now()).total_seconds()))
    client.close()
    engine.dispose()


def _all_live(url: str) -> None:
    engine = open_engine(url)
    all_live(engine, 1)
    engine.dispose()


def _send(url: str, folder: str) -> None:
    engine = open_engine(url)
    context = context_of(engine, Path(folder))
    while run_row(engine, 1).state == RunState.SENDING:
        send_slice(context, run_id=1, until=context.clock.now() + timedelta(seconds=5))
    engine.dispose()


def main() -> None:
    """Do the work that the arguments name, and print this process's peak memory as JSON."""
    works: dict[str, Callable[..., None]] = {
        "audience": _make_audience,
        "reserve": _reserve,
        "mint": _mint,
        "all_live": _all_live,
        "send": _send,
    }
    works[sys.argv[1]](*sys.argv[2:])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024 if sys.platform != "darwin" else 1024**2
    )
    sys.stdout.write(json.dumps({"peak": peak}) + "\n")


if __name__ == "__main__":
    main()
