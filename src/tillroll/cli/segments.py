"""`tillroll segment`: whom a segment selects, in words, in figures, and by a few of them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import click
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tillroll.campaign import Book, Finding, read_book
from tillroll.campaign.segments.segment import lists_of
from tillroll.campaign.sentences.offers import say_money
from tillroll.campaign.text.findings import nearest
from tillroll.cli.family import Family
from tillroll.cli.opening import services
from tillroll.cli.show import facts_table, in_zone, out, say_json
from tillroll.cli.stores import for_store, the_store
from tillroll.errors import FaultyFiles, NotFound
from tillroll.ledger.engine import reading
from tillroll.plan.segments.look import SegmentLook, look_at_segment
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
@click.option("--json", "as_json", is_flag=True, help="One JSON object a segment, one a line.")
@for_store
def list_command(as_json: bool) -> None:
    """Count every segment of rules/segments/ in the ledger's mirror of the store, with its sentence.

    Faults of their files are shown too, and make the command end with 1.

    \b
    Example:
      tillroll segment list
    """
    with services() as parts:
        book, store, now = _opened(parts)
        looks = [
            look_at_segment(parts.engine, store=store, book=book, name=name, now=now, most=0)
            for name in sorted(book.segments)
            if not _faults(book, name)
        ]
    faults = [one for one in book.findings if one.file.startswith((_FOLDER, "rules/lists/"))]
    if as_json:
        for look in looks:
            say_json(look.to_json())
        for fault in faults:
            say_json({"fault": fault.to_json()})
    else:
        _show_list(out(), looks, faults, store.timezone)
    if faults:
        raise click.exceptions.Exit(1)


@segment.command()
@click.argument("name")
@click.option("--sample", default=5, show_default=True, type=click.IntRange(0, 50), help="How many of them.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@for_store
def show(name: str, sample: int, as_json: bool) -> None:
    """Say whom the segment NAME selects: its sentence, how many there are, how many agreed to e-mails, and a few of them.

    It asks the ledger's mirror of the store, which the worker keeps, and says how old that is. Addresses are masked.

    \b
    Example:
      tillroll segment show lapsed-90
      tillroll segment show lapsed-90 --sample 20 --json
    """
    with services() as parts:
        book, store, now = _opened(parts)
        _refuse_faulty(book, name)
        look = look_at_segment(parts.engine, store=store, book=book, name=name, now=now, most=sample)
    if as_json:
        say_json(look.to_json())
    else:
        _show(out(), look, store.timezone)


def _opened(parts: Services) -> tuple[Book, sa.Row[Any], datetime]:
    with reading(parts.engine) as connection:
        store = the_store(connection)
    book = read_book(parts.settings.folder, environment=parts.settings.environment, store=store.ecwid_id)
    return book, store, parts.clock.now()


def _faults(book: Book, name: str) -> list[Finding]:
    """Faults of a segment's file, and of the lists it asks for."""
    stems = {f"{_FOLDER}{name}.yaml", f"{_FOLDER}{name}.yml"}
    lists = (
        {f"rules/lists/{one}.csv" for one in lists_of([book.segments[name]])}
        if name in book.segments
        else set()
    )
    return [one for one in book.findings if one.file in stems | lists]


def _refuse_faulty(book: Book, name: str) -> None:
    if faults := _faults(book, name):
        lines = tuple(one.render() for one in faults)
        raise FaultyFiles(f"The segment {name!r} has faults.", lines=lines)
    if name not in book.segments:
        word = nearest(name, book.segments)
        near = f" (did you mean {word}?)" if word else ""
        there = ", ".join(sorted(book.segments)) or "none"
        raise NotFound(f"There is no segment {name!r}{near}; there are {there}.")


def _show(console: Console, look: SegmentLook, zone: str) -> None:
    console.print(Text.assemble((look.title, "bold"), f"  ·  {look.name}"))
    share = f" ({100 * look.count / look.customers:.1f} % of {look.customers:,})" if look.customers else ""
    console.print(
        facts_table(
            {
                "who": look.sentence,
                "count": f"{look.count:,} customers{share}",
                "reachable": f"{look.agreed:,} agreed to e-mails and have an address",
                "used by": ", ".join(look.used_by) or "no campaign",
                "as of": _age(look, zone),
            }
        )
    )
    for reason in look.untold:
        console.print(Text.assemble(("! ", "bold yellow"), f"These figures are not complete: {reason}."))
    if look.sample:
        console.print()
        console.print(_sample(look, zone, narrow=console.width < _NARROW))


def _age(look: SegmentLook, zone: str) -> str:
    """How old the answer is, by the mirror it comes from."""
    if look.customers_at is None:
        return "never: the store's customers haven't been read yet (start the worker once: tillroll worker)"
    orders = "all orders" if look.orders_from is None else f"orders since {look.orders_from:%Y-%m-%d}"
    return f"{in_zone(look.customers_at, zone)}: customers, and {orders}, as the ledger's mirror has them"


def _sample(look: SegmentLook, zone: str, *, narrow: bool) -> Table:
    """Some of them, a line each; in a narrow terminal their place stands below their address."""
    gap = (0, 1 if narrow else 2, 0, 0)
    table = Table(title=f"{len(look.sample)} of them", title_justify="left", box=None, padding=gap)
    names = ["no.", "e-mail", "lives in", "orders", "spent", "last order", "agreed"]
    for name in names if not narrow else [one for one in names if one != "lives in"]:
        right = name in {"no.", "orders", "spent"}
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "lives in")
    for one in look.sample:
        last = f"{one.last_order_at.astimezone(ZoneInfo(zone)):%Y-%m-%d}" if one.last_order_at else "never"
        place = ", ".join(part for part in (one.city, one.country) if part) or "-"
        cells = (
            str(one.customer_id),
            *([f"{one.email}\n{place}"] if narrow else [one.email, place]),
            str(one.orders),
            say_money(Decimal(one.spent), look.currency),
            last,
        )
        table.add_row(*(Text(cell) for cell in cells), "yes" if one.agreed else "no")
    return table


def _show_list(console: Console, looks: list[SegmentLook], faults: list[Finding], zone: str) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name, right in (("segment", False), ("count", True), ("reachable", True), ("who", False)):
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "who")
    for look in looks:
        who = Text(look.sentence)
        for reason in look.untold:
            who.append(f"\n! not complete: {reason}", style="yellow")
        table.add_row(Text(look.name), f"{look.count:,}", f"{look.agreed:,}", who)
    console.print(table)
    if looks:
        console.print(Text(f"as of {_age(looks[0], zone)}", style="dim"))
    for fault in faults:
        console.print(Text(fault.render()), soft_wrap=True)
