"""`tillroll new`: a campaign to begin with, from the library of common ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from tillroll.campaign.folder.drafts import draft, kinds
from tillroll.campaign.text.source import read_source
from tillroll.cli.show import out
from tillroll.clock import SystemClock
from tillroll.errors import Refused
from tillroll.settings import from_environment


@click.command()
@click.argument("kind", required=False)
@click.option("--as", "name", help="What to call it; otherwise like its kind.")
def new(kind: str | None, name: str | None) -> None:
    """Write a new campaign of a common KIND, with its e-mails: a draft to read, change and switch on.

    Without KIND, list what there is. Nothing that exists is written over.

    \b
    Example:
      tillroll new winback
      tillroll new flash-sale --as black-friday
    """
    console = out()
    if kind is None:
        table = Table.grid(padding=(0, 2))
        for one, meaning in kinds().items():
            table.add_row(Text(one, style="bold"), meaning)
        console.print(table)
        return
    called = name or kind
    root = from_environment().folder
    files = draft(kind, name=called, today=SystemClock().now().date())
    if (root / "campaigns" / f"{called}.yaml").exists():
        raise Refused(
            f"There is a campaign {called!r} already.",
            hint=f"Call this one otherwise: tillroll new {kind} --as NAME",
        )
    for path, written in write_new(root, files):
        if written:
            console.print(Text.assemble(("✓ ", "green"), path))
        else:
            console.print(Text.assemble(("· ", "dim"), f"{path} is there already and stays as it is"))
    console.print(f"\n{_what_next(called, files)}")
    if not (root / "schema" / "campaign.json").exists():
        console.print("So that your editor completes keys and marks mistakes: tillroll schema --write schema")


def _what_next(name: str, files: Mapping[str, str]) -> str:
    """What somebody does with a new draft. What waits for an event has no plan before it happens."""
    path = f"campaigns/{name}.yaml"
    said: Any = read_source(path, files[path].encode()).data
    if "on" not in said["when"]:
        return f"It is a draft. Read it, then: tillroll check, tillroll plan {name}; and set status: active."
    return (
        "It is a draft. Read it and its e-mails, then: tillroll check; and set status: active. It waits for what happens in the "
        "store, and each time gets a plan of its own: tillroll status."
    )


def write_new(root: Path, files: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """Write the files that aren't there yet; each one's path, and whether it was written. `Refused` when the disk says no."""
    for path, text in files.items():
        target = root / path
        if target.exists():
            yield path, False
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        except OSError as fault:
            raise Refused(f"{target} can't be written: {fault.strerror}.") from fault
        yield path, True
