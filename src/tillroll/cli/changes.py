"""`tillroll codes pause`, `resume`, `extend`, `revoke` and `changes`: what is done to codes that are in the store."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import click
import sqlalchemy as sa
from rich.table import Table
from rich.text import Text

from tillroll.approve.change import Preview, ask, preview
from tillroll.approve.decide import Person
from tillroll.approve.recycle import recycle
from tillroll.campaign.sentences.offers import say_money
from tillroll.campaign.states import ChangeKind
from tillroll.campaign.text.units import parse_day, parse_duration
from tillroll.cli.opening import services
from tillroll.cli.show import NUMBER, in_zone, is_run, out, say_json
from tillroll.cli.stores import for_store, the_store
from tillroll.errors import NotAllowed, NotFound, Refused
from tillroll.ledger.agreements import Agreed, waiting
from tillroll.ledger.changes import ChangeLine, Scope, list_changes
from tillroll.ledger.engine import reading
from tillroll.ledger.runs import load_run
from tillroll.ledger.tables import runs
from tillroll.web.accounts import person_of
from tillroll.wiring import Services

TARGET = click.argument("target", metavar="CAMPAIGN|RUN")
WHO = click.option(
    "--as", "email", required=True, metavar="EMAIL", help="Whose word this is: an approver's account."
)
NOTE = click.option("--note", default="", help="Why, for the audit.")
YES = click.option("--yes", is_flag=True, help="Don't ask; needed when nobody is at a terminal.")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of words.")

DOES = {
    ChangeKind.PAUSE: "switched off in the store, until somebody resumes them",
    ChangeKind.RESUME: "switched on again in the store",
    ChangeKind.EXTEND: "made to work for longer",
    ChangeKind.REVOKE: "deleted in the store for good; the ledger keeps what they were",
}


def scope_named(parts: Services, target: str) -> tuple[sa.Row[Any], Scope]:
    """The store, and whose codes: a run's by its number, or a campaign's by its name."""
    with reading(parts.engine) as connection:
        store = the_store(connection)
        if is_run(target):
            run = load_run(connection, int(target))
            return store, Scope(store_id=run.store_id, campaign=run.campaign, run_id=run.id)
        known = sa.select(runs.c.id).where(runs.c.store_id == store.id, runs.c.campaign == target).limit(1)
        if connection.execute(known).first() is None:
            raise NotFound(
                f"No campaign {target!r} has had a run.", hint="`tillroll status` lists the campaigns."
            )
    return store, Scope(store_id=store.id, campaign=target)


def person_named(parts: Services, email: str) -> Person:
    """The account an address stands for."""
    person = person_of(parts.engine, email)
    if person is None:
        raise NotAllowed(f"There is no active account {email!r}.", hint="Make one with: tillroll user add")
    return person


def sure(question: str, *, yes: bool) -> None:
    """Go on only with a person's yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(
            "Nobody is at a terminal to confirm.", hint="Look at what it says above, then give --yes"
        )
    click.confirm(question, abort=True)


def _change(
    kind: ChangeKind, target: str, email: str, note: str, *, yes: bool, as_json: bool, until: str = ""
) -> None:
    with services() as parts:
        person = person_named(parts, email)
        store, scope = scope_named(parts, target)
        now = parts.clock.now()
        valid_until = parse_until(until, store.timezone, now) if until else None
        with reading(parts.engine) as connection:
            found = preview(connection, scope, kind, now=now, valid_until=valid_until)
        if not as_json:
            _show_preview(scope, kind, found, store, valid_until)
        if found.codes and not found.against:
            sure(f"{kind.capitalize()} {found.codes} codes?", yes=yes)
        asked = ask(
            parts.engine,
            scope=scope,
            kind=kind,
            person=person,
            note=note,
            now=parts.clock.now(),
            valid_until=valid_until,
        )
    if isinstance(asked, Agreed):
        say_waits(asked, as_json=as_json)
    elif as_json:
        say_json({"change": asked, "kind": kind.value, "of": str(scope), "codes": found.codes})
    else:
        out().print(f"Change {asked} is written down; the worker carries it out. See: tillroll codes changes")


def say_waits(agreed: Agreed, *, as_json: bool) -> None:
    """That a word was taken, and that it takes more."""
    if as_json:
        say_json({"waits": as_agreed(agreed)})
        return
    out().print(str(agreed))
    out().print("It is done with the last of them: the same command, with another --as.", style="dim")


def as_agreed(agreed: Agreed) -> dict[str, Any]:
    """What waits for more people, as JSON."""
    return {
        "kind": agreed.kind,
        "campaign": agreed.campaign,
        "run": agreed.run_id,
        "valid_until": agreed.valid_until,
        "agreed": list(agreed.by),
        "needed": agreed.needed,
    }


def parse_until(text: str, zone: str, now: datetime) -> datetime:
    """`2026-12-31` or `14d` from now: until the end of that day by the store's clock."""
    try:
        day = (now + parse_duration(text)).astimezone(ZoneInfo(zone)).date()
    except ValueError:
        try:
            day = parse_day(text)
        except ValueError as fault:
            raise Refused(
                f"{text!r} is neither a day nor a length of time.",
                hint="Write --until 2026-12-31 or --until 14d",
            ) from fault
    return datetime.combine(day, time(23, 59, 59), ZoneInfo(zone)).astimezone(now.tzinfo)


