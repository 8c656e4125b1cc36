"""`tillroll codes import`: fill a pool with codes that were made elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from tillroll.campaign.frozen.proposal import Goods
from tillroll.campaign.text.counts import count_of
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, PERSON
from tillroll.cli.support.output import err, out, print_json
from tillroll.cli.support.people import require_approver
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import Refused
from tillroll.ledger.records import Store
from tillroll.mint.context import MintContext
from tillroll.mint.draw import new_key
from tillroll.mint.pools.code_file import MOST_BYTES, CodeFile, read_code_file
from tillroll.mint.pools.import_codes import ImportResult, PoolOffer, import_codes, pool_offer
from tillroll.plan.goods.catalog import find_goods, reason_goods_unread
from tillroll.recovery.ownership_check import check_ownership
from tillroll.wiring import Services

_SHOWN = 20  # faults of rows that are printed


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--campaign", required=True, help="The campaign whose pool gets the codes.")
@click.option("--dry-run", is_flag=True, help="Only check the rows.")
@PERSON
@JSON
@for_store
def import_command(file: Path, campaign: str, dry_run: bool, email: str | None, as_json: bool) -> None:
    """Fill the pool of a campaign with codes that were made elsewhere, from a CSV file.

    Their coupons must be in the store and give what the campaign's offer says. Rows that can't be taken are listed with the
    reason. The codes are handed out once the plan of their run is approved.

    \b
    Example:
      tillroll codes import fair.csv --campaign fair-vouchers --dry-run
    """
    with open_services() as services:
        store = chosen_store(services)
        person = require_approver(services, email, store.id, "import codes")
        rows = _read(file)
        with services.client(store, person=True) as client, err().status("Looking the coupons up …"):
            check_ownership(
                services.session(store.id, client), store=store, mark=new_key(), raising=not dry_run
            )
            mint = MintContext(engine=services.engine, client=client, clock=services.clock, store_id=store.id)
            result = import_codes(
                mint,
                pool=_pool(services, store, mint, campaign),
                file=rows,
                name=file.name,
                person=person.email,
                dry_run=dry_run,
            )
    _show(result, campaign, dry_run=dry_run, as_json=as_json)
    if result.faults:
        raise SystemExit(1)


def _read(file: Path) -> CodeFile:
    """Read the file. Raises `Refused` if nothing of it can be read."""
    try:
        with file.open("rb") as stream:
            rows = read_code_file(stream.read(MOST_BYTES + 1))
    except OSError as fault:
        raise Refused(
            f"{file} can't be read: {fault.strerror}.", hint="Give the path of a CSV file."
        ) from None
    if rows.problem:
        raise Refused(
            f"{file.name} can't be imported: {rows.problem}.", hint="One code a row, under the heading code."
        )
    return rows


def _pool(services: Services, store: Store, mint: MintContext, campaign: str) -> PoolOffer:
    """Return what the pool's codes have to give. Raises `Refused` if the store's catalogue doesn't tell."""
    if not store.currency:
        raise Refused("The store hasn't been read yet.", hint="Run: tillroll store check")
    offer = pool_offer(mint, campaign)
    wanted = offer.applies_to
    if reason := reason_goods_unread(services.engine, store, [wanted]):
        raise Refused(
            f"The offer's goods can't be compared: {reason}.", hint="Try again once the worker has read it."
        )
    match = find_goods(services.engine, store.id, wanted)
    if match is not None and match.unknown:
        raise Refused(
            f"The offer of {campaign} names goods that the store lacks.", hint="See: tillroll check"
        )
    goods = match.goods if match is not None else Goods()
    return PoolOffer(store=store, campaign=campaign, offer=offer, goods=goods)


def _show(result: ImportResult, campaign: str, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        faults = [{"row": fault.number, "problem": fault.problem} for fault in result.faults]
        print_json({"taken": result.taken, "faults": faults, "run": result.run_id, "dry_run": dry_run})
        return
    for fault in result.faults[:_SHOWN]:
        err().print(f"row {fault.number}: {fault.problem}", markup=False, highlight=False)
    if len(result.faults) > _SHOWN:
        err().print(f"and {len(result.faults) - _SHOWN:,} more rows; --json lists all of them")
    left_out = f"; {count_of(len(result.faults), 'row')} left out" if result.faults else ""
    taken = count_of(result.taken, "code")
    if dry_run or result.run_id is None:
        out().print(f"{taken} would be imported for {campaign}{left_out}.")
        return
    out().print(f"Imported {taken} for {campaign}{left_out}.")
    out().print(f"They are handed out once run {result.run_id} is approved: tillroll plan {result.run_id}")
