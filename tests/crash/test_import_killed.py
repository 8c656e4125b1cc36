"""A catalogue import is killed amid faults: the store equals the file, nothing is applied twice, an undo restores all."""

from __future__ import annotations

import csv
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.crash.worker import installation
from tests.logs import read_now
from tests.store import client_of, lay_faults, running
from tillroll.campaign.states import ChunkState
from tillroll.catalog.fields import of_product, of_variation
from tillroll.ecwid.endpoints.catalog import Product
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.tables import import_chunks, import_rows, imports
from tillroll.sandbox.serve import Sandbox
from tillroll.wiring import Services

FEW: dict[str, Any] = {
    "seed": 20261123,
    "storm": {"share": 0.5, "times": 1, "retry_after": 1},
    "errors": {"share": 0.4, "times": 1, "on": "writes", "status": 503},
    "resets": {"share": 0.4, "times": 1, "on": "writes"},
    "lost_answers": {"share": 0.6, "times": 3, "on": "writes"},
    "stalled_batches": {"share": 0.8, "times": 2, "seconds": 1.0},
}
MANY: dict[str, Any] = {
    "seed": 20261123,
    "storm": {"share": 0.1, "retry_after": 1},
    "errors": {"share": 0.05, "status": 503},
    "resets": {"share": 0.05},
    "lost_answers": {"share": 0.5, "on": "writes"},
    "stalled_batches": {"share": 0.5, "seconds": 2.0},
}
SIZES = ("50 g", "100 g", "250 g")
COLUMNS = ["sku", "parent_sku", "options", "name", "price", "quantity", "low_stock_at", "categories"]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The time and memory that an import took."""

    killed_at: tuple[str, ...]
    import_seconds: float
    undo_seconds: float
    memory_mb: float  # the most that any of its processes used
    fired: dict[str, int]


def write_file(path: Path, *, products: int) -> dict[str, dict[str, Any]]:
    """Write a file with new products of three variations each, and two changed products. Returns the expected store, by SKU."""
    wanted: dict[str, dict[str, Any]] = {
        "TEA-01": {"price": Decimal("9.75"), "quantity": None},
        "POT-01": {"name": "Cast-iron pot, large"},
    }
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, COLUMNS, restval="")
        out.writeheader()
        out.writerow({"sku": "TEA-01", "price": "9.75", "quantity": "unlimited"})
        out.writerow({"sku": "POT-01", "name": "Cast-iron pot, large"})
        for number in range(products):
            sku, price = f"BULK-{number:05}", Decimal(number % 900 + 100) / 10
            out.writerow(
                {"sku": sku, "name": f"Čaj {number}", "price": price, "categories": "Green tea; Infusions"}
            )
            wanted[sku] = {"name": f"Čaj {number}", "price": price, "categories": (1, 3)}
            for step, size in enumerate(SIZES):
                one = f"{sku}-{step}"
                out.writerow(
                    {
                        "sku": one,
                        "parent_sku": sku,
                        "options": f"Size={size}",
                        "price": price + step,
                        "quantity": number % 50,
                        "low_stock_at": 2,
                    }
                )
                wanted[one] = {"price": price + step, "quantity": number % 50, "low_stock_at": 2}
    return wanted


def catalogue(store: Sandbox) -> dict[str, dict[str, Any]]:
    """Return every product and variation of the store by SKU; checks that no SKU occurs twice."""
    lay_faults(store, **{kind: False for kind in FEW if kind != "seed"})
    found: dict[str, dict[str, Any]] = {}
    products: dict[int, Product] = {}
    with client_of(store) as client:
        products = {one.product_id: one for one in client.products.every()}
    for product in products.values():
        assert product.sku not in found
        found[product.sku] = of_product(product)
        for variation in product.variations:
            assert variation.sku not in found
            found[variation.sku] = {**of_variation(variation), "options": variation.options}
    return found


def start(environment: dict[str, str], *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tillroll", "catalog", *words, "--as", "ana@shop.example"]
    return subprocess.Popen(
        command,
        env={**environment, "TILLROLL_ENVIRONMENT": "sandbox"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def progress(parts: Services, kind: str) -> tuple[int, bool]:
    """Return how many rows of the import or undo have an outcome, and whether a batch is between intent and answer."""
    own = import_rows.c.import_id.in_(sa.select(imports.c.id).where(imports.c.kind == kind))
    with parts.engine.connect() as connection:
        done = sa.select(sa.func.count()).where(own, import_rows.c.state.in_(("done", "failed")))
        posting = sa.select(sa.func.count()).where(import_chunks.c.state == ChunkState.POSTING)
        return int(connection.scalar(done) or 0), bool(connection.scalar(posting))


def kill_while_busy(
    parts: Services, process: subprocess.Popen[str], *, kind: str, above: int, amid: bool = False
) -> str:
    """Kill the process once more rows than this have an outcome. `amid`: and while a batch is between intent and answer."""
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None, f"it ended by itself: {process.communicate()}"
        assert time.monotonic() < deadline, "nothing happens"
        done, posting = progress(parts, kind)
        if done > above and (posting or not amid):
            break
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    read_now(process.communicate()[1])
    return f"{kind}: {done} rows{', a batch going out' * posting}"


@dataclass(frozen=True)
class Finished:
    """What a process said at its end, and the most memory that it had while it was looked at."""

    report: dict[str, Any]
    memory_mb: float


def finish(process: subprocess.Popen[str], *, patience: float) -> Finished:
    deadline, memory_mb = time.monotonic() + patience, 0.0
    while True:
        memory_mb = max(memory_mb, most_memory(process.pid))
        try:
            told, troubles = process.communicate(timeout=0.5)
            break
        except subprocess.TimeoutExpired:
            assert time.monotonic() < deadline, "it does not end"
    read_now(troubles)
    assert process.returncode == 0, (told[-2000:], troubles[-2000:])
    return Finished(json.loads(told), memory_mb)


def most_memory(pid: int) -> float:
    """Return the most megabytes that a process has had since it began its program; 0 where the system doesn't say.

    What the system keeps of children that ended counts what their parent had when they were forked.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return next(
        (int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0
    )


def survive(tmp_path: Path, url: str, *, products: int, faults: dict[str, Any], patience: float) -> Figures:
    """Import with two kills, compare, import again, undo with a kill, and compare."""
    file, draw = tmp_path / "bulk.csv", random.Random(7)
    wanted, rows = write_file(file, products=products), products * 4 + 2
    with (
        running(tmp_path / "store", customers=5, batch_pause=0.02, inner_retry_seconds=0.1) as store,
        installation(store, url, tmp_path) as (parts, environment),
    ):
        before = catalogue(store)
        words = ("import", str(file), "--json")
        began = time.monotonic()
        lay_faults(store, **faults)
        killed = [kill_while_busy(parts, start(environment, *words), kind="import", above=-1, amid=True)]
        above = draw.randrange(products // 2, products)
        killed.append(kill_while_busy(parts, start(environment, *words), kind="import", above=above))
        imported = finish(start(environment, *words), patience=patience)
        took, report = time.monotonic() - began, imported.report
        assert (report["rows"], report["done"], report["failed"]) == (rows, rows, 0)
        fired = store.store.faults.fired
        assert fired.keys() >= faults.keys() - {"seed"}, fired

        after = catalogue(store)
        assert after.keys() == before.keys() | wanted.keys()
        for sku, fields in wanted.items():
            assert {name: after[sku][name] for name in fields} == fields, sku
        for sku, fields in before.items():
            assert {**fields, **wanted.get(sku, {})} == after[sku], sku
        check_applied_once(parts, store, rows)
        again = finish(start(environment, *words), patience=patience)
        assert (again.report["done"], again.report["unchanged"]) == (0, rows)

        lay_faults(store, **faults)
        began = time.monotonic()
        journal = str(report["journal"])
        killed.append(
            kill_while_busy(parts, start(environment, "undo", journal), kind="undo", above=products)
        )
        undo = finish(start(environment, "undo", journal, "--json"), patience=patience)
        undone = time.monotonic() - began
        assert (undo.report["done"], undo.report["failed"]) == (rows, 0)
        assert catalogue(store) == before
        with parts.engine.connect() as connection:
            assert first_broken_row(connection) is None
    return Figures(
        killed_at=tuple(killed),
        import_seconds=round(took, 1),
        undo_seconds=round(undone, 1),
        memory_mb=max(each.memory_mb for each in (imported, again, undo)),
        fired=dict(fired),
    )


def check_applied_once(parts: Services, store: Sandbox, rows: int) -> None:
    """Check that of the calls that the store has run, there is one for each row."""
    asked = store.store.state.rows("select request, answer from inner_requests")
    good = [json.loads(one["request"])["id"] for one in asked if json.loads(one["answer"])["code"] == 200]
    assert len(good) == len(set(good)) == rows
    with parts.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.max(import_rows.c.attempts))) == 1


def test_after_two_kills_amid_faults_the_store_equals_the_file_and_undo_restores_the_old_values(
    database_url: str, tmp_path: Path
) -> None:
    survive(tmp_path, database_url, products=150, faults=FEW, patience=60)


@pytest.mark.slow
def test_five_thousand_products_survive_the_same(
    sqlite_url: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    many_survive(sqlite_url, tmp_path, record_property)


@pytest.mark.once
@pytest.mark.postgres
def test_five_thousand_products_survive_the_same_on_postgresql(
    postgresql_url: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    many_survive(postgresql_url, tmp_path, record_property)


def many_survive(database_url: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    figures = survive(tmp_path, database_url, products=5_000, faults=MANY, patience=900)
    record_property("figures", str(figures))
    assert figures.memory_mb < 400
