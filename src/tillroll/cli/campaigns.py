"""`tillroll check` and `tillroll plan`: what the files say, and what a run would do."""

from __future__ import annotations

import click

from tillroll.campaign import read_book
from tillroll.cli.opening import services
from tillroll.cli.show import out, say_json, show_proposal
from tillroll.errors import FaultyFiles, NotFound, Refused
from tillroll.ledger.engine import reading
from tillroll.plan.outlook import preview
from tillroll.track.connect import only_store


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
        book = read_book(parts.settings.folder, environment=parts.settings.environment)
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
