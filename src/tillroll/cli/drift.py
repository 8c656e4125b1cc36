"""`tillroll drift`, `drift fix`, `drift accept` and `tillroll adopt`: the store's coupons against the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click
import sqlalchemy as sa
from rich.table import Table

from tillroll.approve.change import needed_role
from tillroll.approve.drift import accept, fix
from tillroll.campaign.states import DRIFT_OPEN, DriftKind, DriftState
from tillroll.cli.changes import JSON, NOTE, WHO, person_named, say_waits
from tillroll.cli.family import Family
from tillroll.cli.opening import services
from tillroll.cli.show import NUMBER, err, out, say_json
from tillroll.cli.stores import for_store, the_store
from tillroll.errors import Conflict, Refused
from tillroll.ledger.agreements import Agreed
from tillroll.ledger.drifts import list_drifts, say_drift, say_first_look
from tillroll.ledger.engine import reading
from tillroll.mint.drift.adopt import adopt
from tillroll.mint.drift.compare import Look
from tillroll.mint.parts import Mint
from tillroll.track.redeem import mark_redemptions
from tillroll.wiring import Services

_STEP = timedelta(seconds=1)


@click.group(cls=Family, invoke_without_command=True)
@click.option("--known", is_flag=True, help="Don't ask the store: only what earlier looks found.")
@JSON
@click.pass_context
@for_store
def drift(context: click.Context, known: bool, as_json: bool) -> None:
    """Compare every coupon of ours with the store, and list what was changed or deleted there. Changes nothing.

    Coupons made by hand that have a code of ours, or begin like ours, are listed too. The loop does the same every night.

    \b
    Example:
      tillroll drift
      tillroll drift fix 3 4 --as ana@shop.example --note "edited by mistake"
    """
    if context.invoked_subcommand is not None:
        return
    with services() as parts:
        with reading(parts.engine) as connection:
            store = the_store(connection)
        if not known:
            _look(parts, store, as_json=as_json)
        with reading(parts.engine) as connection:
            rows = list_drifts(connection, store.id, states=DRIFT_OPEN)
            store, first_look = the_store(connection), say_first_look(connection, store.id)
    if as_json:
        say_json({"looked_at": store.drift_at, "drifts": [_as_row(row) for row in rows]})
    else:
        _show(rows, first_look)


def _look(parts: Services, store: sa.Row[Any], *, as_json: bool) -> None:
    with parts.client(store) as client:
        look = Look.in_any_case(
            Mint(engine=parts.engine, client=client, clock=parts.clock, store_id=store.id)
        )
        progress = err().status("Reading the store's coupons …")
        with progress:
            while not look.step(parts.clock.now() + _STEP):
                progress.update(
                    f"{look.tally.coupons} coupons read, {look.tally.drifts} are not as they should be …"
                )
    if look.taken_over:
        raise Conflict(
            "Somebody else began a look at the same time, and theirs goes on.",
            hint="What it finds shows with: tillroll drift --known",
        )
    if not as_json:
        out().print(f"{look.tally.coupons} coupons compared.")


def _as_row(row: sa.Row[Any]) -> dict[str, Any]:
    return {
        "drift": row.id,
        "kind": row.kind,
        "state": row.state,
        "run": row.run_id,
        "campaign": row.campaign,
        "coupon_id": row.coupon_id,
        "says": say_drift(row),
        "differences": row.differences,
        "found_at": row.found_at,
    }


def _show(rows: Sequence[sa.Row[Any]], first_look: str) -> None:
    console = out()
    if first_look:
        console.print(f"No look was made yet. {first_look} At once: tillroll drift")
    elif not rows:
        console.print("Nothing drifted: the store's coupons are what the ledger says.")
    if not rows:
        return
    table = Table("drift", "run", "code", "what", "state", box=None, header_style="dim")
    for row in rows:
        run = f"{row.run_id} {row.campaign}" if row.run_id is not None else "–"
        table.add_row(str(row.id), run, f"••••{row.code[-2:]}", say_drift(row), row.state)
    console.print(table)
    console.print()
    console.print("Put right: tillroll drift fix N …   Let stand: tillroll drift accept N …", style="dim")


_IDS = click.argument("ids", metavar="N...", type=NUMBER, nargs=-1)
_ALL = click.option("--all", "every", is_flag=True, help="All that are open and about coupons of ours.")


@drift.command("fix")
@_IDS
@_ALL
@WHO
@NOTE
@JSON
@for_store
def fix_command(ids: tuple[int, ...], every: bool, email: str, note: str, as_json: bool) -> None:
    """Have the store's coupons made again what the ledger says. The worker carries it out.

    \b
    Example:
      tillroll drift fix 3 4 --as ana@shop.example --note "edited by mistake"
    """
    with services() as parts:
        person, store_id, wanted = _decided(parts, email, ids, every=every)
        made = fix(
            parts.engine, store_id=store_id, ids=wanted, person=person, note=note, now=parts.clock.now()
        )
    if isinstance(made, Agreed):
        say_waits(made, as_json=as_json)
    elif as_json:
        say_json({"drifts": wanted, "changes": made})
    else:
        out().print(f"{len(wanted)} are put right by the worker. See: tillroll codes changes")


@drift.command("accept")
@_IDS
@_ALL
@WHO
@NOTE
@JSON
@for_store
def accept_command(ids: tuple[int, ...], every: bool, email: str, note: str, as_json: bool) -> None:
    """Let the store's way stand: the ledger says from now on what the store says.

    \b
    Example:
      tillroll drift accept 3 --as ana@shop.example --note "agreed with the customer"
    """
    with services() as parts:
        person, store_id, wanted = _decided(parts, email, ids, every=every)
        accept(parts.engine, store_id=store_id, ids=wanted, person=person, note=note, now=parts.clock.now())
    if as_json:
        say_json({"accepted": wanted})
    else:
        out().print(f"{len(wanted)} accepted.")


def _decided(parts: Services, email: str, ids: Sequence[int], *, every: bool) -> tuple[Any, int, list[int]]:
    """Who decides, for which store, on what."""
    person = person_named(parts, email)
    with reading(parts.engine) as connection:
        store = the_store(connection)
        rows = list_drifts(connection, store.id, states={DriftState.OPEN}) if every else []
    wanted = sorted({*ids, *(row.id for row in rows if row.kind not in {DriftKind.STRAY, DriftKind.CLASH})})
    if not wanted:
        raise Refused("Say which: their numbers, or --all.", hint="`tillroll drift` lists what is open.")
    return person, store.id, wanted


@click.command("adopt")
@click.option("--prefix", default="", help="Only coupons whose codes begin so.")
@click.option("--campaign", default="adopted", show_default=True, help="Whose they are in reports.")
@click.option("--dry-run", is_flag=True, help="Only count them.")
@WHO
@JSON
@for_store
def adopt_command(prefix: str, campaign: str, dry_run: bool, email: str, as_json: bool) -> None:
    """Take coupons that were made outside Tillroll into the ledger.

    They count in reports, and can be paused, extended and revoked like any; they are never given to anybody.

    \b
    Example:
      tillroll adopt --prefix SPRING --campaign spring-2025 --dry-run --as ana@shop.example
    """
    with services() as parts:
        person = person_named(parts, email)
        needed_role(person, "adopt coupons")
        with reading(parts.engine) as connection:
            store = the_store(connection)
        with parts.client(store) as client, err().status("Reading the store's coupons …"):
            mint = Mint(engine=parts.engine, client=client, clock=parts.clock, store_id=store.id)
            found = adopt(mint, prefix=prefix, campaign=campaign, person=person.email, dry_run=dry_run)
        if found.adopted and not dry_run:
            mark_redemptions(parts.engine, store_id=store.id, seen_since=store.created_at)
    if as_json:
        figures = {"coupons": found.coupons, "known": found.known, "adopted": found.adopted}
        say_json({**figures, "run": found.run_id, "dry_run": dry_run})
        return
    would = "would be" if dry_run else "are"
    out().print(f"{found.adopted} coupons {would} in the ledger as {campaign}; it had {found.known} already.")
    if found.run_id is not None:
        out().print(f"They belong to run {found.run_id}.")
