"""`tillroll check` and `tillroll plan`: what the files say, and what a run would do."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from tillroll.campaign import Revision, read_book
from tillroll.campaign.revision import messages_of
from tillroll.cli.show import out, say_json, services, show_proposal
from tillroll.errors import FaultyFiles, NotFound, Refused, TillrollError
from tillroll.ledger.engine import reading
from tillroll.plan.make import preview
from tillroll.send.compile import compile_message
from tillroll.send.facts import Shop, filters_for
from tillroll.settings import from_environment
from tillroll.track.connect import only_store


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object with every finding.")
def check(as_json: bool) -> None:
    """Check every campaign, rule and template file, and say all that is wrong at once.

    Exit code 1 when anything is. Needs no database and no store.

    \b
    Example:
      tillroll check
      tillroll check --json | jq '.findings[].problem'
    """
    folder = from_environment().folder
    book = read_book(folder)
    faults = [trouble for revision in book.revisions.values() if (trouble := _compile_trouble(revision))]
    sound = not book.findings and not faults
    if as_json:
        findings = [finding.to_json() for finding in book.findings]
        say_json(
            {"sound": sound, "campaigns": sorted(book.revisions), "findings": findings, "templates": faults}
        )
    else:
        console = out()
        for finding in book.findings:
            console.print(Text(finding.render()), soft_wrap=True)
        for fault in faults:
            console.print(Text(fault), soft_wrap=True)
        if sound:
            console.print(Text.assemble(("✓ ", "green"), f"{len(book.revisions)} campaigns, no faults"))
        else:
            number = len(book.findings) + len(faults)
            console.print(Text.assemble(("✗ ", "bold red"), f"{number} fault{'' if number == 1 else 's'}"))
    if not sound:
        raise click.exceptions.Exit(1)


def _compile_trouble(revision: Revision) -> str:
    """What is wrong with a campaign's MJML; the names in its templates are checked with the files."""
    shop = Shop(name="", url="", email="", currency="EUR", timezone="UTC", language="en")
    try:
        for message in messages_of(revision.campaign):
            compile_message(revision, message, filters_for(shop))
    except TillrollError as trouble:
        return trouble.message
    return ""


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="The plan as one JSON object.")
def plan(name: str, as_json: bool) -> None:
    """Show what a run of the campaign NAME would do now: who, what, how much. Nothing is written, nothing is sent.

    It reads the ledger's mirror of the store's customers, which the worker keeps.

    \b
    Example:
      tillroll plan winback
    """
    with services() as parts:
        book = read_book(Path(parts.settings.folder))
        revision = book.revisions.get(name)
        if revision is None:
            if name in book.faulty:
                lines = tuple(finding.render() for finding in book.findings)
                raise FaultyFiles(f"The files of campaign {name!r} have faults.", lines=lines)
            raise NotFound(
                f"There is no campaign {name!r}; there are {', '.join(sorted(book.revisions)) or 'none'}."
            )
        with reading(parts.engine) as connection:
            store = only_store(connection)
        if store.customers_at is None:
            raise Refused(
                "The store's customers haven't been read yet.",
                hint="Start the worker once: tillroll worker (or up).",
            )
        proposal = preview(
            parts.engine,
            store=store,
            revision=revision,
            now=parts.clock.now(),
            per_minute=parts.settings.requests_per_minute,
        )
    if as_json:
        say_json({**proposal.to_json(), "digest": proposal.digest})
    else:
        show_proposal(out(), proposal, digest="a run's plan gets its own, when it is made")
    if proposal.refusals:
        raise click.exceptions.Exit(1)