def _show_preview(
    scope: Scope, kind: ChangeKind, found: Preview, store: sa.Row[Any], valid_until: datetime | None
) -> None:
    console = out()
    codes = f"{found.codes} code{'' if found.codes == 1 else 's'}"
    of = f" of {scope}, in {found.runs} runs" if found.runs > 1 else f" of {scope}"
    console.print(Text.assemble((codes, "bold"), of))
    console.print(f"  would be {DOES[kind]}.")
    if found.latest is not None:
        console.print(f"  They work until {in_zone(found.latest, store.timezone)} at the latest.")
    if valid_until is not None:
        console.print(f"  Then they would work until {in_zone(valid_until, store.timezone)}.")
    if found.raises is None:
        console.print("  What they may cost counts again, and has no bound.")
    elif found.raises:
        console.print(f"  {say_money(found.raises, store.currency)} of worst case counts again.")
    if found.people > 1:
        console.print(f"  It takes {found.people} different approvers, as their plan did.")


def _command(kind: ChangeKind, words: str, *options: Callable[..., Any]) -> click.Command:
    def command(target: str, email: str, note: str, *, yes: bool, as_json: bool, until: str = "") -> None:
        _change(kind, target, email, note, yes=yes, as_json=as_json, until=until)

    extra = " --until 2026-12-31" if kind is ChangeKind.EXTEND else ""
    command.__doc__ = (
        f"{words}\n\n\b\nExample:\n"
        f'  tillroll codes {kind.value} winback{extra} --as ana@shop.example --note "as discussed"\n'
        f"  tillroll codes {kind.value} 12{extra} --as ana@shop.example --yes --json\n"
    )
    for option in (*options, JSON, YES, NOTE, WHO, for_store, TARGET):
        command = option(command)
    return click.command(kind.value)(command)


_UNTIL = click.option(
    "--until", required=True, metavar="DAY", help="The last day they work: 2026-12-31, or 14d from today."
)

pause = _command(
    ChangeKind.PAUSE,
    "Switch codes off in the store. What hasn't been sent waits; it works again after a resume.",
)
resume = _command(
    ChangeKind.RESUME,
    "Switch paused codes on again, but none that was used. What may be spent again is held against the budgets.",
)
extend = _command(
    ChangeKind.EXTEND, "Have the codes that can still be used work for longer. It never shortens.", _UNTIL
)
revoke = _command(
    ChangeKind.REVOKE,
    "Delete the codes that can still be used in the store, for good. The ledger keeps what they were.",
)


@click.command("changes")
@click.option("--open", "only_open", is_flag=True, help="Only those that aren't done.")
@JSON
@for_store
def list_command(only_open: bool, as_json: bool) -> None:
    """What is done to codes in the store, the newest first, and how far it is.

    \b
    Example:
      tillroll codes changes
      tillroll codes changes --open --json
    """
    with services() as parts, reading(parts.engine) as connection:
        store = the_store(connection)
        lines = list_changes(connection, store.id, only_open=only_open, limit=50)
        agreed = waiting(connection, store.id, parts.clock.now())
    if as_json:
        say_json({"changes": [as_row(line) for line in lines], "waiting": [as_agreed(one) for one in agreed]})
        return
    for one in agreed:
        out().print(str(one), style="yellow")
    if not lines:
        out().print("Nothing is being done to codes." if only_open else "Nothing was ever done to codes.")
        return
    table = Table("change", "what", "codes of", "done", "state", "by", "note", box=None, header_style="dim")
    for line in lines:
        of = f"run {line.run_id}" if line.run_id else line.campaign
        failed = f", {line.failed} failed" if line.failed else ""
        done = f"{line.settled}/{line.total}{failed}" if line.total else "–"
        style = "red" if line.failed else ("cyan" if line.open else "green")
        state = Text(line.state.value, style=style)
        kind = line.kind.value.replace("_", " ")
        table.add_row(str(line.change_id), kind, of, done, state, line.person, line.note)
    out().print(table)


def as_row(line: ChangeLine) -> dict[str, Any]:
    """A change as JSON."""
    return {
        "change": line.change_id,
        "kind": line.kind.value,
        "campaign": line.campaign,
        "run": line.run_id,
        "state": line.state.value,
        "by": line.person,
        "note": line.note,
        "valid_until": line.valid_until,
        "asked_at": line.created_at,
        "finished_at": line.finished_at,
        "codes": line.total,
        "parts": {state.value: n for state, n in line.parts.items()},
    }


@click.command("recycle")
@click.argument("run_id", metavar="RUN", type=NUMBER)
@WHO
@NOTE
@JSON
def recycle_command(run_id: int, email: str, note: str, as_json: bool) -> None:
    """Take back the codes of a halted RUN that reached nobody: no e-mail left with them, nobody saw them, none was used.

    A pool's go back to it; others are given to the campaign's next run on the same terms, instead of new ones.

    \b
    Example:
      tillroll codes recycle 12 --as ana@shop.example
    """
    with services() as parts:
        person = person_named(parts, email)
        count = recycle(parts.engine, run_id=run_id, person=person, note=note, now=parts.clock.now())
    if isinstance(count, Agreed):
        say_waits(count, as_json=as_json)
    elif as_json:
        say_json({"run": run_id, "codes": count})
    else:
        out().print(f"{count} code{'' if count == 1 else 's'} of run {run_id} can be given to others.")


COMMANDS = (pause, resume, extend, revoke, recycle_command, list_command)
