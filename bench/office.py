"""An installation to measure, for one sandbox store: a fresh ledger, campaign files, and a worker in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from bench.ledgers import ledger_url
from bench.shop import Shop
from tests.shop import ANA, sample_files
from tillroll.approve.act import approve
from tillroll.campaign.states import RunState
from tillroll.ledger.plans import load_plan
from tillroll.ledger.tables import runs
from tillroll.loop.worker import register_store
from tillroll.settings import Settings, StoreAccess, child_environment
from tillroll.wiring import Services, build

PER_MINUTE = 600  # what the store allows
PATIENCE = 3_600.0  # seconds
_RAILS = """largest_percent: 50
codes_per_run: 2000000
worst_case_per_run: 1000000000
worst_case_of_live_runs: 10000000000
largest_basket: 150
largest_shipping: 8
least_bits: 45
"""


@dataclass(kw_only=True)
class Office:
    """An installation; `workers` are the processes that were started and not ended."""

    parts: Services
    home: Path
    environment: Mapping[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_worker(self) -> subprocess.Popen[bytes]:
        """A worker process, once it works."""
        log = self.home / f"worker-{len(list(self.home.glob('worker-*')))}.log"
        with log.open("wb") as out:
            command = [sys.executable, "-m", "tillroll", "worker"]
            child = subprocess.Popen(command, env=dict(self.environment), stdout=out, stderr=out)  # noqa: S603 - our own
        self.workers.append(child)
        wait_for(lambda: b"worker.started" in log.read_bytes() or child.poll() is not None)
        if child.poll() is not None:
            raise RuntimeError(f"the worker did not start: {log.read_text()}")
        return child

    def kill(self, child: subprocess.Popen[bytes]) -> None:
        """SIGKILL, as the machine's end would be."""
        child.kill()
        child.wait()
        self.workers.remove(child)

    def stop(self) -> None:
        """End what was started."""
        for child in self.workers:
            child.terminate()
        for child in self.workers:
            child.wait()

    def run_of(self, campaign: str) -> tuple[int, str]:
        """The newest run of a campaign: its number and state; 0 while there is none."""
        query = sa.select(runs.c.id, runs.c.state).where(runs.c.campaign == campaign)
        with self.parts.engine.connect() as connection:
            row = connection.execute(query.order_by(runs.c.id.desc()).limit(1)).first()
        return (row.id, row.state) if row is not None else (0, "")

    def reaches(self, campaign: str, *states: RunState) -> Callable[[], bool]:
        """Whether a campaign's newest run is in one of these states, as a question to wait for."""
        return lambda: self.run_of(campaign)[1] in states

    def approve(self, campaign: str) -> None:
        """A person approves the plan that waits."""
        wait_for(self.reaches(campaign, RunState.WAITING))
        run_id, _ = self.run_of(campaign)
        with self.parts.engine.connect() as connection:
            plan = load_plan(connection, run_id)
        if plan is None:
            raise RuntimeError(f"{campaign} has no plan")
        now = self.parts.clock.now()
        approve(self.parts.engine, run_id=run_id, digest=plan.digest, person=ANA, note="", now=now)


@contextmanager
def office(shop: Shop, campaigns: Mapping[str, str], *, kind: str = "SQLite") -> Iterator[Office]:
    """An installation that works for a store with these campaigns (name → text of its file), and nothing else."""
    access = StoreAccess(ecwid_id=shop.store_id, token=shop.token, base_url=shop.base_url)
    with tempfile.TemporaryDirectory(prefix="tillroll-bench-") as folder, ledger_url(kind) as url:
        home = Path(folder)
        _write_files(home, campaigns)
        settings = Settings(
            home=home, database_url=url, folder=home, store=access, requests_per_minute=PER_MINUTE
        )
        with build(settings) as parts:
            register_store(parts)
            made = Office(parts=parts, home=home, environment=_environment(home, url, access))
            try:
                yield made
            finally:
                made.stop()


@contextmanager
def files_in(campaigns: Mapping[str, str]) -> Iterator[Path]:
    """A folder with these campaigns, and the sample rules and templates."""
    with tempfile.TemporaryDirectory(prefix="tillroll-bench-") as folder:
        _write_files(Path(folder), campaigns)
        yield Path(folder)


def _write_files(home: Path, campaigns: Mapping[str, str]) -> None:
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    files["rules/guardrails.yaml"] = _RAILS.encode()
    files |= {f"campaigns/{name}.yaml": text.encode() for name, text in campaigns.items()}
    for path, content in files.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_bytes(content)


def _environment(home: Path, url: str, access: StoreAccess) -> dict[str, str]:
    return child_environment(
        {
            "DATABASE_URL": url,
            "TILLROLL_ENGINE": "embedded",
            "TILLROLL_HOME": str(home),
            "TILLROLL_FOLDER": str(home),
            "TILLROLL_SECRET_KEYS": (home / "secret.key").read_text().strip(),
            "TILLROLL_REQUESTS_PER_MINUTE": str(PER_MINUTE),
            "TILLROLL_LOG_LEVEL": "info",
            "ECWID_STORE_ID": str(access.ecwid_id),
            "ECWID_TOKEN": access.token,
            "ECWID_API_URL": access.base_url,
            "SMTP_URL": "",
        }
    )


def wait_for(question: Callable[[], bool], *, every: float = 0.05) -> float:
    """Ask until the answer is yes; the seconds it took. The machine's clock is the measure here."""
    began = time.monotonic()
    while not question():
        if time.monotonic() - began > PATIENCE:
            raise TimeoutError("it never comes to pass")
        time.sleep(every)
    return time.monotonic() - began
