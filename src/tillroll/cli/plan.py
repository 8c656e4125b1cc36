"""`tillroll plan`: what a run of a campaign would do, now or at another moment. Nothing is written, nothing is sent."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import sqlalchemy as sa

from tillroll.campaign import Revision, read_book
from tillroll.campaign.text.findings import nearest
from tillroll.campaign.text.units import parse_wall_time
from tillroll.campaign.timing.moments import say_meant, wall_fault
from tillroll.cli.opening import services
from tillroll.cli.plan_event_show import show_event_outlook
from tillroll.cli.plan_file import as_html, event_as_html
from tillroll.cli.plan_json import as_json_object, event_as_json_object
from tillroll.cli.plan_mails import mails_of, mails_of_steps
from tillroll.cli.plan_show import show_outlook
from tillroll.cli.show import out, say_json
from tillroll.cli.stores import for_store, the_store
from tillroll.errors import FaultyFiles, NotFound, Refused
from tillroll.ledger.engine import reading
from tillroll.plan.events.outlook import EventOutlook, look_ahead_of_event
from tillroll.plan.outlook import Outlook, look_ahead
from tillroll.plan.pool import only_fills_pool
from tillroll.wiring import Services

_FARTHEST = timedelta(days=3_660)


@click.command()
@click.argument("name")
@click.option(
    "--at",
    metavar="TIME",
    help="Plan as of this moment: 2026-12-01 09:00 by the store's clock, or with a zone of its own (…+01:00, …Z).",
)
@click.option(
    "--to",
    multiple=True,
    metavar="EMAIL",
    help="Show the e-mail of this recipient; may be given several times. Without it: of three of them.",
)
@click.option(
    "--html",
    "target",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Write it as one file to hand round, e-mails and all; - is stdout.",
)
@click.option("--json", "as_json", is_flag=True, help="The plan as one JSON object.")
@for_store
def plan(name: str, at: str | None, to: tuple[str, ...], target: Path | None, as_json: bool) -> None:
    """Show what a run of the campaign NAME would do: who, what, when, for how much. Nothing is written, nothing is sent.

    It reads the ledger's mirror of the store's customers, which the worker keeps. With --at, times are worked out for that
    moment, with the customers as they are known now.

    A campaign that waits for events is shown by what happened last, or by a made-up sample: each step of its flow, what that
    costs each time, and in a usual week. With --to, by this customer.

    \b
    Example:
      tillroll plan winback
      tillroll plan winback --at "2026-12-01 09:00"
      tillroll plan winback --to eva@mail.example --html winback.html
      tillroll plan abandoned-cart
    """
    if target is not None and as_json:
        raise click.UsageError("Give --html or --json, not both.")
    with services() as parts:
        with reading(parts.engine) as connection:
            store = the_store(connection)
        revision = _revision(parts, name, store.ecwid_id)
        if store.customers_at is None:
            raise Refused(
                "The store's customers haven't been read yet.",
                hint="Start the worker once: tillroll worker (or up).",
            )
        now = parts.clock.now()
        asked: dict[str, Any] = {
            "store": store,
            "revision": revision,
            "now": now,
            "at": moment(at, ZoneInfo(store.timezone), now) if at is not None else None,
            "to": to,
            "per_minute": parts.settings.requests_per_minute,
        }
        if revision.campaign.when.on is not None and not only_fills_pool(revision.campaign):
            shown = _of_event(look_ahead_of_event(parts.engine, **asked), store)
        else:
            shown = _of_run(look_ahead(parts.engine, **asked), store)
    if target is not None:
        _write(target, shown.page(now))
    elif as_json:
        say_json(shown.json())
    else:
        shown.at_terminal()
    if shown.refused:
        raise click.exceptions.Exit(1)


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """A plan in its three forms."""

    page: Callable[[datetime], str]
    json: Callable[[], dict[str, Any]]
    at_terminal: Callable[[], None]
    refused: bool


def _of_run(found: Outlook, store: sa.Row[Any]) -> _Shown:
    mails = mails_of(found, store)
    return _Shown(
        page=lambda made_at: as_html(found, mails, made_at=made_at),
        json=lambda: as_json_object(found, mails),
        at_terminal=lambda: show_outlook(out(), found, mails),
        refused=bool(found.proposal.refusals),
    )


def _of_event(found: EventOutlook, store: sa.Row[Any]) -> _Shown:
    mails = mails_of_steps(found, store)
    return _Shown(
        page=lambda made_at: event_as_html(found, mails, made_at=made_at),
        json=lambda: event_as_json_object(found, mails),
        at_terminal=lambda: show_event_outlook(out(), found, mails),
        refused=any(one.found.proposal.refusals for one in found.steps),
    )


def _revision(parts: Services, name: str, ecwid_id: int) -> Revision:
    book = read_book(parts.settings.folder, environment=parts.settings.environment, store=ecwid_id)
    revision = book.revisions.get(name)
    if revision is not None:
        return revision
    if name in book.faulty:
        lines = tuple(finding.render() for finding in book.findings)
        raise FaultyFiles(f"The files of campaign {name!r} have faults.", lines=lines)
    word = nearest(name, book.revisions)
    near = f" (did you mean {word}?)" if word else ""
    there = ", ".join(sorted(book.revisions)) or "none"
    raise NotFound(f"There is no campaign {name!r}{near}; there are {there}.")


def moment(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The moment (UTC) that somebody wrote, by the store's clock where they name no zone. `Refused` with a right form."""
    at = _parsed(text.strip(), zone)
    if at < now - timedelta(minutes=1):
        raise Refused(
            f"{text.strip()} has passed.",
            hint="The customers are known as they are now, so only what is to come can be planned. Leave --at out for now.",
        )
    if at > now + _FARTHEST:
        raise Refused(f"{text.strip()} is more than ten years away.", hint="Give a moment that is nearer.")
    return at


def _parsed(text: str, zone: ZoneInfo) -> datetime:
    try:
        with_zone = datetime.fromisoformat(text)
    except ValueError:
        with_zone = None
    if with_zone is not None and with_zone.tzinfo is not None:
        return with_zone.astimezone(UTC)
    try:
        wall = parse_wall_time(text)
    except ValueError as fault:
        reason = str(fault).replace(" (in the campaign's time zone)", "")
        hint = f"The store's clock is {zone.key}; another one is named like 2026-11-27T09:00+01:00, or …Z for UTC."
        raise Refused(f"--at: {reason}.", hint=hint) from None
    if unclear := wall_fault(wall, zone):
        raise Refused(f"--at: {unclear}.", hint=f"Say which moment is meant: {say_meant(wall, zone)}.")
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _write(target: Path, page: str) -> None:
    if str(target) == "-":
        sys.stdout.write(page)
        return
    try:
        target.write_text(page, encoding="utf-8")
    except OSError as fault:
        raise Refused(
            f"{target} can't be written: {fault.strerror}.", hint="Give a file in a folder that is there."
        ) from None
    out().print(
        f"Written: {target} ({len(page.encode()) / 1024:.0f} kB). It needs nothing else to be read.",
        soft_wrap=True,
    )
