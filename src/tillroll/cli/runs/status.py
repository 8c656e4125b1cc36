"""`tillroll status`: the store, the campaigns, the open runs, and what was lately refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import click
from rich.console import Console
from rich.text import Text
from sqlalchemy.engine import Connection

from tillroll.campaign.figures.complaints import ComplaintRate
from tillroll.campaign.states import RUN_OPEN, RunState
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money
from tillroll.cli.data.crm import report_json, show_trouble
from tillroll.cli.privacy.privacy import request_json
from tillroll.cli.runs.faults import fault_json
from tillroll.cli.runs.send import hold_json
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON
from tillroll.cli.support.output import STATE_STYLE, list_table, local_clock, out, print_json
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.crm.sentences import load_report
from tillroll.ledger.consent.complaints import high_rates
from tillroll.ledger.engine import reading
from tillroll.ledger.faults.rows import list_faults
from tillroll.ledger.faults.sentences import say_fault
from tillroll.ledger.limits.kept import KeptLimit, list_limits
from tillroll.ledger.limits.said import limit_sentences
from tillroll.ledger.mirror.unread import UnreadRow, list_unread
from tillroll.ledger.people.notices import count_waiting
from tillroll.ledger.people.requests import open_requests
from tillroll.ledger.records import Store
from tillroll.send.hold import Hold
from tillroll.track.connect import CONNECTED
from tillroll.track.results.overview import (
    CampaignLine,
    RunLine,
    list_campaigns,
    list_runs,
)
from tillroll.track.results.progress import Progress, progress_of_runs

_MOST_UNREAD = 20
_MOST_REFUSED = 10
_A_WEEK = timedelta(days=7)


@click.command()
@JSON
@for_store
def status(as_json: bool) -> None:
    """Show the store, the campaigns, the runs that aren't over, and those that were refused within a week.

    \b
    Example:
      tillroll status
      tillroll status --json
    """
    with open_services() as services:
        store = chosen_store(services)
        with reading(services.engine) as connection:
            campaigns = list_campaigns(connection, store, services.clock.now())
            runs = list_runs(connection, store.id, states=RUN_OPEN, limit=50)
            runs += _lately_refused(connection, store.id, services.clock.now())
            progress = progress_of_runs(connection, [run.run_id for run in runs])
            unread = list_unread(connection, store.id, limit=_MOST_UNREAD + 1)
            asked = open_requests(connection, store.id)
            faults = list_faults(connection, store.id, now=services.clock.now())
            held = services.holds_of(connection, store.ecwid_id)
            complaints = high_rates(connection, store.id, services.clock.now())
            limits = [one for one in list_limits(connection, store.id) if one.warned_for == one.bar]
            untold = count_waiting(connection, store.id)
            crm = load_report(connection, store.id)
    if as_json:
        body = _status_json(store, campaigns, runs, progress)
        told = {
            "unread": [row.sentence for row in unread[:_MOST_UNREAD]],
            "privacy_requests": [request_json(request) for request in asked],
            "holds": [hold_json(one) for one in held],
            "complaints": [_rate_json(rate) for rate in complaints],
            "limits": [_limit_json(one) for one in limits],
            "notices_waiting": untold,
            "crm": report_json(crm) if crm is not None else None,
        }
        print_json({**body, **told, "faults": [fault_json(fault) for fault in faults]})
        return
    console = out()
    _show_store(console, store)
    _show_held(console, held, untold)
    if crm is not None:
        show_trouble(console, crm, store)
    for request in asked:
        console.print(Text(f"Privacy: {request.sentence}", style="yellow"), soft_wrap=True)
    _show_complaints(console, complaints)
    _show_limits(console, limits, store)
    _show_unread(console, unread)
    _show_campaigns(console, campaigns, store)
    _show_runs(console, runs, progress)
    for fault in faults:
        console.print(Text(f"{fault.reference}: {say_fault(fault)}", style="red"), soft_wrap=True)


def _lately_refused(connection: Connection, store_id: int, now: datetime) -> list[RunLine]:
    """Return the runs that a guardrail refused within a week: their owners may be waiting for them."""
    refused = list_runs(connection, store_id, states={RunState.REFUSED}, limit=_MOST_REFUSED)
    return [run for run in refused if run.changed_at > now - _A_WEEK]


def _status_json(
    store: Store,
    campaigns: Sequence[CampaignLine],
    runs: Sequence[RunLine],
    progress: Mapping[int, Progress],
) -> dict[str, Any]:
    return {
        "store": {"id": store.ecwid_id, "name": store.name, "state": store.state, "reason": store.reason},
        "campaigns": [
            {
                "name": campaign.name,
                "status": campaign.status,
                "next_at": campaign.next_at,
                "waiting": campaign.waiting,
                "offer": campaign.offer,
            }
            for campaign in campaigns
        ],
        "runs": [_run_json(run, progress[run.run_id]) for run in runs],
    }


def _rate_json(rate: ComplaintRate) -> dict[str, Any]:
    return {
        "campaign": rate.campaign,
        "complaints": rate.complaints,
        "sent": rate.sent,
        "level": rate.level.value,
    }


def _limit_json(limit: KeptLimit) -> dict[str, Any]:
    return {
        "campaign": limit.campaign,
        "limit": limit.kind.value,
        "bar": str(limit.bar),
        "figure": str(limit.figure),
        "paused_at": limit.paused_at,
        "resumed_at": limit.resumed_at,
    }


def _run_json(run: RunLine, progress: Progress) -> dict[str, Any]:
    return {
        "run": run.run_id,
        "campaign": run.campaign,
        "state": run.state.value,
        "reason": run.reason,
        "codes_planned": progress.planned,
        "codes_live": progress.codes_live,
        "messages_sent": progress.messages_sent,
        "messages_held": progress.messages_held,
        "clicked": progress.clicked,
        "redemptions": progress.redemptions,
    }


def _show_store(console: Console, store: Store) -> None:
    connected = store.state == CONNECTED
    name = store.name or f"store {store.ecwid_id}"
    mark = ("● ", "green") if connected else ("● ", "bold red")
    console.print(Text.assemble(mark, (name, "bold"), f"  {store.state}  ·  times in {store.timezone}"))
    if store.reason:
        console.print(Text(f"  {store.reason}", style="yellow" if connected else "red"), soft_wrap=True)
    console.print()


def _show_held(console: Console, held: Sequence[Hold], untold: int) -> None:
    """Tell which transports take no e-mails, and how many notices wait."""
    for hold in held:
        console.print(Text(hold.sentence, style="red"), soft_wrap=True)
    if untold:
        waiting = f"{count_of(untold, 'notice')} to people of the shop can't leave by e-mail yet."
        console.print(Text(waiting, style="yellow"), soft_wrap=True)


def _show_complaints(console: Console, complaints: Sequence[ComplaintRate]) -> None:
    for rate in complaints:
        console.print(Text(f"Campaign {rate.campaign}: {rate.sentence}", style="yellow"), soft_wrap=True)


def _show_limits(console: Console, limits: Sequence[KeptLimit], store: Store) -> None:
    """Tell which campaigns are near a limit, or have reached one."""
    for limit in limits:
        for sentence in limit_sentences(limit, store.currency):
            console.print(Text(f"{sentence}.", style="yellow"), soft_wrap=True)


def _show_unread(console: Console, unread: Sequence[UnreadRow]) -> None:
    """Tell what of the store can't be read, and so is missing in every plan."""
    if not unread:
        return
    console.print(Text("In the store, these can't be read; correct them there:", style="yellow"))
    for row in unread[:_MOST_UNREAD]:
        console.print(Text(f"  {row.sentence}"), soft_wrap=True)
    if len(unread) > _MOST_UNREAD:
        console.print("  … and more")
    console.print()


