"""`tillroll demo`: a sandbox store, the pages, the worker and the sample campaigns on this machine."""

from __future__ import annotations

import signal
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from tillroll.campaign import read_book
from tillroll.campaign.language.models import Status
from tillroll.campaign.text.counts import count_of
from tillroll.cli.demo.folder import DemoFolder, open_folder, remove_folder
from tillroll.cli.demo.once import run_once
from tillroll.cli.demo.store import running_store
from tillroll.cli.demo.watch import watch
from tillroll.cli.files.new import write_new
from tillroll.cli.files.samples import sample_files
from tillroll.cli.operations.ports import PORT, port_is_free
from tillroll.cli.operations.processes import ProcessGroup, web_command
from tillroll.cli.support.output import err, out, print_json
from tillroll.errors import FaultyFiles, Misconfigured, Refused
from tillroll.ledger import migrate
from tillroll.loop.worker import register_store
from tillroll.plan.due.slots import start_by_hand
from tillroll.plan.record.revisions import record_book
from tillroll.sandbox.buyers import Storefront, buying
from tillroll.settings import from_environment, from_mapping
from tillroll.web.accounts.users import add_user, person_of
from tillroll.wiring import Services, build, configure_logging

EMAIL = "demo@tillroll.example"
_FIRST_PORT = 8000


@click.command()
@click.option(
    "--once",
    is_flag=True,
    help="Run everything to its end without pages, approved by the demo's own account, then exit.",
)
@click.option("--json", "as_json", is_flag=True, help="With --once: print one JSON object.")
@click.option(
    "--customers",
    type=click.IntRange(1, 1_000_000),
    default=2_000,
    show_default=True,
    help="Customers of the sample shop.",
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/demo"),
    show_default=True,
    help="Where the demo keeps its store, ledger and e-mails.",
)
@click.option("--port", type=PORT, help="The port of the pages. Default: 8000, or the next free one.")
@click.option(
    "--forget", is_flag=True, help="Delete the demo's folder with its store, ledger, e-mails and account."
)
def demo(once: bool, as_json: bool, customers: int, folder: Path, port: int | None, forget: bool) -> None:
    """Try everything on this machine: a sandbox store, the pages and the worker, on SQLite under var/.

    It runs the active campaigns of the current folder (or TILLROLL_FOLDER), or the samples where there are none. Readers of
    its e-mails order by themselves, so results show within two minutes. A second demo continues where the first stopped.

    \b
    Example:
      tillroll demo
      tillroll demo --once --json --customers 2000
      tillroll demo --forget
    """
    if forget:
        remove_folder(folder)
        out().print(f"The demo in {folder} was deleted.")
        return
    place = open_folder(folder)
    campaigns = _campaigns_for(place)
    with running_store(place, customers) as environment:
        environment = {**environment, "TILLROLL_FOLDER": str(campaigns)}
        settings = from_mapping(environment)
        configure_logging("error")
        with build(settings) as services:
            store_id = _prepare(services, place)
            if once:
                _run_once(services, store_id, folder, as_json=as_json)
            else:
                _serve(services, store_id, place, environment, port)


def _campaigns_for(place: DemoFolder) -> Path:
    """Return the folder of the campaigns to run: the current one's, or the samples where there are none."""
    own = from_environment().folder
    if (own / "campaigns").is_dir():
        return own
    samples = place.folder / "samples"
    for _ in write_new(samples, sample_files()):
        pass
    err().print(
        f"There is no campaigns folder here, so the demo runs the samples, in {samples}. To have your own: tillroll init",
        soft_wrap=True,
    )
    return samples


