"""`tillroll run`, `approve`, `reject` and `status`: one run at a time, and how everything stands."""

from __future__ import annotations

import sys
from typing import Any

import click
import sqlalchemy as sa
from rich.table import Table
from rich.text import Text

from tillroll.approve.act import approve, reject
from tillroll.approve.decide import Person
from tillroll.campaign import read_book
from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.campaign.sentences.offers import say_money
from tillroll.campaign.states import RUN_OPEN
from tillroll.cli.opening import services
from tillroll.cli.plan_show import show_proposal
from tillroll.cli.show import NUMBER, STATE_STYLE, in_zone, out, say_json
from tillroll.cli.stores import for_store, the_store
from tillroll.errors import Conflict, NotAllowed, Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.plans import load_plan
from tillroll.plan.record import record_book
from tillroll.plan.since import since_of_plan
from tillroll.plan.slots import start_by_hand
from tillroll.track.overview import list_campaigns, list_runs, run_progress
from tillroll.web.accounts import person_of
from tillroll.wiring import Services

_WHO = click.option(
    "--as", "email", required=True, metavar="EMAIL", help="Whose word this is: an approver's account."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of words.")


@click.command()
@click.argument("name")
@click.option(
    "--as", "email", default="command line", metavar="EMAIL", help="Who asks for it; for the audit."
)
@_JSON
@for_store
def run(name: str, email: str, as_json: bool) -> None:
    """Ask for a run of the campaign NAME now, outside its schedule. The worker plans it; it still wants its approval.

    \b
    Example:
      tillroll run winback --as ana@shop.example
    """
    with services() as parts:
        now = parts.clock.now()
        with reading(parts.engine) as connection:
            store = the_store(connection)
        book = read_book(parts.settings.folder, environment=parts.settings.environment, store=store.ecwid_id)
        record_book(parts.engine, store_id=store.id, book=book, now=now)
        run_id = start_by_hand(parts.engine, store_id=store.id, name=name, person=email, now=now)
    if as_json:
        say_json({"run": run_id, "campaign": name, "state": "planning"})
    else:
        out().print(f"Run {run_id} of {name} is written down; the worker plans it. See: tillroll status")


@click.command("approve")
@click.argument("run_id", metavar="RUN", type=NUMBER)
@_WHO
@click.option(
    "--digest", default="", help="The digest you agree to; asked for when there is no terminal to confirm at."
)
@click.option("--note", default="", help="Why, for the audit.")
@_JSON
def approve_run(run_id: int, email: str, digest: str, note: str, as_json: bool) -> None:
    """Agree to the plan of RUN: to exactly the digest it shows.

    \b
    Example:
      tillroll approve 12 --as ana@shop.example --note "as discussed"
    """
    with services() as parts:
        person, plan = _person(parts, email), _plan(parts, run_id)
        agreed = _agreed_digest(parts, plan, digest, "Approve exactly this plan?")
        state = approve(
            parts.engine, run_id=run_id, digest=agreed, person=person, note=note, now=parts.clock.now()
        )
    if as_json:
        say_json({"run": run_id, "state": state.value, "digest": agreed})
    else:
        waits = "" if state.value == "approved" else " It waits for another person."
        out().print(Text.assemble(("✓ ", "green"), f"{email} approved run {run_id}.{waits}"))


@click.command("reject")
@click.argument("run_id", metavar="RUN", type=NUMBER)
@_WHO
@click.option(
    "--digest",
    default="",
    help="The digest you say no to; asked for when there is no terminal to confirm at.",
)
@click.option("--note", required=True, help="Why, for the audit and for whoever wrote the campaign.")
@_JSON
def reject_run(run_id: int, email: str, digest: str, note: str, as_json: bool) -> None:
    """Say no to the plan of RUN; it ends the run.

    \b
    Example:
      tillroll reject 12 --as ana@shop.example --note "too generous before Christmas"
    """
    with services() as parts:
        person, plan = _person(parts, email), _plan(parts, run_id)
        said = _agreed_digest(parts, plan, digest, "Reject this plan?")
        reject(parts.engine, run_id=run_id, digest=said, person=person, note=note, now=parts.clock.now())
    if as_json:
        say_json({"run": run_id, "state": "rejected", "digest": said})
    else:
        out().print(f"{email} rejected run {run_id}.")


def _person(parts: Services, email: str) -> Person:
    person = person_of(parts.engine, email)
    if person is None:
        raise NotAllowed(f"There is no active account {email!r}.", hint="Make one with: tillroll user add")
    return person


def _plan(parts: Services, run_id: int) -> StoredPlan:
    with reading(parts.engine) as connection:
        plan = load_plan(connection, run_id)
    if plan is None:
        raise Conflict(
            f"Run {run_id} has no plan yet.", hint="Wait for the worker to plan it: tillroll status"
        )
    return plan


def _agreed_digest(parts: Services, plan: StoredPlan, given: str, question: str) -> str:
    """The digest a person decides on: the one they give, or the one they are shown and confirm."""
    if given:
        if len(given) >= 12 and plan.digest.startswith(given):
            return plan.digest
        return given  # the stage says that it is another one
    if not sys.stdin.isatty():
        raise Refused(
            "Nobody is at a terminal to confirm.",
            hint=f"Give the digest you agree to: --digest {plan.digest[:12]}",
        )
    with reading(parts.engine) as connection:
        since = since_of_plan(connection, plan)
    show_proposal(out(), plan.proposal, digest=plan.digest, since=since)
    click.confirm(question, abort=True)
    return plan.digest


@click.command()
@_JSON
@for_store
def status(as_json: bool) -> None:
    """How everything stands: the store, the campaigns, and the runs that aren't over.

    \b
    Example:
      tillroll status
      tillroll status --json
    """
    with services() as parts, reading(parts.engine) as connection:
        store = the_store(connection)
        campaigns = list_campaigns(connection, store, parts.clock.now())
        lines = list_runs(connection, store.id, states=RUN_OPEN, limit=50)
        progress = {line.run_id: run_progress(connection, line.run_id) for line in lines}
    if as_json:
        say_json(
            {
                "store": {
                    "id": store.ecwid_id,
                    "name": store.name,
                    "state": store.state,
                    "reason": store.reason,
                },
                "campaigns": [
                    {
                        "name": c.name,
                        "status": c.status,
                        "next_at": c.next_at,
                        "waiting": c.waiting,
                        "offer": c.offer,
                    }
                    for c in campaigns
                ],
                "runs": [
                    {
                        "run": line.run_id,
                        "campaign": line.campaign,
                        "state": line.state.value,
                        "reason": line.reason,
                        "codes_planned": progress[line.run_id].planned,
                        "codes_live": progress[line.run_id].codes_live,
                        "messages_sent": progress[line.run_id].messages_sent,
                        "messages_held": progress[line.run_id].messages_held,
                        "redemptions": progress[line.run_id].redemptions,
                    }
                    for line in lines
                ],
            }
        )
        return
    console = out()
    _show_store(store)
    table = Table("campaign", "status", "when", "next", "offer", box=None, header_style="dim", pad_edge=False)
    here = f" ({store.timezone})"  # said once, above
    for line in campaigns:
        upcoming = in_zone(line.next_at, store.timezone).removesuffix(here) if line.next_at else "–"
        if line.waiting:
            upcoming = f"{line.waiting} wait for their next step"
        table.add_row(line.name, line.status, line.when.removesuffix(here), upcoming, line.offer)
    console.print(table)
    console.print()
    if not lines:
        console.print("No run is under way.")
        return
    runs_table = Table(
        "run",
        "campaign",
        "state",
        "codes",
        "sent",
        "used",
        "worst case",
        box=None,
        header_style="dim",
        pad_edge=False,
    )
    for one in lines:
        now = progress[one.run_id]
        worst = say_money(one.worst_case, one.currency) if one.worst_case is not None else "–"
        state = Text(one.state.value, style=STATE_STYLE.get(one.state, ""))
        runs_table.add_row(
            str(one.run_id),
            one.campaign,
            state,
            f"{now.codes_live}/{now.planned}",
            str(now.messages_sent),
            str(now.redemptions),
            worst,
        )
    console.print(runs_table)
    for one in lines:
        if one.reason:
            console.print(Text(f"run {one.run_id}: {one.reason}", style="yellow"), soft_wrap=True)


def _show_store(store: sa.Row[Any]) -> None:
    console = out()
    good = store.state == "connected"
    mark = ("● ", "green") if good else ("● ", "bold red")
    console.print(
        Text.assemble(
            mark,
            (store.name or f"store {store.ecwid_id}", "bold"),
            f"  {store.state}  ·  by the clock of {store.timezone}",
        )
    )
    if store.reason:
        console.print(Text(f"  {store.reason}", style="yellow" if good else "red"), soft_wrap=True)
    console.print()
