"""Peak memory of minting, by the number of codes: it is to be flat. Each figure is a process of its own.

python -m bench.memory WORK URL …      what such a process does
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

from bench.ledgers import ledger_url
from bench.report import Report
from bench.reserve import audience
from bench.shop import UNLIMITED, shop
from tests.shop import NOW, run_row
from tillroll.campaign.states import RunState
from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.ecwid.pace import Pace
from tillroll.ledger.engine import open_engine
from tillroll.ledger.plans import recounted
from tillroll.mint.parts import Mint
from tillroll.mint.reserve import reserve
from tillroll.mint.turn import mint_turn

SIZES = (10_000, 100_000, 1_000_000)


def run(report: Report) -> None:
    """The store and the ledger's preparation are other processes, so only minting itself is counted."""
    report.section(
        "Peak memory on SQLite",
        "“Reserved” recounts the audience's digest and draws a code for each recipient; “live” makes them in a store"
        " without limits, from drawing to the last answer. Beside it: the first row of its kind.",
    )
    for what, work in (("reserved", _reserved), ("live", _live)):
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


def _child(*words: str) -> float:
    """A process's peak, in MB."""
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "bench.memory", *words], stdout=subprocess.PIPE, text=True, check=True
    )
    return float(json.loads(done.stdout.splitlines()[-1])["peak"])


# --- what the processes do -------------------------------------------------------------------------------------


def _make_audience(url: str, size: str) -> None:
    engine = open_engine(url)
    audience(engine, int(size))
    engine.dispose()


def _reserve(url: str) -> None:
    engine = open_engine(url)
    if recounted(engine, 1).plan is None:
        raise RuntimeError("the run has no plan")
    reserve(engine, run=run_row(engine, 1), now=NOW + timedelta(minutes=1))
    engine.dispose()


def _mint(url: str, base_url: str, store_id: str, token: str) -> None:
    engine, clock = open_engine(url), SystemClock()
    pace = Pace(clock, per_minute=UNLIMITED)
    client = Client(base_url=base_url, store_id=int(store_id), token=token, pace=pace, clock=clock)
    mint = Mint(engine=engine, client=client, clock=clock, store_id=1)
    while run_row(engine, 1).state == RunState.MINTING:
        turn = mint_turn(mint, until=clock.now() + timedelta(seconds=2))
        if turn.next_at is not None:
            clock.sleep(max(0.0, (turn.next_at - clock.now()).total_seconds()))
    client.close()
    engine.dispose()


def main() -> None:
    """One process's work, then its peak as JSON."""
    works: dict[str, Callable[..., None]] = {"audience": _make_audience, "reserve": _reserve, "mint": _mint}
    works[sys.argv[1]](*sys.argv[2:])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024 if sys.platform != "darwin" else 1024**2
    )
    sys.stdout.write(json.dumps({"peak": peak}) + "\n")


if __name__ == "__main__":
    main()
