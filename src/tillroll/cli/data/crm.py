"""`tillroll crm`: how the push to a CRM stands, pushing at once, and pushing again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from tillroll.campaign.language.crm import say_target
from tillroll.campaign.text.clean import clean_line
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.moments import say_local
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services, read_campaigns
from tillroll.cli.support.options import JSON, PERSON
from tillroll.cli.support.output import facts_table, list_table, local_time, out, print_json, say
from tillroll.cli.support.ownership import check_ownership_if_reachable
from tillroll.cli.support.people import require_approver
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.crm.sentences import PushReport, load_report
from tillroll.crm.turn import tell_crm
from tillroll.errors import Conflict, FaultyFiles, Refused
from tillroll.ledger import audit
from tillroll.ledger.crm.events import CrmEvent, set_aside_events
from tillroll.ledger.crm.replay import (
    begin_anew,
    end_pause,
    remove_told,
    tell_again_since,
    tell_set_aside,
)
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.locks.store_lock import store_lock
from tillroll.ledger.records import Store
from tillroll.loop.crm import crm_access
from tillroll.wiring import Services

_SLICE = timedelta(seconds=60)
_PIECE = 5_000
_MOST_SHOWN = 20
_START = "start"
_ACTION = "push changes to the CRM"


@click.group(cls=Family)
def crm() -> None:
    """Show what a CRM was told, push at once, or push again.

    \b
    Example:
      tillroll crm status
    """


@crm.command("status")
@JSON
@for_store
def status_command(as_json: bool) -> None:
    """Show how far the push of rules/crm.yaml has come, and what was refused.

    \b
    Example:
      tillroll crm status
      tillroll crm status --json
    """
    with open_services() as services:
        store = chosen_store(services)
        with reading(services.engine) as connection:
            report = load_report(connection, store.id)
            aside = set_aside_events(connection, store.id, most=_MOST_SHOWN)
    if as_json:
        body = report_json(report) if report is not None else None
        print_json({"crm": body, "set_aside": [_event_json(event) for event in aside]})
    elif report is None:
        out().print("Nothing is pushed to a CRM: add rules/crm.yaml, and let the worker run (tillroll up).")
    else:
        _show(out(), report, aside, store)


@crm.command("push")
@PERSON
@JSON
@for_store
def push_command(email: str | None, as_json: bool) -> None:
    """Push what waits at once, for a minute at most, also while the push rests after the CRM refused it.

    \b
    Example:
      tillroll crm push
    """
    with open_services() as services:
        store = chosen_store(services)
        person = require_approver(services, email, store.id, _ACTION)
        check_ownership_if_reachable(services, store)
        now = services.clock.now()
        with store_lock(services.engine, store.id, name="crm") as held:
            if not held:
                raise _pushing_now()
            with writing(services.engine) as connection:
                end_pause(connection, store.id)
                _note(connection, "crm.pushed", person.email, store, {}, now)
        _push(services, store, until=now + _SLICE)
        with reading(services.engine) as connection:
            report = load_report(connection, store.id)
    waiting = report.counts.waiting if report is not None else 0
    trouble = report.state.trouble if report is not None else ""
    words = "Everything is pushed."
    if waiting:
        words = f"Waiting: {count_of(waiting, 'change')}{f', because {trouble}' if trouble else ''}."
    say({"waiting": waiting, "trouble": trouble}, words, as_json=as_json)


@crm.command("replay")
@click.option(
    "--from", "start", metavar="MOMENT", default="", help="Like 2026-11-30 or 2026-11-30T08:00; or `start`."
)
@click.option("--set-aside", is_flag=True, help="What the CRM refused several times.")
@PERSON
@JSON
@for_store
def replay_command(start: str, set_aside: bool, email: str | None, as_json: bool) -> None:
    """Push again what the CRM took since a moment, with the same ids, or what it refused. The worker does it at its next turn.

    `--from start` tells everything anew, as if the feed began now.

    \b
    Example:
      tillroll crm replay --from 2026-11-30
      tillroll crm replay --set-aside
    """
    if set_aside == bool(start):
        raise Refused("Say what to push again.", hint="Give --from MOMENT, or --set-aside.")
    with open_services() as services:
        store = chosen_store(services)
        person = require_approver(services, email, store.id, _ACTION)
        since = None if set_aside or start == _START else _moment(start, store)
        with store_lock(services.engine, store.id, name="crm") as held:
            if not held:
                raise _pushing_now()
            count = _replay(services, store, since, person.email, set_aside=set_aside)
    words = (
        "Everything is told anew." if count is None else f"{count_of(count, 'change')} will be pushed again."
    )
    say({"events": count}, words, as_json=as_json)


def _replay(
    services: Services, store: Store, since: datetime | None, person: str, *, set_aside: bool
) -> int | None:
    """Have events told again. Returns how many; None: all of them."""
    engine, now = services.engine, services.clock.now()
    anew = not set_aside and since is None
    removed = anew
    while removed:
        with writing(engine) as connection:
            removed = bool(remove_told(connection, store.id, most=_PIECE))
    count: int | None = None
    with writing(engine) as connection:
        if anew:
            begin_anew(connection, store.id, now)
        elif since is not None:
            count = tell_again_since(connection, store.id, since)
        else:
            count = tell_set_aside(connection, store.id)
        end_pause(connection, store.id)
        body = {"from": since.isoformat() if since else _START if anew else "set aside", "events": count}
        _note(connection, "crm.replayed", person, store, body, now)
    return count


def _push(services: Services, store: Store, *, until: datetime) -> None:
    book = read_campaigns(services, store)
    if book.crm_unreadable:
        lines = tuple(finding.render() for finding in book.findings)
        raise FaultyFiles("rules/crm.yaml has faults.", lines=lines, hint="Correct it: tillroll check")
    tell_crm(
        services.engine,
        store,
        book.crm,
        crm_access(services.settings),
        clock=services.clock,
        finished=lambda: services.clock.now() > until,
    )


def _note(
    connection: Any, action: str, person: str, store: Store, body: dict[str, Any], now: datetime
) -> None:
    audit.record(
        connection, at=now, actor=person, action=action, subject=f"store {store.ecwid_id}", body=body
    )


def _pushing_now() -> Conflict:
    return Conflict("The worker pushes to the CRM right now.", hint="Try again in a few seconds.")


def _moment(text: str, store: Store) -> datetime:
    """Return a moment by the store's clock, unless it says its own zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(
            f"{clean_line(text)!r} is no moment.",
            hint="Write --from 2026-11-30, --from 2026-11-30T08:00, or --from start",
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone_of(store.timezone))


