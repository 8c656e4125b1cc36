"""`tillroll store probe`: how a store answers where the documentation leaves it open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from tillroll import __version__
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, PERSON, YES
from tillroll.cli.support.output import list_table, out, print_json, write_file
from tillroll.cli.support.people import confirm, identify
from tillroll.cli.support.progress import progress_bar
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import Refused
from tillroll.ledger.records import Store
from tillroll.probe.conversation import Depth
from tillroll.probe.decide import FactFinding, report
from tillroll.probe.facts import FACTS, UNLEARNABLE
from tillroll.probe.run import ProbeOutcome, probe_store
from tillroll.probe.samples import NAME
from tillroll.wiring import Services

_WRITES = {
    Depth.WRITE: "paused coupons that take nothing off, a key in the app storage, and batches that only read",
    Depth.SAMPLES: "also hidden products, customers at example.com, orders of 0, and one coupon that takes nothing off",
}


@click.command()
@click.option("--write", is_flag=True, help="Also make and delete paused coupons, a storage key and batches.")
@click.option(
    "--samples",
    is_flag=True,
    help="With --write: also make and delete hidden products, customers and orders. The store may tell its owner of an order, "
    "and order numbers are used up.",
)
@click.option(
    "--report",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the report to this file too. It holds no ids, names, codes or addresses, so it may be shared.",
)
@YES
@PERSON
@JSON
@for_store
def probe(
    *, write: bool, samples: bool, target: Path | None, yes: bool, email: str | None, as_json: bool
) -> None:
    """Find out how a store answers where Ecwid's documentation leaves it open, and remember it for this store.

    Without options it only reads, with about 20 calls. --write also asks what takes a coupon or a batch to know. Everything it
    makes is called "Tillroll probe (may be deleted)", and it deletes that at the end. If it is stopped midway, the next one
    with --write deletes what is left.

    It keeps to the rate limit, and is in the audit. The exit code is 1 if something is left in the store.

    \b
    Example:
      tillroll store probe
      tillroll store probe --write --yes --report probe.json
    """
    depth = Depth.SAMPLES if samples and write else Depth.WRITE if write else Depth.READ
    if samples and not write:
        raise Refused("--samples needs --write.", hint="Repeat with: tillroll store probe --write --samples")
    with open_services() as services:
        store = chosen_store(services)
        actor = identify(services, email).require_role(store.id, "probe it") if write else "command"
        if write:
            _ask_before_writing(store, depth, yes=yes)
        outcome, calls = _run(services, store, depth, actor)
        day = services.clock.now().date().isoformat()
    result = report(outcome.findings, UNLEARNABLE, version=__version__, depth=depth, day=day, calls=calls)
    if target is not None:
        write_file(target, json.dumps(result, indent=2, sort_keys=True).encode() + b"\n")
    if as_json:
        print_json({**result, "left": _counted(outcome), "unfinished": outcome.unfinished})
    else:
        _show(outcome, target)
    if outcome.stopped is not None:
        raise outcome.stopped
    if outcome.left:
        raise click.exceptions.Exit(1)


def _ask_before_writing(store: Store, depth: Depth, *, yes: bool) -> None:
    name = f"{store.name} (store {store.ecwid_id})" if store.name else f"store {store.ecwid_id}"
    made = "; ".join(_WRITES[level] for level in _WRITES if level <= depth)
    if not yes:
        out().print(f"This makes in {name}, and deletes again: {made}.")
    confirm("Go on?", yes=yes)


def _run(services: Services, store: Store, depth: Depth, actor: str) -> tuple[ProbeOutcome, int]:
    """Probe the store and return the outcome with the number of calls."""
    with (
        services.client(store, person=True) as client,
        services.stranger(store) as stranger,
        progress_bar(transient=True) as bar,
    ):
        task = bar.add_task("Probing", total=len(FACTS))

        def advance(_finding: FactFinding) -> None:
            bar.advance(task)

        outcome = probe_store(
            services.session(store.id, client),
            FACTS,
            stranger=stranger.connection,
            depth=depth,
            actor=actor,
            each=advance,
        )
        return outcome, client.calls + stranger.calls


def _show(outcome: ProbeOutcome, target: Path | None) -> None:
    table = list_table("switch", "setting", "what the store does")
    for finding in outcome.findings:
        table.add_row(finding.fact.switch, _setting(finding), finding.sentence())
    for switch, reason in UNLEARNABLE.items():
        table.add_row(switch, "", f"can't be learned here, because {reason}")
    out().print(table)
    learned = sum(finding.learned for finding in outcome.findings)
    out().print(
        f"Learned {learned} of {len(outcome.findings) + len(UNLEARNABLE)}; the ledger remembers them for this store."
    )
    if outcome.removed:
        out().print(f"An earlier probe had left {len(outcome.removed)} in the store; they are deleted now.")
    if outcome.unfinished:
        out().print(
            f'A probe was stopped midway. It may have left something called "{NAME}" in the store. '
            "To delete it, run: tillroll store probe --write"
        )
    if outcome.left:
        counts = ", ".join(f"{many} {kind}" for kind, many in _counted(outcome).items())
        out().print(
            f'Left in the store, called "{NAME}": {counts}. To delete them, run: tillroll store probe --write. '
            "Or delete them in the store's admin."
        )
    if target is not None:
        out().print(f"The report is in {target}.")


def _setting(finding: FactFinding) -> str:
    return "" if finding.setting is None else json.dumps(finding.setting)


def _counted(outcome: ProbeOutcome) -> dict[str, Any]:
    """Return how much is left of each kind."""
    kinds = [made.kind.value for made in outcome.left]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}
