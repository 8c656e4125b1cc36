"""`tillroll codes changes` and `recycle`: changes to codes and how far they are, and unused codes of a halted run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from rich.text import Text

from tillroll.approve.recycle import recycle
from tillroll.campaign.text.counts import count_of
from tillroll.cli.codes.agreements import agreement_json, print_agreement
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, NOTE, NUMBER, PERSON
from tillroll.cli.support.output import list_table, out, print_json
from tillroll.cli.support.people import require_person
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.agreements import PendingAgreement, pending_agreements
from tillroll.ledger.queries.changes import ChangeLine, list_changes


@click.command("changes")
@click.option("--open", "only_open", is_flag=True, help="Only changes that aren't finished.")
@JSON
@for_store
def changes_command(only_open: bool, as_json: bool) -> None:
    """List the changes to codes in the store, newest first, with how far each is.

    \b
    Example:
      tillroll codes changes
      tillroll codes changes --open --json
    """
    with open_services() as services:
        store = chosen_store(services)
        with reading(services.engine) as connection:
            lines = list_changes(connection, store.id, only_open=only_open, limit=50)
            agreements = pending_agreements(connection, store.id, services.clock.now())
    if as_json:
        print_json(
            {
                "changes": [_change_json(line) for line in lines],
                "waiting": [agreement_json(agreement) for agreement in agreements],
            }
        )
        return
    for agreement in agreements:
        out().print(str(agreement), style="yellow")
    if lines:
        _show(lines)
    else:
        out().print("No changes are open." if only_open else "No codes have been changed yet.")


def _show(lines: Sequence[ChangeLine]) -> None:
    table = list_table("change", "kind", "codes of", "done", "state", "by", "note")
    for line in lines:
        target = f"run {line.run_id}" if line.run_id else line.campaign
        failed = f", {line.failed} failed" if line.failed else ""
        done = f"{line.settled}/{line.total}{failed}" if line.total else "–"
        style = "red" if line.failed else ("cyan" if line.open else "green")
        state = Text(line.state.value, style=style)
        kind = line.kind.value.replace("_", " ")
        table.add_row(str(line.change_id), kind, target, done, state, line.person, Text(line.note))
    out().print(table)


def _change_json(line: ChangeLine) -> dict[str, Any]:
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
        "parts": {state.value: count for state, count in line.parts.items()},
    }


@click.command("recycle")
@click.argument("run_id", metavar="RUN", type=NUMBER)
@PERSON
@NOTE
@JSON
def recycle_command(run_id: int, email: str | None, note: str, as_json: bool) -> None:
    """Take back the codes of a halted RUN that reached nobody: not e-mailed, not shown to anybody, not used.

    Codes of a pool return to it; other codes go to the campaign's next run with the same terms, instead of new ones.

    \b
    Example:
      tillroll codes recycle 12
    """
    with open_services() as services:
        person = require_person(services, email)
        count = recycle(services.engine, run_id=run_id, person=person, note=note, now=services.clock.now())
    if isinstance(count, PendingAgreement):
        print_agreement(count, as_json=as_json)
    elif as_json:
        print_json({"run": run_id, "codes": count})
    else:
        out().print(f"{count_of(count, 'code')} of run {run_id} can be given to other customers.")
