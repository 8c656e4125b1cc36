"""`tillroll sandbox`: a test store on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from tillroll import sandbox as test_store
from tillroll.cli.operations.ports import HIGHEST_PORT
from tillroll.cli.support.output import out
from tillroll.clock import SystemClock
from tillroll.errors import Misconfigured


def _check_lag(
    _context: click.Context, _option: click.Parameter, lag: tuple[float, float]
) -> tuple[float, float]:
    least, most = lag
    if most < least:
        raise click.BadParameter(f"the most, {most:g}, is less than the least, {least:g}")
    return lag


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, HIGHEST_PORT),
    default=0,
    show_default=True,
    help="0 takes any free port.",
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/sandbox"),
    show_default=True,
    help="Where the stores keep their data.",
)
@click.option(
    "--customers",
    type=click.IntRange(0, 1_000_000),
    default=2_000,
    show_default=True,
    help="Customers of each sample shop.",
)
@click.option(
    "--stores",
    type=click.IntRange(1, 200),
    default=1,
    show_default=True,
    help="How many stores, numbered from 1003.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same shop.")
@click.option(
    "--plan",
    type=click.Choice(["venture", "free"]),
    default="venture",
    show_default=True,
    help="The stores' Ecwid plan; the free one has no API.",
)
@click.option(
    "--requests-per-minute",
    type=click.IntRange(1),
    default=600,
    show_default=True,
    help="The rate limit of each token.",
)
@click.option(
    "--index-lag",
    nargs=2,
    type=click.FloatRange(0, 3_600),
    default=test_store.INDEX_LAG,
    callback=_check_lag,
    show_default="1.5 5",
    metavar="LEAST MOST",
    help="Seconds until searches show a new order, product or customer, as in the real store; 0 0: at once.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, 1_000_000, min_open=True),
    default=1.0,
    show_default=True,
    help="How many times faster the stores' clock runs.",
)
@click.option(
    "--faults",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A YAML file of faults to inject.",
)
@click.option(
    "--replay",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Answer from a record of real talk (`tillroll store record`) instead; of the other options only --port counts.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line when it is ready.")
def sandbox(as_json: bool, replay: Path | None, **options: Any) -> None:
    """Run a test store on this machine that speaks the Ecwid API, with its limits. Its data survives a kill.

    \b
    Example:
      tillroll sandbox --port 9000 --dir var/sandbox --json
    """

    def announce(ready: test_store.Ready) -> None:
        if as_json:
            click.echo(ready.to_json())
            sys.stdout.flush()
            return
        for store in ready.stores:
            text = f"Sandbox store {store.store_id} is at {ready.base_url}\nIts token: {store.token}"
            out().print(text, soft_wrap=True)

    def start() -> test_store.Sandbox | test_store.Replay:
        if replay is not None:
            return test_store.Replay(test_store.read_talk(replay), port=options["port"], clock=SystemClock())
        switches = test_store.Switches(
            plan=options.pop("plan"), requests_per_minute=options.pop("requests_per_minute")
        ).lagging(*options.pop("index_lag"))
        file = options.pop("faults")
        faults = test_store.read_plan(file) if file else None
        return test_store.Sandbox(switches=switches, clock=SystemClock(), faults=faults, **options)

    try:
        test_store.run(start, announce=announce)
    except (test_store.PlanFault, test_store.NoRecord) as fault:
        raise Misconfigured(str(fault)) from fault
    except test_store.PortInUse as taken:
        raise Misconfigured(f"Port {taken.port} is in use.", hint=f"Try: --port {taken.port + 1}") from taken
