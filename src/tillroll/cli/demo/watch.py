"""The demo's terminal while web and worker run: the address of the pages, the runs, their progress."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tillroll.campaign.states import RunState
from tillroll.cli.support.output import STATE_STYLE, out
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.runs import runs_in
from tillroll.ledger.queries.stores import load_store
from tillroll.track.connect import CONNECTED
from tillroll.track.results.overview import RunLine, list_runs
from tillroll.track.results.progress import Progress, progress_of_runs
from tillroll.wiring import Services

_PAUSE = 0.5
_TO_APPROVE = "A run awaits your approval there: approve it and watch it go."
_ALL_SENT = "No run awaits your approval. Start another one with: tillroll run winback"
_MAY_WAIT = {RunState.PLANNING, RunState.WAITING}
_STEPS = {
    RunState.PLANNING: "reading the shop and planning",
    RunState.WAITING: "awaiting your approval",
    RunState.APPROVED: "approved",
    RunState.MINTING: "making codes",
    RunState.SENDING: "sending e-mails",
    RunState.TRACKING: "watching for orders",
}


def watch(
    services: Services,
    store_id: int,
    *,
    address: str,
    email: str,
    password: str,
    outbox: Path,
    stop: Event,
    ended: Callable[[], str],
) -> str:
    """Show progress until `stop` is set or a process ends by itself; return that process's name, or an empty text."""
    console = out()
    with reading(services.engine) as connection:
        is_waiting = bool(runs_in(connection, store_id, _MAY_WAIT))
    console.print(_welcome(address, email, password, outbox, is_waiting=is_waiting))
    shown: dict[int, RunState] = {}
    with (
        Live(console=console, refresh_per_second=4, transient=False)
        if console.is_terminal
        else _Quiet() as live
    ):
        while not stop.wait(_PAUSE):
            if name := ended():
                return name
            lines, progress, problem = _read(services, store_id)
            if console.is_terminal and isinstance(live, Live):
                live.update(_picture(lines, progress, problem))
            else:
                _print_changes(console, lines, shown)
    return ""


class _Quiet:
    """Takes the place of the live display when the output is piped."""

    def __enter__(self) -> _Quiet:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def _welcome(address: str, email: str, password: str, outbox: Path, *, is_waiting: bool) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_row("open", Text(address, style="bold cyan"))
    table.add_row("sign in as", Text(email, style="bold"))
    table.add_row("password", Text(password, style="bold"))
    table.add_row("e-mails", str(outbox))
    table.add_row("for commands", f"export TILLROLL_HOME={outbox.parent} TILLROLL_ENVIRONMENT=sandbox")
    table.add_row(
        "",
        Text(
            f"{_TO_APPROVE if is_waiting else _ALL_SENT} Ctrl-C stops the demo.",
            style="dim",
        ),
    )
    return Panel(table, title="Tillroll demo", title_align="left", border_style="green", expand=False)


def _read(services: Services, store_id: int) -> tuple[list[RunLine], dict[int, Progress], str]:
    with reading(services.engine) as connection:
        lines = list_runs(connection, store_id, limit=10)
        progress = progress_of_runs(connection, [line.run_id for line in lines])
        store = load_store(connection, store_id)
    return lines, progress, store.reason if store.state != CONNECTED or store.reason else ""


def _picture(lines: list[RunLine], progress: dict[int, Progress], problem: str) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for line in reversed(lines):
        counts = progress[line.run_id]
        step = Text(_STEPS.get(line.state, line.state.value), style=STATE_STYLE.get(line.state, ""))
        table.add_row(f"run {line.run_id}", line.title, step)
        if counts.planned and line.state not in {RunState.PLANNING, RunState.WAITING}:
            table.add_row("", "codes live", _bar(counts.codes_live, counts.planned))
            table.add_row("", "e-mails sent", _bar(counts.messages_sent, counts.to_send))
    if problem:
        return Group(table, Text(problem, style="red"))
    return table


def _bar(done: int, total: int) -> RenderableType:
    row = Table.grid(padding=(0, 1))
    row.add_row(ProgressBar(total=total, completed=done, width=30), f"{done}/{total}")
    return row


def _print_changes(console: Console, lines: list[RunLine], shown: dict[int, RunState]) -> None:
    """Print one line for each change of a run's state, for a pipe or a log."""
    for line in reversed(lines):
        if shown.get(line.run_id) != line.state:
            shown[line.run_id] = line.state
            console.print(f"run {line.run_id} ({line.campaign}): {_STEPS.get(line.state, line.state.value)}")