def report_json(report: PushReport) -> dict[str, Any]:
    """Return how the push stands as JSON output has it."""
    state = report.state
    return {
        "target": say_target(state.target) if state.target else "",
        "what": [feed.kind.value for feed in report.feeds],
        "history_of": list(report.reading_history),
        "waiting": report.counts.waiting,
        "set_aside": report.counts.set_aside,
        "last_sequence": state.last_sequence,
        "last_batch": state.last_batch,
        "taken_at": state.taken_at,
        "trouble": state.trouble,
        "trouble_since": state.trouble_since,
        "next_try": state.not_before,
    }


def show_trouble(console: Console, report: PushReport, store: Store) -> None:
    """Print what is in the way of the push; nothing, if all is well."""
    for sentence in report.sentences(lambda at: say_local(at, zone_of(store.timezone))):
        console.print(Text(sentence, style="red"), soft_wrap=True)


def _event_json(event: CrmEvent) -> dict[str, Any]:
    return {
        "id": event.event_key,
        "type": event.change,
        "subject": event.subject,
        "customer": event.customer_id,
        "reason": event.reason,
    }


def _show(console: Console, report: PushReport, aside: list[CrmEvent], store: Store) -> None:
    state = report.state
    rows = {
        "to": say_target(state.target) if state.target else "–",
        "what": ", ".join(feed.kind.value for feed in report.feeds),
        "waiting": f"{report.counts.waiting:,}",
        "last taken": local_time(state.taken_at, store.timezone) if state.taken_at else "–",
    }
    if report.reading_history:
        rows["history"] = f"still being told: {', '.join(report.reading_history)}"
    console.print(facts_table(rows))
    show_trouble(console, report, store)
    if aside:
        table = list_table("set aside", "of", "customer", "reason")
        for event in aside:
            customer = str(event.customer_id) if event.customer_id is not None else "–"
            subject = event.subject if event.kind != "consent" else "–"
            table.add_row(event.change, Text(subject), customer, Text(event.reason))
        console.print(table)
