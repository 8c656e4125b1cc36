"""What the demo's terminal shows while web and worker do the job: where to go, what waits, and how far things are."""

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
from tillroll.cli.show import STATE_STYLE, out
from tillroll.ledger.engine import reading
from tillroll.track.connect import CONNECTED, load_store
from tillroll.track.overview import Progress, RunLine, list_runs, run_progress
from tillroll.wiring import Services

_PAUSE = 0.5
_WORDS = {
    RunState.PLANNING: "reading the shop and planning",
    RunState.WAITING: "waits for your approval",
    RunState.APPROVED: "approved",
    RunState.MINTING: "making codes",
    RunState.SENDING: "writing e-mails",
    RunState.TRACKING: "done; orders are watched",
}


def watch(
    parts: Services,
    store_id: int,
    *,
    address: str,
    email: str,
    password: str,
    outbox: Path,
    stop: Event,
    ended: Callable[[], str],
) -> str:
    """Show until `stop`; returns the name of a process that ended by itself, or nothing."""
    console = out()
    console.print(_welcome(address, email, password, outbox))
    last: dict[int, RunState] = {}
    with (
        Live(console=console, refresh_per_second=4, transient=False)
        if console.is_terminal
        else _Quiet() as live
    ):
        while not stop.wait(_PAUSE):
            if name := ended():
                return name
            lines, progress, trouble = _look(parts, store_id)
            if console.is_terminal and isinstance(live, Live):
                live.update(_picture(lines, progress, trouble))
            else:
                _say_changes(console, lines, last)
    return ""


class _Quiet:
    """Stands in for the live display when the output is piped."""

    def __enter__(self) -> _Quiet:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def _welcome(address: str, email: str, password: str, outbox: Path) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_row("open", Text(address, style="bold cyan"))
    table.add_row("sign in as", Text(email, style="bold"))
    table.add_row("password", Text(password, style="bold"))
    table.add_row("e-mails", str(outbox))
    table.add_row("commands", f"export TILLROLL_HOME={outbox.parent} TILLROLL_ENVIRONMENT=sandbox")
    table.add_row(
        "", Text("A run waits for you there: approve it and watch it go. Ctrl-C stops the demo.", style="dim")
    )
    return Panel(table, title="Tillroll demo", title_align="left", border_style="green", expand=False)


def _look(parts: Services, store_id: int) -> tuple[list[RunLine], dict[int, Progress], str]:
    with reading(parts.engine) as connection:
        lines = list_runs(connection, store_id, limit=10)
        progress = {line.run_id: run_progress(connection, line.run_id) for line in lines}
        store = load_store(connection, store_id)
    return lines, progress, store.reason if store.state != CONNECTED or store.reason else ""


def _picture(lines: list[RunLine], progress: dict[int, Progress], trouble: str) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for line in reversed(lines):
        now = progress[line.run_id]
        words = Text(_WORDS.get(line.state, line.state.value), style=STATE_STYLE.get(line.state, ""))
        table.add_row(f"run {line.run_id}", line.title, words)
        if now.planned and line.state not in {RunState.PLANNING, RunState.WAITING}:
            table.add_row("", "codes live", _bar(now.codes_live, now.planned))
            table.add_row("", "e-mails written", _bar(now.messages_sent, now.to_send))
    if trouble:
        return Group(table, Text(trouble, style="red"))
    return table


def _bar(done: int, total: int) -> RenderableType:
    row = Table.grid(padding=(0, 1))
    row.add_row(ProgressBar(total=total, completed=done, width=30), f"{done}/{total}")
    return row


def _say_changes(console: Console, lines: list[RunLine], last: dict[int, RunState]) -> None:
    """One line a change, for a pipe or a log."""
    for line in reversed(lines):
        if last.get(line.run_id) != line.state:
            last[line.run_id] = line.state
            console.print(f"run {line.run_id} ({line.campaign}): {_WORDS.get(line.state, line.state.value)}")
