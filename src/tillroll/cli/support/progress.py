"""The progress bar of commands that run for a while."""

from __future__ import annotations

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tillroll.cli.support.output import err


def progress_bar(*, transient: bool = False) -> Progress:
    """Return a progress bar on stderr, shown only at a terminal. `transient`: it disappears at the end."""
    console = err()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=transient, disable=not console.is_terminal)
