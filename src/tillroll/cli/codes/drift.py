"""`tillroll drift`, `drift fix` and `drift accept`: the store's coupons compared with the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click

from tillroll.approve.decide import Person
from tillroll.approve.drift import accept_drifts, fix_drifts
from tillroll.campaign.states import DRIFT_OPEN, DriftKind, DriftState
from tillroll.campaign.text.counts import count_of
from tillroll.cli.codes.agreements import print_agreement
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, NOTE, NUMBER, PERSON
from tillroll.cli.support.output import err, list_table, out, print_json
from tillroll.cli.support.people import require_person
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import Conflict, Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.agreements import PendingAgreement
from tillroll.ledger.queries.drifts import DriftLine, list_drifts, say_drift, say_first_comparison
from tillroll.ledger.records import Store
from tillroll.mint.context import MintContext
from tillroll.mint.reconcile.nightly import NightlyComparison
from tillroll.wiring import Services

_STEP = timedelta(seconds=1)


@click.group(cls=Family, invoke_without_command=True)
@click.option("--known", is_flag=True, help="Don't ask the store; list what earlier comparisons found.")
@JSON
@click.pass_context
@for_store
def drift(context: click.Context, known: bool, as_json: bool) -> None:
    """Compare every coupon of ours with the store, and list those changed or deleted there. Nothing is changed.

    Coupons made by hand are listed too if their code is one of ours or begins with one of our prefixes. The worker compares
    every night by itself.

    \b
    Example:
      tillroll drift
      tillroll drift fix 3 4 --note "edited by mistake"
    """
    if context.invoked_subcommand is not None:
        return
    with open_services() as services:
        store = chosen_store(services)
        if not known:
            _compare(services, store, as_json=as_json)
            store = chosen_store(services)
        with reading(services.engine) as connection:
            drifts = list_drifts(connection, store.id, states=DRIFT_OPEN)
            first_comparison = say_first_comparison(connection, store.id)
    if as_json:
        print_json({"looked_at": store.drift_at, "drifts": [_drift_json(line) for line in drifts]})
    else:
        _show(drifts, first_comparison)


def _compare(services: Services, store: Store, *, as_json: bool) -> None:
    """Compare all coupons now, with progress on stderr; raises `Conflict` when another process takes over."""
    with services.client(store) as client:
        comparison = NightlyComparison.start_anyway(
            MintContext(engine=services.engine, client=client, clock=services.clock, store_id=store.id)
        )
        with err().status("Reading the store's coupons …") as progress:
            while not comparison.step(services.clock.now() + _STEP):
                progress.update(_progress(comparison))
    if comparison.taken_over:
        raise Conflict(
            "Another process began a comparison at the same time, and continues it.",
            hint="See what it finds with: tillroll drift --known",
        )
    if not as_json:
        out().print(f"{count_of(comparison.tally.coupons, 'coupon')} compared.")


def _progress(comparison: NightlyComparison) -> str:
    tally = comparison.tally
    differ = f"{tally.drifts:,} differ{'s' if tally.drifts == 1 else ''}"
    return f"{count_of(tally.coupons, 'coupon')} read, {differ} from the ledger …"


def _drift_json(line: DriftLine) -> dict[str, Any]:
    return {
        "drift": line.id,
        "kind": line.kind,
        "state": line.state,
        "run": line.run_id,
        "campaign": line.campaign,
        "coupon_id": line.coupon_id,
        "says": say_drift(line),
        "differences": line.differences,
        "found_at": line.found_at,
    }


def _show(drifts: Sequence[DriftLine], first_comparison: str) -> None:
    console = out()
    if first_comparison:
        console.print(f"No comparison has been made yet. {first_comparison} To compare now: tillroll drift")
    elif not drifts:
        console.print("No drift: the store's coupons are as the ledger says.")
    if not drifts:
        return
    table = list_table("drift", "run", "code", "difference", "state")
    for line in drifts:
        run = f"{line.run_id} {line.campaign}" if line.run_id is not None else "–"
        table.add_row(str(line.id), run, f"••••{line.code[-2:]}", say_drift(line), line.state)
    console.print(table)
    console.print()
    console.print("Fix: tillroll drift fix N …   Accept change: tillroll drift accept N …", style="dim")


_NUMBERS = click.argument("numbers", metavar="N...", type=NUMBER, nargs=-1)
_ALL = click.option("--all", "every", is_flag=True, help="Every open difference of our own coupons.")


@drift.command("fix")
@_NUMBERS
@_ALL
@PERSON
@NOTE
@JSON
@for_store
def fix_command(numbers: tuple[int, ...], every: bool, email: str | None, note: str, as_json: bool) -> None:
    """Change coupons in the store back to what the ledger says. N are numbers from `tillroll drift`.

    The worker makes the change.

    \b
    Example:
      tillroll drift fix 3 4 --note "edited by mistake"
    """
    with open_services() as services:
        person, store_id, chosen = _choose(services, email, numbers, every=every)
        now = services.clock.now()
        fixing = fix_drifts(services.engine, store_id=store_id, ids=chosen, person=person, note=note, now=now)
    if isinstance(fixing, PendingAgreement):
        print_agreement(fixing, as_json=as_json)
    elif as_json:
        print_json({"drifts": chosen, "changes": fixing})
    else:
        out().print(f"{count_of(len(chosen), 'fix', 'fixes')} queued. See: tillroll codes changes")


@drift.command("accept")
@_NUMBERS
@_ALL
@PERSON
@NOTE
@JSON
@for_store
def accept_command(
    numbers: tuple[int, ...], every: bool, email: str | None, note: str, as_json: bool
) -> None:
    """Accept what was changed in the store: the ledger then says the same.

    \b
    Example:
      tillroll drift accept 3 --note "agreed with the customer"
    """
    with open_services() as services:
        person, store_id, chosen = _choose(services, email, numbers, every=every)
        now = services.clock.now()
        accept_drifts(services.engine, store_id=store_id, ids=chosen, person=person, note=note, now=now)
    if as_json:
        print_json({"accepted": chosen})
    else:
        out().print(f"{count_of(len(chosen), 'change')} accepted.")


def _choose(
    services: Services, email: str | None, numbers: Sequence[int], *, every: bool
) -> tuple[Person, int, list[int]]:
    """Return the person who decides, the store, and the numbers of the drifts that the command names."""
    person = require_person(services, email)
    store = chosen_store(services)
    chosen = set(numbers)
    if every:
        with reading(services.engine) as connection:
            drifts = list_drifts(connection, store.id, states={DriftState.OPEN})
        chosen |= {line.id for line in drifts if line.kind not in {DriftKind.STRAY, DriftKind.CLASH}}
    if not chosen:
        raise Refused("Say which ones: their numbers, or --all.", hint="`tillroll drift` lists what is open.")
    return person, store.id, sorted(chosen)
