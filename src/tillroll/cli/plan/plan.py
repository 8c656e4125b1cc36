"""`tillroll plan`: what a run of a campaign would do, now or at another moment. Nothing changes in the ledger
or the store, and nothing is sent."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from tillroll.campaign import Revision
from tillroll.campaign.text.findings import nearest
from tillroll.campaign.text.units import parse_wall_time
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.moments import say_both_moments, wall_fault
from tillroll.cli.plan.event_show import show_flow_preview
from tillroll.cli.plan.html_file import as_html, event_as_html
from tillroll.cli.plan.json_output import as_json_object, event_as_json_object
from tillroll.cli.plan.mails import mails_of, mails_of_steps
from tillroll.cli.plan.show import show_preview
from tillroll.cli.support.opening import open_services, read_campaigns, require_customers
from tillroll.cli.support.output import out, print_json, write_file
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import FaultyFiles, NotFound, Refused
from tillroll.ledger.records import Store
from tillroll.outlook.flow_preview import FlowPreview, preview_flow
from tillroll.outlook.plan_preview import PlanPreview, PreviewRequest, preview_plan
from tillroll.plan.due.pool import only_fills_pool
from tillroll.send.trouble import say_nothing_leaves
from tillroll.wiring import Services

_FARTHEST = timedelta(days=3_660)


@dataclass(frozen=True, kw_only=True)
class _Presentation:
    """A plan in its three forms, each made when it is asked for."""

    page: Callable[[datetime], str]
    json: Callable[[], dict[str, Any]]
    show: Callable[[], None]
    refused: bool


@click.command()
@click.argument("name")
@click.option(
    "--at",
    metavar="TIME",
    help="Plan for this moment: 2026-12-01 09:00 by the store's clock, or with a time zone (…+01:00, …Z).",
)
@click.option(
    "--to",
    multiple=True,
    metavar="EMAIL",
    help="Show this recipient's e-mail; may be repeated. Default: the e-mails of three recipients.",
)
@click.option(
    "--language",
    default="",
    metavar="LANGUAGE",
    help="Show the e-mails as readers of this language get them, like de. Default: each in the recipient's language.",
)
@click.option(
    "--html",
    "target",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Write one HTML file to share, e-mails included; - is stdout.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan as one JSON object.")
@for_store
def plan(
    name: str, at: str | None, to: tuple[str, ...], language: str, target: Path | None, as_json: bool
) -> None:
    """Show what a run of the campaign NAME would do: who, what, when, at what cost. Nothing changes in the ledger
    or the store, and nothing is sent.

    Customers are read from the ledger's copy, which the worker keeps up to date. With --at, the plan is for that moment, but
    with today's customers.

    A campaign that waits for events is shown for the latest event, or for a made-up one: each step of its flow, what
    it costs per event and in a usual week. With --to, it is shown for these customers.

    \b
    Example:
      tillroll plan winback
      tillroll plan winback --at "2026-12-01 09:00"
      tillroll plan winback --to eva@mail.example --html winback.html
      tillroll plan winback --language de
      tillroll plan abandoned-cart
    """
    if target is not None and as_json:
        raise click.UsageError("Give --html or --json, not both.")
    with open_services() as services:
        store = chosen_store(services)
        revision = current_revision(services, store, name)
        require_customers(store)
        now = services.clock.now()
        presentation = _look_ahead(services, store, revision, now, at=at, to=to, language=language)
    if target is not None:
        _write(target, presentation.page(now))
    elif as_json:
        print_json(presentation.json())
    else:
        presentation.show()
        if services.settings.mail_of(store.ecwid_id).via is None:
            out().print(f"\n{say_nothing_leaves()}", style="yellow")
    if presentation.refused:
        raise click.exceptions.Exit(1)


def _look_ahead(
    services: Services,
    store: Store,
    revision: Revision,
    now: datetime,
    *,
    at: str | None,
    to: tuple[str, ...],
    language: str,
) -> _Presentation:
    """Make the plan of a run, or of each step of a flow, ready to be shown."""
    request = PreviewRequest(
        engine=services.engine,
        store=store,
        revision=revision,
        now=now,
        at=parse_moment(at, zone_of(store.timezone), now) if at is not None else None,
        to=to,
        per_minute=services.settings.requests_per_minute,
        has_links=bool(services.links),
        transport=services.transport_of(store.ecwid_id).name,
    )
    if revision.campaign.when.on is not None and not only_fills_pool(revision.campaign):
        return _present_event(preview_flow(request), store, language)
    return _present_run(preview_plan(request), store, language)


def _present_run(preview: PlanPreview, store: Store, language: str) -> _Presentation:
    mails = mails_of(preview, store, language)
    return _Presentation(
        page=lambda made_at: as_html(preview, mails, made_at=made_at),
        json=lambda: as_json_object(preview, mails),
        show=lambda: show_preview(out(), preview, mails),
        refused=bool(preview.proposal.refusals),
    )


def _present_event(preview: FlowPreview, store: Store, language: str) -> _Presentation:
    mails = mails_of_steps(preview, store, language)
    return _Presentation(
        page=lambda made_at: event_as_html(preview, mails, made_at=made_at),
        json=lambda: event_as_json_object(preview, mails),
        show=lambda: show_flow_preview(out(), preview, mails),
        refused=any(step.preview.proposal.refusals for step in preview.steps),
    )


def current_revision(services: Services, store: Store, name: str) -> Revision:
    """Return the campaign's current files. Raises `FaultyFiles` or `NotFound`, with the names that there are."""
    book = read_campaigns(services, store)
    revision = book.revisions.get(name)
    if revision is not None:
        return revision
    if name in book.faulty:
        lines = tuple(finding.render() for finding in book.findings)
        raise FaultyFiles(f"The files of campaign {name!r} have faults.", lines=lines)
    guess = nearest(name, book.revisions)
    near = f" (did you mean {guess}?)" if guess else ""
    names = ", ".join(sorted(book.revisions)) or "none"
    raise NotFound(f"There is no campaign {name!r}{near}. Campaigns: {names}.")


def parse_moment(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return a moment in UTC, read by the clock of `zone` unless the text names one.

    Raises `Refused`, with a correct form in its hint, for other text, for the past, and for more than ten years ahead.
    """
    text = text.strip()
    at = _parse(text, zone)
    if at < now - timedelta(minutes=1):
        raise Refused(
            f"{text} is in the past.",
            hint="Only future runs can be planned, since the customers are known as they are now. For now, leave --at out.",
        )
    if at > now + _FARTHEST:
        raise Refused(f"{text} is more than ten years away.", hint="Give an earlier moment.")
    return at


def _parse(text: str, zone: ZoneInfo) -> datetime:
    try:
        with_zone = datetime.fromisoformat(text)
    except ValueError:
        with_zone = None
    if with_zone is not None and with_zone.tzinfo is not None:
        return with_zone.astimezone(UTC)
    try:
        wall = parse_wall_time(text, clock="by the store's clock")
    except ValueError as fault:
        raise Refused(
            f"--at: {fault}.",
            hint=f"The store's clock is in {zone.key}; for another zone write 2026-11-27T09:00+01:00, or …Z for UTC.",
        ) from None
    if unclear := wall_fault(wall, zone):
        raise Refused(f"--at: {unclear}.", hint=f"Say which moment you mean: {say_both_moments(wall, zone)}.")
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _write(target: Path, page: str) -> None:
    if str(target) == "-":
        sys.stdout.write(page)
        return
    content = page.encode()
    write_file(target, content)
    out().print(
        f"Wrote {target} ({len(content) / 1024:.0f} kB). It contains everything it needs.", soft_wrap=True
    )