def _prepare(services: Services, place: DemoFolder) -> int:
    """Set up the ledger, the account, the store and a manual run of each active campaign. Safe to repeat."""
    now, settings = services.clock.now(), services.settings
    book = read_book(settings.folder, environment=settings.environment)
    if book.findings:
        lines = tuple(finding.render() for finding in book.findings)
        raise FaultyFiles(
            "The campaign files have faults.", lines=lines, hint="Fix them, then start the demo again."
        )
    migrate.upgrade(services.engine)
    if person_of(services.engine, EMAIL) is None:
        roles = ("approver", "admin")
        add_user(services.engine, email=EMAIL, password=place.password, role_names=roles, now=now)
    store_id = register_store(services)
    assert store_id is not None  # noqa: S101 - the demo's environment names one
    record_book(services.engine, store_id=store_id, book=book, now=now)
    active = [
        name for name in sorted(book.revisions) if book.revisions[name].campaign.status is Status.ACTIVE
    ]
    for name in active:
        _start(services, store_id, name, now)
    if not active:
        err().print("No campaign is active. Write status: active into one, in campaigns/.", soft_wrap=True)
    return store_id


def _start(services: Services, store_id: int, name: str, now: datetime) -> None:
    """Start a run by hand; report a campaign that can't have one (it waits for an event, or is halted) and continue."""
    try:
        start_by_hand(services.engine, store_id=store_id, name=name, person=EMAIL, now=now, key="demo")
    except Refused as refusal:
        err().print(f"No manual run of {name}: {refusal.message}", soft_wrap=True)


def _run_once(services: Services, store_id: int, folder: Path, *, as_json: bool) -> None:
    result = run_once(services, store_id, approver=EMAIL)
    if as_json:
        print_json(result)
    else:
        out().print(_summary(result, folder))
    if not result["ledger_matches_store"]:
        raise click.exceptions.Exit(1)


def _serve(
    services: Services, store_id: int, place: DemoFolder, environment: dict[str, str], port: int | None
) -> None:
    """Run pages and worker as processes and show their progress until Ctrl-C."""
    port = _choose_port(port)
    log = place.folder / "demo.log"
    processes, stop = ProcessGroup(), threading.Event()
    processes.start("web", web_command("127.0.0.1", port, workers=1), environment, log=log)
    processes.start("worker", [sys.executable, "-m", "tillroll", "worker"], environment, log=log)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    outbox = services.settings.outbox
    try:
        with buying(Storefront.of(environment), outbox):
            ended = watch(
                services, store_id, address=f"http://127.0.0.1:{port}/", email=EMAIL, password=place.password,
                outbox=outbox, stop=stop, ended=processes.ended,
            )  # fmt: skip
    finally:
        processes.stop()
    if ended:
        raise Misconfigured(
            f"The demo's {ended} process ended by itself.", hint=f"Its last output is in {log}"
        )
    err().print("The demo has stopped. `tillroll demo` continues it; `tillroll demo --forget` deletes it.")


def _choose_port(wanted: int | None) -> int:
    if wanted is not None:
        if not port_is_free("127.0.0.1", wanted):
            raise Misconfigured(f"Port {wanted} is in use.", hint=f"Try: tillroll demo --port {wanted + 1}")
        return wanted
    for port in range(_FIRST_PORT, _FIRST_PORT + 50):
        if port_is_free("127.0.0.1", port):
            if port != _FIRST_PORT:
                err().print(f"Port {_FIRST_PORT} is in use; the pages are on {port} instead.")
            return port
    raise Misconfigured(
        f"No port from {_FIRST_PORT} to {_FIRST_PORT + 49} is free.",
        hint="Choose one: tillroll demo --port 9000",
    )


def _summary(result: dict[str, Any], folder: Path) -> str:
    agree = "agree on every code" if result["ledger_matches_store"] else "DO NOT AGREE"
    return (
        f"{count_of(result['runs'], 'run')}, {count_of(result['codes_live'], 'live code')}, "
        f"{count_of(result['messages_sent'], 'e-mail')} sent to {folder / 'outbox'}, {result['messages_held']} held, "
        f"{count_of(result['store_requests'], 'API call')}, {result['seconds']} s. Ledger and store {agree}.\n"
        f"To look at the result on the pages: tillroll demo\n"
        f"To look at it with other commands: export TILLROLL_HOME={folder} TILLROLL_ENVIRONMENT=sandbox"
    )
