"""Options and arguments that several commands share, each a decorator."""

from __future__ import annotations

import click

from tillroll.campaign.text.clean import clean_lines

NUMBER = click.IntRange(1, 2**31 - 1)
"""The type of a row's number. Larger ones exist in no ledger, and databases refuse them."""

PERSON = click.option(
    "--as",
    "email",
    metavar="EMAIL",
    help="Only with a sandbox store: your account, instead of `tillroll login`.",
)
ADMINISTRATOR = click.option(
    "--as",
    "named",
    metavar="EMAIL",
    help="Only with a sandbox store: a name for the audit log, instead of `tillroll login`.",
)
NOTE = click.option(
    "--note",
    default="",
    callback=lambda _context, _option, given: clean_lines(given, longest=2_000),
    help="The reason, for the audit log.",
)
YES = click.option(
    "--yes", is_flag=True, help="Don't ask for confirmation; required when there is no terminal."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
TARGET = click.argument("target", metavar="CAMPAIGN|RUN")


def is_run(target: str) -> bool:
    """Return whether a `CAMPAIGN|RUN` argument is a run's number. More than 9 digits can only be a campaign's name."""
    return target.isascii() and target.isdigit() and len(target) < 10
