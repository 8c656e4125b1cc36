"""`tillroll adopt`: take coupons that were made outside Tillroll into the ledger."""

from __future__ import annotations

import click

from tillroll.campaign.text.counts import count_of
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, PERSON
from tillroll.cli.support.output import err, out, print_json
from tillroll.cli.support.people import require_approver
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.mint.context import MintContext
from tillroll.mint.reconcile.adopt import adopt
from tillroll.track.results.redeem import mark_redemptions


@click.command("adopt")
@click.option("--prefix", default="", help="Only coupons whose codes begin with this.")
@click.option(
    "--campaign", default="adopted", show_default=True, help="The campaign that they count for in reports."
)
@click.option("--dry-run", is_flag=True, help="Only count them.")
@PERSON
@JSON
@for_store
def adopt_command(prefix: str, campaign: str, dry_run: bool, email: str | None, as_json: bool) -> None:
    """Take coupons that were made outside Tillroll into the ledger.

    They count in reports and can be paused, extended and revoked like others; they are never given to customers.

    \b
    Example:
      tillroll adopt --prefix SPRING --campaign spring-2025 --dry-run
    """
    with open_services() as services:
        store = chosen_store(services)
        person = require_approver(services, email, store.id, "adopt coupons")
        with services.client(store) as client, err().status("Reading the store's coupons …"):
            mint = MintContext(engine=services.engine, client=client, clock=services.clock, store_id=store.id)
            result = adopt(mint, prefix=prefix, campaign=campaign, person=person.email, dry_run=dry_run)
        if result.adopted and not dry_run:
            mark_redemptions(services.engine, store_id=store.id, seen_since=store.created_at)
    if as_json:
        figures = {"coupons": result.coupons, "known": result.in_ledger, "adopted": result.adopted}
        print_json({**figures, "run": result.run_id, "dry_run": dry_run})
        return
    coupons = count_of(result.adopted, "coupon")
    done = f"{coupons} would be adopted as {campaign}" if dry_run else f"Adopted {coupons} as {campaign}"
    out().print(
        f"{done}; {result.in_ledger:,} {'was' if result.in_ledger == 1 else 'were'} in the ledger already."
    )
    if result.run_id is not None:
        out().print(f"They belong to run {result.run_id}.")
