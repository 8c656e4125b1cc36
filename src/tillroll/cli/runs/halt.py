"""`tillroll halt` and `restart`: stop and continue a run, or a whole campaign."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from tillroll.approve.halt import halt, halt_campaign, restart, restart_campaign
from tillroll.cli.codes.agreements import print_agreement
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, NOTE, PERSON, TARGET, is_run
from tillroll.cli.support.output import out, print_json
from tillroll.cli.support.people import require_person
from tillroll.cli.support.stores import chosen_store, for_store, require_run_of_chosen
from tillroll.ledger.queries.agreements import PendingAgreement


@click.command("halt")
@TARGET
@PERSON
@NOTE
@JSON
@for_store
def halt_command(target: str, email: str | None, note: str, as_json: bool) -> None:
    """Stop a run (its number) or a whole campaign (its name), unless it has ended.

    Sending and making codes stops at once; then the codes are paused in the store. A halted campaign starts no new runs.

    \b
    Example:
      tillroll halt winback --note "wrong price in the e-mail"
      tillroll halt 12 --note "wrong subject line"
    """
    halted = _apply(target, email, note, to_run=halt, to_campaign=halt_campaign)
    assert not isinstance(halted, PendingAgreement)  # noqa: S101 - one approver is always enough to halt
    if as_json:
        print_json({"halted": target, "runs": halted})
        return
    out().print(f"{_subject(target, halted)} halted. Nothing more is made or sent.")
    out().print("The worker pauses its codes next. See: tillroll codes changes")


@click.command("restart")
@TARGET
@PERSON
@NOTE
@JSON
@for_store
def restart_command(target: str, email: str | None, note: str, as_json: bool) -> None:
    """Continue a halted run or campaign where it stopped. This needs as many approvers as its plan did.

    The budgets are checked again. The codes are switched on first, then sending continues. A run that had not begun minting
    is planned and approved again.

    \b
    Example:
      tillroll restart winback --note "price corrected"
    """
    restarted = _apply(target, email, note, to_run=restart, to_campaign=restart_campaign)
    if isinstance(restarted, PendingAgreement):
        print_agreement(restarted, as_json=as_json)
    elif as_json:
        print_json({"restarted": target, "runs": restarted})
    else:
        out().print(f"{_subject(target, restarted)} restarted. The codes are switched on first.")


def _apply(
    target: str,
    email: str | None,
    note: str,
    *,
    to_run: Callable[..., object],
    to_campaign: Callable[..., list[int] | PendingAgreement],
) -> list[int] | PendingAgreement:
    """Halt or restart a run or a campaign; return the runs concerned, or who has agreed so far while more must."""
    with open_services() as services:
        request = {"person": require_person(services, email), "note": note, "now": services.clock.now()}
        if is_run(target):
            require_run_of_chosen(services, int(target))
            result = to_run(services.engine, run_id=int(target), **request)
            return result if isinstance(result, PendingAgreement) else [int(target)]
        store = chosen_store(services)
        return to_campaign(services.engine, store_id=store.id, campaign=target, **request)


def _subject(target: str, run_ids: Sequence[int]) -> str:
    """Return `Run 12 is`, or `Campaign winback is`, with its runs: `Campaign winback (runs 12, 13) is`."""
    if is_run(target):
        return f"Run {target} is"
    runs = f" ({'run' if len(run_ids) == 1 else 'runs'} {', '.join(map(str, run_ids))})" if run_ids else ""
    return f"Campaign {target}{runs} is"
