"""`tillroll up`, `web`, `worker` and `clock`: the long-running processes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import click

from tillroll.campaign.text.counts import count_of
from tillroll.cli.operations.ports import PORT, address_of, require_port
from tillroll.cli.operations.processes import ProcessGroup, web_command
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.output import err, out
from tillroll.errors import Misconfigured
from tillroll.ledger import migrate
from tillroll.ledger.audit import Way, act_by
from tillroll.ledger.availability import is_unavailable
from tillroll.ledger.causes import carry_over_if_needed
from tillroll.ledger.database_watch import StoppedWaiting
from tillroll.loop.worker import Stoppable, Worker, stop_on_signals
from tillroll.settings import DISTRIBUTED, from_environment

_HOST = click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on; 0.0.0.0 (or :: for IPv6) to be reached from outside.",
)
_PORT = click.option("--port", type=PORT, help="Default: the variable PORT, else 8000.")


@click.command()
@_HOST
@_PORT
def web(host: str, port: int | None) -> None:
    """Serve the pages.

    \b
    Example:
      tillroll web --port 8080
    """
    port = port or from_environment().port
    require_port(host, port, "--port")
    _check_settings()
    command = web_command(host, port)
    os.execv(command[0], command)  # noqa: S606 - our own interpreter, our own command line


def _check_settings() -> None:
    """Report a wrong setting once, here, instead of in every process of the server. A database that is away is none."""
    try:
        with open_services():
            pass
    except Exception as fault:
        if not is_unavailable(fault):
            raise


def _run(process: Stoppable) -> None:
    """Run a process until it is told to stop, be it while it waits for its database."""
    stop_on_signals(process)
    with suppress(StoppedWaiting):
        process.run()


@click.command()
def worker() -> None:
    """Run the worker, which plans runs, makes codes, sends e-mails and reads orders. Any number of workers may run.

    On SIGTERM it finishes its current step and stops. On PostgreSQL it takes its work from a queue that `tillroll clock`
    fills, unless TILLROLL_ENGINE is embedded.

    \b
    Example:
      tillroll worker
    """
    with open_services(patient=True) as services:
        act_by(Way.LOOP)
        settings = services.settings
        services.database.insist(lambda: carry_over_if_needed(services.engine))
        process: Stoppable
        if settings.engine == DISTRIBUTED:
            from tillroll.loop.distributed import DistributedWorker  # only PostgreSQL has a queue

            process, source = DistributedWorker(services), "from the queue that `tillroll clock` fills"
        else:
            process, source = Worker(services), "by itself, without a clock"
        stores = count_of(settings.threads, "store")
        err().print(f"Working for up to {stores} at a time, {source}. Ctrl-C stops it.")
        _run(process)


@click.command()
def clock() -> None:
    """Queue the stores that are due, once a second, for the workers of the distributed engine. Any number may run.

    \b
    Example:
      tillroll clock
    """
    with open_services(patient=True) as services:
        if services.settings.engine != DISTRIBUTED:
            raise Misconfigured(
                "The embedded engine needs no clock: its worker has one.",
                hint="Run `tillroll worker` alone, or set DATABASE_URL to PostgreSQL and TILLROLL_ENGINE=distributed.",
            )
        from tillroll.loop.timer import Timer  # only PostgreSQL has a queue

        process = Timer(services)
        err().print("Queueing due stores for the workers once a second. Ctrl-C stops it.")
        _run(process)


@click.command()
@_HOST
@_PORT
def up(host: str, port: int | None) -> None:
    """Run the pages, the worker and, if needed, the clock together on one machine. Upgrades the ledger first.

    \b
    Example:
      ECWID_STORE_ID=1003 ECWID_TOKEN=secret_… tillroll up
    """
    settings = from_environment()
    port = port or settings.port
    require_port(host, port, "--port")
    with open_services(any_version=True, patient=True) as services:
        services.database.insist(lambda: migrate.upgrade(services.engine))
    names = ("worker", "clock") if settings.engine == DISTRIBUTED else ("worker",)
    running = f"pages, {' and '.join(names)}; {settings.engine} engine"
    out().print(f"Tillroll is at http://{address_of(host, port)}/  ({running}; Ctrl-C stops it)")
    processes = ProcessGroup()
    processes.start("web", web_command(host, port))
    for name in names:
        processes.start(name, [sys.executable, "-m", "tillroll", name])
    raise click.exceptions.Exit(processes.wait())