def _show_campaigns(console: Console, campaigns: Sequence[CampaignLine], store: Store) -> None:
    table = list_table("campaign", "status", "schedule", "next run", "offer")
    for campaign in campaigns:
        upcoming = local_clock(campaign.next_at, store.timezone) if campaign.next_at else "–"
        if campaign.waiting:
            upcoming = f"{count_of(campaign.waiting, 'customer')} in the flow"
        table.add_row(campaign.name, campaign.status, campaign.when, upcoming, campaign.offer)
    console.print(table)
    console.print()


def _show_runs(console: Console, runs: Sequence[RunLine], progress: Mapping[int, Progress]) -> None:
    if not runs:
        console.print("No runs are open.")
        return
    table = list_table("run", "campaign", "state", "codes live", "sent", "used", "worst case")
    for run in runs:
        counts = progress[run.run_id]
        table.add_row(
            str(run.run_id),
            run.campaign,
            Text(run.state.value, style=STATE_STYLE.get(run.state, "")),
            f"{counts.codes_live}/{counts.planned}",
            str(counts.messages_sent),
            str(counts.redemptions),
            say_money(run.worst_case, run.currency) if run.worst_case is not None else "–",
        )
    console.print(table)
    for run in runs:
        if run.reason:
            console.print(Text(f"run {run.run_id}: {run.reason}", style="yellow"), soft_wrap=True)
