"""`tillroll demo`: the real job on this machine. A sandbox store, the pages, the loop, and the sample campaigns."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from tillroll.campaign import read_book
from tillroll.campaign.language.models import Status
from tillroll.cli.demo_once import run_once
from tillroll.cli.demo_watch import watch
from tillroll.cli.serve import Children, port_is_free, web_command
from tillroll.cli.show import err, out, say_json
from tillroll.errors import Conflict, FaultyFiles, Misconfigured, Refused
from tillroll.ledger import migrate
from tillroll.loop.worker import register_store
from tillroll.plan.record import record_book
from tillroll.plan.slots import start_by_hand
from tillroll.settings import Settings, child_environment, from_mapping
from tillroll.web.accounts import add_user, person_of
from tillroll.wiring import Services, build, configure_logging, new_password

EMAIL = "demo@tillroll.example"
_FIRST_PORT = 8000
_READY_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """A demo's folder and what it remembers."""

    folder: Path
    password: str
    store_port: int

    @property
    def note(self) -> Path:
        """Where it is remembered."""
        return self.folder / "demo.json"


@click.command()
@click.option(
    "--once",
    is_flag=True,
    help="Run the job to its end with the demo's own approver, without pages, and exit.",
)
@click.option("--json", "as_json", is_flag=True, help="With --once: one JSON object on stdout.")
@click.option(
    "--customers",
    type=click.IntRange(1, 1_000_000),
    default=2_000,
    show_default=True,
    help="Size of the sample shop.",
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/demo"),
    show_default=True,
)
@click.option(
    "--port", type=click.IntRange(1, 65_535), help="Of the pages. Default: 8000, or the next free one."
)
@click.option(
    "--forget", is_flag=True, help="Remove the demo's folder: its store, ledger, outbox and sign-in."
)
def demo(once: bool, as_json: bool, customers: int, folder: Path, port: int | None, forget: bool) -> None:
    """Try everything on this machine: a sandbox store, the pages and the loop, on SQLite under var/.

    A second time it carries on from where it was.

    \b
    Example:
      tillroll demo
      tillroll demo --once --json --customers 2000
      tillroll demo --forget
    """
    if forget:
        _forget(folder)
        return
    place = _place(folder)
    with _store(place, customers) as environment:
        settings = from_mapping(environment)
        configure_logging("error")
        with build(settings) as parts:
            store_id = _prepare(parts, place, settings)
            if once:
                result = run_once(parts, store_id, approver=EMAIL)
                if as_json:
                    say_json(result)
                else:
                    out().print(_sentence(result, folder))
                if not result["ledger_matches_store"]:
                    raise click.exceptions.Exit(1)
            else:
                _serve(parts, store_id, place, environment, port)


def _forget(folder: Path) -> None:
    if folder.exists() and not (folder / "demo.json").exists():
        raise Conflict(f"{folder} is not a demo's folder, so it is left alone.")
    shutil.rmtree(folder, ignore_errors=True)
    out().print(f"The demo in {folder} is forgotten.")


def _place(folder: Path) -> Place:
    """Read or make what the demo remembers: the password and the store's port, so that a second demo is the same one."""
    note = folder / "demo.json"
    try:
        kept = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
        folder.mkdir(parents=True, exist_ok=True)
        place = Place(
            folder=folder,
            password=str(kept.get("password") or new_password()),
            store_port=int(kept.get("store_port") or 0),
        )
        _remember(place)
    except (OSError, ValueError) as fault:
        raise Misconfigured(
            f"The demo can't use {folder}: {fault}", hint="Choose another folder with --dir."
        ) from fault
    return place


def _remember(place: Place) -> None:
    place.note.write_text(
        json.dumps({"password": place.password, "store_port": place.store_port}), encoding="utf-8"
    )
    place.note.chmod(0o600)


