"""`tillroll up`, `web`, `worker`, `clock` and `sandbox`: the processes."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from tillroll import sandbox as store_sandbox
from tillroll.cli.opening import services
from tillroll.cli.show import err, out
from tillroll.clock import SystemClock
from tillroll.errors import Misconfigured
from tillroll.ledger import migrate
from tillroll.loop.worker import Stoppable, Worker, stop_on_signals
from tillroll.settings import DISTRIBUTED, child_environment, from_environment

MOST_PORT = 65_535
PORT = click.IntRange(1, MOST_PORT)
APP = "tillroll.web.wsgi:app_from_environment()"


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    return _no_listening(host, port) is None


def _no_listening(host: str, port: int) -> OSError | None:
    """Why no server could listen there."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as fault:
            return fault
    return None


def require_port(host: str, port: int, option: str) -> None:
    """Say in words why the pages can't be served there."""
    fault = _no_listening(host, port)
    if fault is None:
        return
    if fault.errno == errno.EADDRINUSE:
        another = port + 1 if port < MOST_PORT else port - 1
        raise Misconfigured(
            f"Port {port} on {host} is in use.", hint=f"Stop what listens there, or: {option} {another}"
        )
    if fault.errno == errno.EACCES:
        raise Misconfigured(
            f"Port {port} is not for everybody: only an administrator may listen below 1024.",
            hint=f"Choose a higher one: {option} 8000",
        )
    raise Misconfigured(
        f"Nothing can listen on {host}: {fault.strerror or fault}.",
        hint="--host 127.0.0.1 is for this machine alone, --host 0.0.0.0 for whoever reaches it.",
    )


def web_command(host: str, port: int, *, workers: int = 2) -> list[str]:
    """The web server's command line."""
    return [
        sys.executable, "-m", "gunicorn", APP, "--bind", f"{host}:{port}", "--workers", str(workers), "--threads", "4",
        "--worker-class", "gthread", "--timeout", "60", "--graceful-timeout", "20", "--log-level", "warning",
        "--forwarded-allow-ips", "127.0.0.1",
    ]  # fmt: skip


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 to be reached from outside.")
@click.option("--port", type=PORT, help="Default: PORT, else 8000.")
def web(host: str, port: int | None) -> None:
    """Serve the pages.

    \b
    Example:
      tillroll web --port 8080
    """
    chosen = port or from_environment().port
    require_port(host, chosen, "--port")
    with services():  # says now what would otherwise end every worker of the server
        pass
    command = web_command(host, chosen)
    os.execv(command[0], command)  # noqa: S606 - our own interpreter, our own words


@click.command()
def worker() -> None:
    """Run the loop: due slots, plans, codes, e-mails, orders. SIGTERM finishes the slice and stops. Any number may run.

    On PostgreSQL it takes its work from a queue that `tillroll clock` fills, unless TILLROLL_ENGINE is embedded.

    \b
    Example:
      tillroll worker
    """
    with services() as parts:
        settings = parts.settings
        if settings.engine == DISTRIBUTED:
            from tillroll.loop.distributed import DistributedWorker  # only PostgreSQL has a queue

            process: Stoppable = DistributedWorker(parts)
            err().print(
                f"Works for {settings.threads} stores at a time, as the queue says; `tillroll clock` fills it."
            )
        else:
            process = Worker(parts)
            err().print(
                f"Works for {settings.threads} stores at a time, as the ledger says. Ctrl-C stops it."
            )
        stop_on_signals(process)
        process.run()


@click.command()
def clock() -> None:
    """Put the lanes that are due on the workers' queue, once a second. For the distributed engine; any number may run.

    \b
    Example:
      tillroll clock
    """
    with services() as parts:
        if parts.settings.engine != DISTRIBUTED:
            raise Misconfigured(
                "The embedded engine has its clock in the worker.",
                hint="Run `tillroll worker` alone, or set DATABASE_URL to PostgreSQL and TILLROLL_ENGINE=distributed.",
            )
        from tillroll.loop.timer import Timer  # only PostgreSQL has a queue

        process = Timer(parts)
        err().print("Puts due stores on the workers' queue once a second. Ctrl-C stops it.")
        stop_on_signals(process)
        process.run()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 to be reached from outside.")
