"""`tillroll halt` and `restart`: a run, or a whole campaign."""

from __future__ import annotations

from collections.abc import Callable

import click

from tillroll.approve.halt import halt, halt_campaign, restart, restart_campaign
from tillroll.cli.changes import JSON, NOTE, TARGET, WHO, person_named, say_waits
from tillroll.cli.opening import services
from tillroll.cli.show import is_run, out, say_json
from tillroll.cli.stores import for_store, the_store
from tillroll.ledger.agreements import Agreed
from tillroll.ledger.engine import reading


@click.command("halt")
@TARGET
@WHO
@NOTE
@JSON
@for_store
def halt_command(target: str, email: str, note: str, as_json: bool) -> None:
    """Stop a run by its number, or a whole campaign by its name, wherever it is.

    Sending and making codes stops at once; then the codes are paused in the store. A halted campaign makes no new runs.

    \b
    Example:
      tillroll halt winback --as ana@shop.example --note "wrong price in the e-mail"
      tillroll halt 12 --as ana@shop.example --note "wrong subject line"
    """
    stopped = _carry_out(target, email, note, run=halt, campaign=halt_campaign)
    assert not isinstance(stopped, Agreed)  # noqa: S101 - anybody who may decide may stop
    if as_json:
        say_json({"halted": target, "runs": stopped})
        return
    what = f"Run {target}" if is_run(target) else f"Campaign {target}"
    out().print(f"{what} is halted{_named(stopped, target)}. Nothing more is made or sent.")
    out().print("The worker pauses its codes. See: tillroll codes changes")


@click.command("restart")
@TARGET
@WHO
@NOTE
@JSON
@for_store
def restart_command(target: str, email: str, note: str, as_json: bool) -> None:
    """Let a halted run, or a halted campaign, go on where it stood. It takes as many different approvers as its plan did.

    It is held against the budgets. Its codes are switched on first, then sending goes on. A run that hadn't begun is
    planned and approved anew.

    \b
    Example:
      tillroll restart winback --as ana@shop.example --note "price is right now"
    """
    taken_up = _carry_out(target, email, note, run=restart, campaign=restart_campaign)
    if isinstance(taken_up, Agreed):
        say_waits(taken_up, as_json=as_json)
        return
    if as_json:
        say_json({"restarted": target, "runs": taken_up})
        return
    what = f"Run {target}" if is_run(target) else f"Campaign {target}"
    out().print(f"{what} goes on{_named(taken_up, target)}. Its codes are switched on first.")


def _carry_out(
    target: str,
    email: str,
    note: str,
    *,
    run: Callable[..., object],
    campaign: Callable[..., list[int] | Agreed],
) -> list[int] | Agreed:
    """A person's word on one run, or on a whole campaign: which runs it was about, or whose words it waits for."""
    with services() as parts:
        word = {"person": person_named(parts, email), "note": note, "now": parts.clock.now()}
        if is_run(target):
            done = run(parts.engine, run_id=int(target), **word)
            return done if isinstance(done, Agreed) else [int(target)]
        with reading(parts.engine) as connection:
            store_id = the_store(connection).id
        return campaign(parts.engine, store_id=store_id, campaign=target, **word)


def _named(numbers: list[int], target: str) -> str:
    """The runs that are meant, when a campaign was named."""
    if is_run(target):
        return ""
    return f", and with it {', '.join(f'run {one}' for one in numbers)}" if numbers else ""