@contextmanager
def _store(place: Place, customers: int) -> Iterator[dict[str, str]]:
    """Run the sandbox store as a process of its own; yields the environment that leads to it."""
    port = place.store_port if place.store_port and port_is_free("127.0.0.1", place.store_port) else 0
    command = [
        sys.executable, "-m", "tillroll", "sandbox", "--json", "--port", str(port),
        "--dir", str(place.folder / "store"), "--customers", str(customers),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603 - our own command
    try:
        assert process.stdout is not None  # noqa: S101 - asked for above
        timer = threading.Timer(_READY_SECONDS, process.kill)
        timer.start()
        line = process.stdout.readline()
        timer.cancel()
        if not line:
            raise Misconfigured(
                "The sandbox store did not start.", hint="Run it alone to see why: tillroll sandbox"
            )
        ready = json.loads(line)
        _remember(
            Place(
                folder=place.folder,
                password=place.password,
                store_port=int(ready["base_url"].split(":")[2].split("/")[0]),
            )
        )
        yield child_environment(
            {
                "TILLROLL_HOME": str(place.folder),
                "TILLROLL_ENVIRONMENT": "sandbox",
                "DATABASE_URL": f"sqlite:///{place.folder / 'tillroll.sqlite3'}",
                "TILLROLL_SECRET_KEYS": "",
                "SMTP_URL": "",
                "ECWID_STORE_ID": str(ready["store_id"]),
                "ECWID_TOKEN": ready["token"],
                "ECWID_API_URL": ready["base_url"],
            }
        )
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()


def _prepare(parts: Services, place: Place, settings: Settings) -> int:
    """Ledger, account, store, campaigns, and one run by hand of each active campaign; all harmless to repeat."""
    now = parts.clock.now()
    book = read_book(settings.folder, environment=settings.environment)
    if book.findings:
        lines = tuple(finding.render() for finding in book.findings)
        raise FaultyFiles(
            "The campaign files have faults.", lines=lines, hint="Mend them, then start the demo again."
        )
    migrate.upgrade(parts.engine)
    if person_of(parts.engine, EMAIL) is None:
        add_user(
            parts.engine, email=EMAIL, password=place.password, role_names=("approver", "admin"), now=now
        )
    store_id = register_store(parts)
    assert store_id is not None  # noqa: S101 - the environment above names one
    record_book(parts.engine, store_id=store_id, book=book, now=now)
    for name, revision in sorted(book.revisions.items()):
        if revision.campaign.status is Status.ACTIVE:
            _start(parts, store_id, name, now)
    return store_id


def _start(parts: Services, store_id: int, name: str, now: datetime) -> None:
    """A run by hand. What can't have one (it waits for an event, or was halted here) is told, and the others go on."""
    try:
        start_by_hand(parts.engine, store_id=store_id, name=name, person=EMAIL, now=now, key="demo")
    except Refused as refusal:
        err().print(f"No run of {name} by hand: {refusal.message}", soft_wrap=True)


def _serve(
    parts: Services, store_id: int, place: Place, environment: dict[str, str], port: int | None
) -> None:
    """Web and worker as processes, and the terminal shows what they do until Ctrl-C."""
    chosen = _free_port(port)
    log = place.folder / "demo.log"
    children, stop = Children(), threading.Event()
    children.start("web", web_command("127.0.0.1", chosen, workers=1), environment, log=log)
    children.start("worker", [sys.executable, "-m", "tillroll", "worker"], environment, log=log)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    try:
        ended = watch(
            parts, store_id, address=f"http://127.0.0.1:{chosen}/", email=EMAIL, password=place.password,
            outbox=parts.settings.outbox, stop=stop, ended=children.ended,
        )  # fmt: skip
    finally:
        children.stop()
    if ended:
        raise Misconfigured(
            f"The demo's {ended} process ended by itself.", hint=f"Its last words are in {log}"
        )
    err().print("The demo has stopped. `make demo` carries on from here; `make clean-demo` forgets it.")


def _free_port(asked: int | None) -> int:
    if asked is not None:
        if not port_is_free("127.0.0.1", asked):
            raise Misconfigured(f"Port {asked} is in use.", hint=f"Try: tillroll demo --port {asked + 1}")
        return asked
    for port in range(_FIRST_PORT, _FIRST_PORT + 50):
        if port_is_free("127.0.0.1", port):
            if port != _FIRST_PORT:
                err().print(f"Port {_FIRST_PORT} is in use; the pages are on {port} instead.")
            return port
    raise Misconfigured(
        f"No port from {_FIRST_PORT} on is free.", hint="Choose one: tillroll demo --port 9000"
    )


def _sentence(result: dict[str, object], folder: Path) -> str:
    agree = "agree code by code" if result["ledger_matches_store"] else "DO NOT AGREE"
    return (
        f"{result['runs']} runs, {result['codes_live']} codes live, {result['messages_sent']} e-mails in {folder / 'outbox'}, "
        f"{result['messages_held']} held, {result['store_requests']} requests to the store, {result['seconds']} s. "
        f"Ledger and store {agree}."
    )