@click.option("--port", type=PORT, help="Default: PORT, else 8000.")
def up(host: str, port: int | None) -> None:
    """Web, worker and what else it takes together, on one machine; the ledger is brought up to date first.

    \b
    Example:
      ECWID_STORE_ID=1003 ECWID_TOKEN=secret_… tillroll up
    """
    settings = from_environment()
    chosen = port or settings.port
    require_port(host, chosen, "--port")
    with services(any_version=True) as parts:
        migrate.upgrade(parts.engine)
    needed = ("worker", "clock") if settings.engine == DISTRIBUTED else ("worker",)
    what = f"pages, {' and '.join(needed)}, {settings.engine} engine"
    out().print(f"Tillroll is at http://{host}:{chosen}/  ({what}; Ctrl-C stops it)")
    children = Children()
    children.start("web", web_command(host, chosen))
    for name in needed:
        children.start(name, [sys.executable, "-m", "tillroll", name])
    raise click.exceptions.Exit(children.wait())


class Children:
    """Processes that live and die together."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._told = threading.Event()

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        log: Path | None = None,
    ) -> None:
        """Start one, in a process group of its own so that Ctrl-C reaches it only through us."""
        output = log.open("ab") if log else None
        self._running[name] = subprocess.Popen(  # noqa: S603 - our own command lines
            command,
            env=child_environment(environment or {}),
            start_new_session=True,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
        )

    def ended(self) -> str:
        """The name of one that has ended by itself; empty while all run."""
        return next((name for name, child in self._running.items() if child.poll() is not None), "")

    def wait(self) -> int:
        """Until a signal comes or one of them ends; then stop the others. The exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        while not self._told.is_set() and not self.ended():
            self._told.wait(0.2)
        ended = self.ended()
        self.stop()
        if self._told.is_set():
            return 0
        err().print(f"The {ended} process ended by itself; everything is stopped.")
        return 1

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._told.set()

    def stop(self) -> None:
        """Ask them to finish, and wait for it."""
        for child in self._running.values():
            if child.poll() is None:
                child.terminate()
        for child in self._running.values():
            try:
                child.wait(timeout=28)
            except subprocess.TimeoutExpired:
                child.kill()


@click.command()
@click.option(
    "--port", type=click.IntRange(0, MOST_PORT), default=0, show_default=True, help="0 takes any free one."
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/sandbox"),
    show_default=True,
)
@click.option(
    "--customers",
    type=click.IntRange(0, 1_000_000),
    default=2_000,
    show_default=True,
    help="Size of the sample shop.",
)
@click.option(
    "--stores", type=click.IntRange(1, 200), default=1, show_default=True, help="How many, from 1003 up."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same shop.")
@click.option("--plan", type=click.Choice(["venture", "free"]), default="venture", show_default=True)
@click.option("--requests-per-minute", type=click.IntRange(1), default=600, show_default=True)
@click.option(
    "--speed",
    type=click.FloatRange(0, 1_000_000, min_open=True),
    default=1.0,
    show_default=True,
    help="How much faster the stores' clock runs.",
)
@click.option(
    "--faults",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A YAML file of what goes wrong on purpose.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON line when it is ready.")
def sandbox(as_json: bool, **given: Any) -> None:
    """Run a store on this machine that speaks the Ecwid API, with its limits. Killing it loses nothing.

    \b
    Example:
      tillroll sandbox --port 9000 --dir var/sandbox --json
    """

    def announce(ready: store_sandbox.Ready) -> None:
        if as_json:
            click.echo(ready.to_json())
            sys.stdout.flush()
            return
        for one in ready.stores:
            text = f"The sandbox store {one.store_id} is at {ready.base_url}\nIts token: {one.token}"
            out().print(text, soft_wrap=True)

    def begin() -> store_sandbox.Sandbox:
        switches = store_sandbox.Switches(
            plan=given.pop("plan"), requests_per_minute=given.pop("requests_per_minute")
        )
        plan = given.pop("faults")
        faults = store_sandbox.read_plan(plan) if plan else None
        return store_sandbox.Sandbox(switches=switches, clock=SystemClock(), faults=faults, **given)

    try:
        store_sandbox.run(begin, announce=announce)
    except store_sandbox.PlanFault as fault:
        raise Misconfigured(str(fault)) from fault
    except store_sandbox.PortInUse as taken:
        raise Misconfigured(f"Port {taken.port} is in use.", hint=f"Try: --port {taken.port + 1}") from taken
