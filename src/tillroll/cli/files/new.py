"""`tillroll new`: a first draft of a campaign, from the library of common kinds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from tillroll.campaign.folder.drafts import (
    SIGN_UP,
    SIGN_UP_MEANS,
    draft,
    draft_sign_up,
    fill_ins,
    kinds,
    languages,
)
from tillroll.campaign.folder.folder_reader import CONSENT
from tillroll.campaign.text.source import read_source
from tillroll.cli.support.output import out, write_file
from tillroll.clock import SystemClock
from tillroll.errors import Refused
from tillroll.settings import from_environment


@click.command()
@click.argument("kind", required=False)
@click.option("--name", "--as", "name", help="The campaign's name. Default: its kind.")
@click.option(
    "--language",
    "wanted",
    multiple=True,
    metavar="LANGUAGE",
    help=f"A language of its e-mails; may be repeated, the campaign's own first: {', '.join(languages())}. Default: en.",
)
def new(kind: str | None, name: str | None, wanted: tuple[str, ...]) -> None:
    """Write a new campaign of a common KIND, with its e-mails: a draft to read, change and activate.

    Without KIND, list the kinds. Existing files are never overwritten.

    \b
    Example:
      tillroll new winback
      tillroll new flash-sale --name black-friday
      tillroll new welcome --language de --language fr
      tillroll new sign-up --language de --language en
    """
    console = out()
    if kind is None:
        table = Table.grid(padding=(0, 2))
        for name_of_kind, purpose in {**kinds(), SIGN_UP: SIGN_UP_MEANS}.items():
            table.add_row(Text(name_of_kind, style="bold"), purpose)
        console.print(table)
        return
    root = from_environment().folder
    if kind == SIGN_UP:
        _begin_sign_up(root, name, wanted or ("en",))
        return
    name = name or kind
    files = draft(kind, name=name, today=SystemClock().now().date(), wanted=wanted or ("en",))
    if (root / "campaigns" / f"{name}.yaml").exists():
        raise Refused(
            f"There is a campaign {name!r} already.",
            hint=f"Choose another name: tillroll new {kind} --name NAME",
        )
    _write(root, files)
    console.print(f"\n{_next_steps(name, files)}", soft_wrap=True)
    if not (root / "schema" / "campaign.json").exists():
        console.print("For completion and checks in your editor: tillroll schema --write schema")


def _begin_sign_up(root: Path, name: str | None, wanted: tuple[str, ...]) -> None:
    """Write the rules and the e-mail by which people sign up."""
    if name is not None:
        raise Refused(f"{SIGN_UP} is no campaign, so it takes no --name.")
    if (root / CONSENT).exists():
        raise Refused(f"There is a {CONSENT} already.", hint="Read how people sign up in docs/sign-up.md.")
    _write(root, draft_sign_up(wanted))
    out().print(
        "\nRead both, then run: tillroll check. Where people find the form: docs/sign-up.md.", soft_wrap=True
    )


def _write(root: Path, files: Mapping[str, str]) -> None:
    """Write the files that don't exist yet, and say which those are and what is to be filled in."""
    console = out()
    new_files = []
    for path, written in write_new(root, files):
        if written:
            new_files.append(path)
            console.print(Text.assemble(("✓ ", "green"), path))
        else:
            console.print(Text.assemble(("· ", "dim"), f"{path} exists already and was left unchanged"))
    for path in new_files:
        if places := fill_ins(files[path]):
            console.print(f"\nFill in, in {path}:", soft_wrap=True)
        for place in places:
            console.print(Text(f"  line {place.line}, {place.key}: {place.what}"), soft_wrap=True)


def _next_steps(name: str, files: Mapping[str, str]) -> str:
    """Return what to do with a new draft. A campaign that waits for an event has no plan before the event happens."""
    path = f"campaigns/{name}.yaml"
    campaign: Any = read_source(path, files[path].encode()).data
    if "on" not in campaign["when"]:
        return f"It is a draft. Read it, then run: tillroll check, tillroll plan {name}. To activate it, set status: active."
    return (
        "It is a draft. Read it and its e-mails, then run: tillroll check. To activate it, set status: active. It waits for "
        "events in the store, and each event gets a plan of its own: tillroll status."
    )


def write_new(root: Path, files: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """Write the files that don't exist yet, and yield each file's path with whether it was written.

    Raises `Refused` when a file can't be written.
    """
    for path, text in files.items():
        target = root / path
        if target.exists():
            yield path, False
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise Refused(f"{target.parent} can't be made: {fault.strerror}.") from fault
        write_file(target, text.encode())
        yield path, True
