"""`tillroll codes pause`, `resume`, `extend` and `revoke`: change codes that are in the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from typing import Any

import click
from rich.text import Text

from tillroll.approve.change import ChangePreview, preview_change, request_change
from tillroll.campaign.states import ChangeKind
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money
from tillroll.campaign.text.units import parse_day, parse_duration
from tillroll.campaign.text.zones import zone_of
from tillroll.cli.codes.agreements import print_agreement
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, NOTE, PERSON, TARGET, YES, is_run
from tillroll.cli.support.output import local_time, out, print_json
from tillroll.cli.support.people import confirm, require_person
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import NotFound, Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.agreements import PendingAgreement
from tillroll.ledger.queries.changes import Scope
from tillroll.ledger.queries.runs import has_runs, load_run
from tillroll.ledger.records import Store
from tillroll.wiring import Services

_EFFECTS = {
    ChangeKind.PAUSE: "switched off in the store until somebody resumes them",
    ChangeKind.RESUME: "switched on again in the store",
    ChangeKind.EXTEND: "valid for longer",
    ChangeKind.REVOKE: "deleted in the store for good; the ledger keeps a record of them",
}


def _change(
    kind: ChangeKind, target: str, email: str | None, note: str, *, yes: bool, as_json: bool, until: str = ""
) -> None:
    """Show what a change would do, ask for confirmation, and queue it for the worker."""
    with open_services() as services:
        person = require_person(services, email)
        store, scope = _scope_of(services, target)
        now = services.clock.now()
        valid_until = parse_until(until, store.timezone, now) if until else None
        with reading(services.engine) as connection:
            effect = preview_change(connection, scope, kind, now=now, valid_until=valid_until)
        if not as_json:
            _show_preview(scope, kind, effect, store, valid_until)
        if effect.codes and not effect.against:
            confirm(f"{kind.capitalize()} {count_of(effect.codes, 'code')}?", yes=yes)
        change = request_change(
            services.engine,
            scope=scope,
            kind=kind,
            person=person,
            note=note,
            now=services.clock.now(),
            valid_until=valid_until,
        )
    if isinstance(change, PendingAgreement):
        print_agreement(change, as_json=as_json)
    elif as_json:
        print_json({"change": change, "kind": kind.value, "of": scope.key, "codes": effect.codes})
    else:
        out().print(f"Change {change} is queued. See: tillroll codes changes")


def _scope_of(services: Services, target: str) -> tuple[Store, Scope]:
    """Return the store and the codes that a target names: a run's by its number, or a campaign's by its name."""
    store = chosen_store(services)
    with reading(services.engine) as connection:
        if is_run(target):
            run = load_run(connection, int(target))
            if run.store_id != store.id:
                raise NotFound(f"Store {store.ecwid_id} has no run {target}.", hint="See: tillroll status")
            return store, Scope(store_id=run.store_id, campaign=run.campaign, run_id=run.id)
        if not has_runs(connection, store.id, target):
            raise NotFound(
                f"No campaign {target!r} has had a run.", hint="`tillroll status` lists the campaigns."
            )
    return store, Scope(store_id=store.id, campaign=target)


def parse_until(text: str, zone: str, now: datetime) -> datetime:
    """Return the end of a day in a time zone: `2026-12-31`, or `14d` from `now`. Raises `Refused` for other text."""
    try:
        day = (now + parse_duration(text)).astimezone(zone_of(zone)).date()
    except ValueError:
        try:
            day = parse_day(text)
        except ValueError as fault:
            raise Refused(
                f"{text!r} is neither a day nor a length of time.",
                hint="Write --until 2026-12-31 or --until 14d",
            ) from fault
    return datetime.combine(day, time(23, 59, 59), zone_of(zone)).astimezone(now.tzinfo)


def _show_preview(
    scope: Scope, kind: ChangeKind, effect: ChangePreview, store: Store, valid_until: datetime | None
) -> None:
    console = out()
    of = f" of {scope}, in {effect.runs} runs" if effect.runs > 1 else f" of {scope}"
    console.print(Text.assemble((count_of(effect.codes, "code"), "bold"), of))
    console.print(f"  would be {_EFFECTS[kind]}.")
    if effect.latest is not None:
        console.print(f"  Valid now until {local_time(effect.latest, store.timezone)} at the latest.")
    if valid_until is not None:
        console.print(f"  Valid then until {local_time(valid_until, store.timezone)}.")
    if effect.raises is None:
        console.print("  Their worst case counts against the budgets again, and it is unlimited.")
    elif effect.raises:
        worst = say_money(effect.raises, store.currency)
        console.print(f"  Their worst case of {worst} counts against the budgets again.")
    if effect.people > 1:
        console.print(f"  This needs {effect.people} different approvers, as their plan did.")


def _command(kind: ChangeKind, summary: str, *options: Callable[..., Any]) -> click.Command:
    """Return the command for one kind of change."""

    def command(
        target: str, email: str | None, note: str, *, yes: bool, as_json: bool, until: str = ""
    ) -> None:
        _change(kind, target, email, note, yes=yes, as_json=as_json, until=until)

    extra = " --until 2026-12-31" if kind is ChangeKind.EXTEND else ""
    command.__doc__ = (
        f"{summary}\n\n\b\nExample:\n"
        f'  tillroll codes {kind.value} winback{extra} --note "as discussed"\n'
        f"  tillroll codes {kind.value} 12{extra} --yes --json\n"
    )
    for option in (*options, JSON, YES, NOTE, PERSON, for_store, TARGET):
        command = option(command)
    return click.command(kind.value)(command)


_UNTIL = click.option(
    "--until",
    required=True,
    metavar="DAY",
    help="The last day on which they are valid: 2026-12-31, or 14d from today.",
)

CHANGE_COMMANDS = (
    _command(
        ChangeKind.PAUSE,
        "Switch codes off in the store. E-mails that haven't been sent wait; `resume` continues them.",
    ),
    _command(
        ChangeKind.RESUME,
        "Switch paused codes on again, except used ones. What they may cost counts against the budgets again.",
    ),
    _command(
        ChangeKind.EXTEND,
        "Make codes that can still be used valid for longer. It never shortens a code's validity.",
        _UNTIL,
    ),
    _command(
        ChangeKind.REVOKE,
        "Delete codes that can still be used from the store, for good. The ledger keeps a record of them.",
    ),
)
