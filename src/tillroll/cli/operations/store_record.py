"""`tillroll store record`: the talk with a store in a file, without the shop's personal data."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import PERSON
from tillroll.cli.support.output import out
from tillroll.cli.support.people import identify
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.ecwid.record.recorder import begin
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.records import Store
from tillroll.settings import child_environment
from tillroll.track.mirror.tour import tour
from tillroll.wiring import Services

_SECONDS = 60.0


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="End the command after so many minutes, for one that runs until it is stopped, like the worker.",
)
@PERSON
@for_store
def record(file: Path, command: tuple[str, ...], minutes: float | None, email: str | None) -> None:
    """Record the talk with a store, to report a fault: every request and its answer, without personal data.

    Without COMMAND the whole shop is read once, and nothing is changed. With COMMAND, that tillroll command is run and its talk
    is recorded, with every store that it talks to.

    Names, addresses, e-mails, phone numbers, notes, codes, the store's number and all other texts become pseudonyms: the same one
    for the same text, in every record of this installation. Amounts, counts and the dates of events stay. The token is never
    written. Only you can read the file. `tillroll sandbox --replay FILE` answers from it.

    \b
    Example:
      tillroll store record talk.jsonl
      tillroll store record talk.jsonl --minutes 5 -- worker
    """
    with open_services() as services:
        store = chosen_store(services)
        actor = identify(services, email).require_role(store.id, "record its talk")
        _begin(file)
        with writing(services.engine) as connection:
            audit.record(
                connection,
                at=services.clock.now(),
                actor=actor,
                action="store.recorded",
                subject=f"store {store.ecwid_id}",
                body={"command": command[0] if command else ""},
            )
        if not command:
            rows = _tour(services, store, file)
    if command:
        code = _run(file, command, minutes)
        out().print(f"The talk is in {file}.")
        if code:
            raise click.exceptions.Exit(code)
    else:
        counts = ", ".join(f"{many} {area}" for area, many in rows.items())
        out().print(f"The talk is in {file}: {counts}.")


def _begin(file: Path) -> None:
    try:
        begin(file)
    except FileExistsError as fault:
        raise Refused(f"{file} exists.", hint="Name a new file: a record is never overwritten.") from fault
    except OSError as fault:
        raise Refused(
            f"{file} can't be written: {fault.strerror}.",
            hint="Name a file in a folder that exists and that you may write to.",
        ) from fault


def _tour(services: Services, store: Store, file: Path) -> dict[str, int]:
    """Read the shop with the store's usual client, which also records, into a ledger that is thrown away."""
    recording = replace(services, settings=replace(services.settings, record=file))
    with tempfile.TemporaryDirectory() as folder, recording.client(store, person=True) as client:
        engine = open_engine(f"sqlite:///{folder}/ledger.sqlite3")
        try:
            return tour(engine, client, clock=services.clock)
        finally:
            engine.dispose()


def _run(file: Path, command: tuple[str, ...], minutes: float | None) -> int:
    """Run a tillroll command that records its talk, and return its exit code; 0 if it was ended after its time."""
    words = [sys.executable, "-m", "tillroll", *command]
    environment = child_environment({"TILLROLL_RECORD": str(file.resolve())})
    with subprocess.Popen(words, env=environment) as process:  # noqa: S603 - tillroll itself, with what its user typed
        try:
            return process.wait(timeout=None if minutes is None else minutes * _SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
            return 0
