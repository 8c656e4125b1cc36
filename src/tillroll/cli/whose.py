"""`tillroll codes find`: whose a code is, for somebody at the telephone."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from rich.text import Text

from tillroll.campaign import Book, read_book
from tillroll.campaign.frozen.recipient import masked_email
from tillroll.campaign.sentences.offers import say_money
from tillroll.cli.opening import services
from tillroll.cli.show import facts_table, in_zone, out, say_json
from tillroll.cli.stores import for_store, the_store
from tillroll.errors import NotFound
from tillroll.ledger.engine import reading
from tillroll.track.whose import Form, Whose, find_code, mistyped_of


@click.command()
@click.argument("typed", metavar="CODE", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of words.")
@for_store
def find(typed: tuple[str, ...], as_json: bool) -> None:
    """Say whose CODE is, whether it works, and what it was used for, however somebody typed it.

    Capitals, spaces and hyphens don't matter, and O, I and L are read as the digits they look like. Where the code's format has a
    check symbol, a slip is told from a code that never was.

    \b
    Example:
      tillroll codes find back7k2o9mxhbt
    """
    text = " ".join(typed)
    with services() as parts, reading(parts.engine) as connection:
        store = the_store(connection)
        settings = parts.settings
        book = read_book(settings.folder, environment=settings.environment, store=store.ecwid_id)
        forms = forms_in(book)
        found = find_code(connection, store_id=store.id, typed=text, forms=forms)
    if found is None:
        raise NotFound("The ledger has no such code.", hint=_hint(mistyped_of(text, forms)))
    if as_json:
        say_json({**asdict(found), "email": masked_email(found.email) if found.email else None})
    else:
        out().print(Text.assemble((found.code, "bold"), f"  {found.state.value}"))
        out().print(facts_table(_facts(found, store)))


def forms_in(book: Book) -> list[Form]:
    """How the codes of every campaign, and of every step of it, are built."""
    found = []
    for name, revision in book.revisions.items():
        for step in range(1, max(1, len(revision.campaign.steps)) + 1):
            campaign = revision.as_run(step=step)
            if campaign.offer is not None and campaign.codes.shared is None:
                found.append((name, revision.format_of(campaign), campaign.codes.prefix))
    return found


def _facts(found: Whose, store: Any) -> dict[str, str]:
    facts = {"campaign": f"{found.campaign}, run {found.run_id}"}
    facts["for"] = masked_email(found.email) if found.email else "nobody by name"
    if found.reason:
        facts["because"] = found.reason
    if found.sent_at is not None:
        facts["sent"] = in_zone(found.sent_at, store.timezone)
    if found.works_until is not None:
        start = f"{in_zone(found.works_from, store.timezone)} " if found.works_from else ""
        facts["works"] = f"{start}until {in_zone(found.works_until, store.timezone)}"
    used = [
        f"order {one.order_id}, {in_zone(one.at, store.timezone)}, {say_money(one.discount, store.currency)} off"
        for one in found.uses
    ]
    return {**facts, "used": "; ".join(used) or "never, as far as the store's orders have been read"}


def _hint(campaigns: tuple[str, ...]) -> str:
    if not campaigns:
        return "If it was made by hand in the store, look for it there."
    whose = " or ".join(campaigns)
    return f"It looks like one of {whose}, but its check symbol says that a symbol is wrong or two have changed places."
