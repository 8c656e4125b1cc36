"""`tillroll segment`: whom a segment selects: in words, in figures, and a sample of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tillroll.campaign import Book, Finding
from tillroll.campaign.segments.segment import lists_of
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.findings import nearest
from tillroll.campaign.text.money import say_money
from tillroll.campaign.text.percent import say_percent
from tillroll.campaign.text.zones import zone_of
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services, read_campaigns
from tillroll.cli.support.options import JSON
from tillroll.cli.support.output import facts_table, local_time, out, print_json
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import FaultyFiles, NotFound
from tillroll.ledger.records import Store
from tillroll.plan.segments.look import SegmentPreview, preview_segment
from tillroll.wiring import Services

_FOLDER = "rules/segments/"
_NARROW = 80  # columns


@click.group(cls=Family)
def segment() -> None:
    """Segments: the named rules that say who a campaign is for.

    \b
    Example:
      tillroll segment list
      tillroll segment show lapsed-90
    """


@segment.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line, one for each segment.")
@for_store
def list_command(as_json: bool) -> None:
    """Count every segment of rules/segments/ in the ledger's copy of the store, and describe it in a sentence.

    Faulty files are reported too; the exit code is then 1.

    \b
    Example:
      tillroll segment list
    """
    with open_services() as services:
        book, store, now = _read(services)
        looks = [
            preview_segment(services.engine, store=store, book=book, name=name, now=now, most=0)
            for name in sorted(book.segments)
            if not _faults(book, name)
        ]
    faults = [finding for finding in book.findings if finding.file.startswith((_FOLDER, "rules/lists/"))]
    if as_json:
        for look in looks:
            print_json(look.to_json())
        for fault in faults:
            print_json({"fault": fault.to_json()})
    else:
        _show_list(out(), looks, faults, store.timezone)
    if faults:
        raise click.exceptions.Exit(1)


@segment.command()
@click.argument("name")
@click.option(
    "--sample", default=5, show_default=True, type=click.IntRange(0, 50), help="How many customers to show."
)
@JSON
@for_store
def show(name: str, sample: int, as_json: bool) -> None:
    """Show whom the segment NAME selects: its sentence, how many customers, how many accept e-mails, and a sample.

    It counts in the ledger's copy of the store, which the worker keeps, and says how old that is. Addresses are masked.

    \b
    Example:
      tillroll segment show lapsed-90
      tillroll segment show lapsed-90 --sample 20 --json
    """
    with open_services() as services:
        book, store, now = _read(services)
        _refuse_faulty(book, name)
        look = preview_segment(services.engine, store=store, book=book, name=name, now=now, most=sample)
    if as_json:
        print_json(look.to_json())
    else:
        _show(out(), look, store.timezone)


def _read(services: Services) -> tuple[Book, Store, datetime]:
    store = chosen_store(services)
    return read_campaigns(services, store), store, services.clock.now()


def _faults(book: Book, name: str) -> list[Finding]:
    """Return the faults of a segment's file and of the lists it uses."""
    files = {f"{_FOLDER}{name}.yaml", f"{_FOLDER}{name}.yml"}
    if name in book.segments:
        files |= {f"rules/lists/{list_name}.csv" for list_name in lists_of([book.segments[name]])}
    return [finding for finding in book.findings if finding.file in files]


def _refuse_faulty(book: Book, name: str) -> None:
    if faults := _faults(book, name):
        lines = tuple(finding.render() for finding in faults)
        raise FaultyFiles(f"The segment {name!r} has faults.", lines=lines)
    if name not in book.segments:
        guess = nearest(name, book.segments)
        near = f" (did you mean {guess}?)" if guess else ""
        names = ", ".join(sorted(book.segments)) or "none"
        raise NotFound(f"There is no segment {name!r}{near}. Segments: {names}.")


def _show(console: Console, look: SegmentPreview, zone: str) -> None:
    console.print(Text.assemble((look.title, "bold"), f"  ·  {look.name}"))
    share = ""
    if look.customers:
        share = f" ({say_percent(round(100 * look.count / look.customers, 1))} of {look.customers:,})"
    console.print(
        facts_table(
            {
                "who": look.sentence,
                "count": f"{count_of(look.count, 'customer')}{share}",
                "reachable": f"{look.agreed:,} accept{'s' if look.agreed == 1 else ''} e-mails and"
                f" {'has' if look.agreed == 1 else 'have'} an address",
                "used by": ", ".join(look.used_by) or "no campaign",
                "as of": _age(look, zone),
            }
        )
    )
    for reason in look.untold:
        console.print(
            Text.assemble(("! ", "bold yellow"), f"Warning: these figures are incomplete: {reason}.")
        )
    for clause in look.unknown_names:
        console.print(Text.assemble(("! ", "bold yellow"), f"Warning: {clause}."))
    if look.sample:
        console.print()
        console.print(_sample(look, zone, narrow=console.width < _NARROW))


def _age(look: SegmentPreview, zone: str) -> str:
    """Return how old the figures are, by the copy of the store that they come from."""
    if look.customers_at is None:
        return "never: the store's customers haven't been read yet (start the worker once: tillroll worker)"
    orders = "all orders" if look.orders_from is None else f"orders since {look.orders_from:%Y-%m-%d}"
    return f"{local_time(look.customers_at, zone)}: customers and {orders} in the ledger's copy of the store"


def _sample(look: SegmentPreview, zone: str, *, narrow: bool) -> Table:
    """Return a table of some customers; in a narrow terminal, the town is below the address."""
    gap = (0, 1 if narrow else 2, 0, 0)
    table = Table(title=f"{len(look.sample)} of them", title_justify="left", box=None, padding=gap)
    for name in ("no.", "e-mail", "lives in", "orders", "spent", "last order", "accepts e-mails"):
        if narrow and name == "lives in":
            continue
        right = name in {"no.", "orders", "spent"}
        wraps = name in {"lives in", "accepts e-mails"}
        table.add_column(name, justify="right" if right else "left", no_wrap=not wraps)
    for person in look.sample:
        ordered_at = person.last_order_at
        place = ", ".join(part for part in (person.city, person.country) if part) or "-"
        cells = (
            str(person.customer_id),
            *([f"{person.email}\n{place}"] if narrow else [person.email, place]),
            str(person.orders),
            say_money(Decimal(person.spent), look.currency),
            f"{ordered_at.astimezone(zone_of(zone)):%Y-%m-%d}" if ordered_at else "never",
            "yes" if person.agreed else "no",
        )
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _show_list(
    console: Console, looks: Sequence[SegmentPreview], faults: Sequence[Finding], zone: str
) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name, right in (("segment", False), ("count", True), ("reachable", True), ("who", False)):
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "who")
    for look in looks:
        who = Text(look.sentence)
        for reason in look.untold:
            who.append(f"\n! Warning: incomplete: {reason}", style="yellow")
        for clause in look.unknown_names:
            who.append(f"\n! Warning: {clause}", style="yellow")
        table.add_row(Text(look.name), f"{look.count:,}", f"{look.agreed:,}", who)
    console.print(table)
    if looks:
        console.print(Text(f"as of {_age(looks[0], zone)}", style="dim"))
    for fault in faults:
        console.print(Text(fault.render()), soft_wrap=True)
