"""An installation to measure, with one sandbox store: a fresh ledger, campaign files, and workers in processes of their own."""

from __future__ import annotations

import socket
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
from tests.shop import ANA, PUBLIC_URL, sample_files
from tillroll.approve.act import approve
from tillroll.campaign.states import RunState
from tillroll.cli.operations.processes import web_command
from tillroll.ledger.queries.plans import load_plan
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
class Installation:
    """An installation of Tillroll."""

    parts: Services
    home: Path
    environment: Mapping[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)  # that are running, and the pages

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Start a worker process and return it once it works."""
        log = self.home / f"worker-{len(list(self.home.glob('worker-*')))}.log"
        with log.open("wb") as out:
            command = [sys.executable, "-m", "tillroll", "worker"]
            child = subprocess.Popen(command, env=dict(self.environment), stdout=out, stderr=out)  # noqa: S603 - our own
        self.workers.append(child)
        wait_for(lambda: b"worker.started" in log.read_bytes() or child.poll() is not None)
        if child.poll() is not None:
            raise RuntimeError(f"the worker did not start: {log.read_text()}")
        return child

    def start_web(self, port: int) -> str:
        """Start the pages' server and return its address once it answers."""
        with (self.home / "web.log").open("wb") as out:
            command = web_command("127.0.0.1", port)
            self.workers.append(subprocess.Popen(command, env=dict(self.environment), stdout=out, stderr=out))  # noqa: S603 - our own
        wait_for(lambda: _answers(port))
        return f"http://127.0.0.1:{port}"

    def kill(self, child: subprocess.Popen[bytes]) -> None:
        """Kill a worker with SIGKILL."""
        child.kill()
        child.wait()
        self.workers.remove(child)

    def stop(self) -> None:
        """Stop all workers."""
        for child in self.workers:
            child.terminate()
        for child in self.workers:
            child.wait()

    def latest_run(self, campaign: str) -> tuple[int, str]:
        """Return id and state of a campaign's latest run; (0, "") when there is none."""
        query = sa.select(runs.c.id, runs.c.state).where(runs.c.campaign == campaign)
        with self.parts.engine.connect() as connection:
            row = connection.execute(query.order_by(runs.c.id.desc()).limit(1)).first()
        return (row.id, row.state) if row is not None else (0, "")

    def reaches(self, campaign: str, *states: RunState) -> Callable[[], bool]:
        """Return a condition for `wait_for`: the campaign's latest run is in one of these states."""
        return lambda: self.latest_run(campaign)[1] in states

    def approve(self, campaign: str) -> None:
        """Wait for the campaign's plan and approve it."""
        wait_for(self.reaches(campaign, RunState.WAITING))
        run_id, _ = self.latest_run(campaign)
        with self.parts.engine.connect() as connection:
            plan = load_plan(connection, run_id)
        if plan is None:
            raise RuntimeError(f"{campaign} has no plan")
        now = self.parts.clock.now()
        approve(self.parts.engine, run_id=run_id, digest=plan.digest, person=ANA, note="", now=now)


@contextmanager
def installation(
    shop: Shop, campaigns: Mapping[str, str], *, kind: str = "SQLite", extra: Mapping[str, str] | None = None
) -> Iterator[Installation]:
    """Set up an installation for a store with these campaigns (name → text of the file) for the length of a block.

    `extra`: further variables of its processes.
    """
    access = StoreAccess(ecwid_id=shop.store_id, token=shop.token, base_url=shop.base_url)
    with tempfile.TemporaryDirectory(prefix="tillroll-bench-") as folder, ledger_url(kind) as url:
        home = Path(folder)
        _write_files(home, campaigns)
        settings = Settings(
            home=home,
            database_url=url,
            folder=home,
            store=access,
            requests_per_minute=PER_MINUTE,
            public_url=PUBLIC_URL,
        )
        with build(settings) as parts:
            register_store(parts)
            made = Installation(
                parts=parts, home=home, environment={**_environment(home, url, access), **(extra or {})}
            )
            try:
                yield made
            finally:
                made.stop()


@contextmanager
def files_in(campaigns: Mapping[str, str]) -> Iterator[Path]:
    """Yield a folder with these campaigns and the sample rules and templates."""
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
            "TILLROLL_URL": PUBLIC_URL,
            "TILLROLL_FOLDER": str(home),
            "TILLROLL_SECRET_KEYS": (home / "secret.key").read_text().strip(),
            "TILLROLL_REQUESTS_PER_MINUTE": str(PER_MINUTE),
            "TILLROLL_LOG_LEVEL": "info",
            "ECWID_STORE_ID": str(access.ecwid_id),
            "ECWID_TOKEN": access.token,
            "ECWID_API_URL": access.base_url,
            "MAIL_URL": "outbox:",
        }
    )


def _answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition: Callable[[], bool], *, every: float = 0.05) -> float:
    """Wait until the condition holds, and return the seconds that took, by the machine's clock."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > PATIENCE:
            raise TimeoutError("the condition never came true")
        time.sleep(every)
    return time.monotonic() - began
