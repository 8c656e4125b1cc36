"""`tillroll schema`: what a campaign folder may contain, for editors and for people."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tillroll.campaign.folder.reference import reference
from tillroll.campaign.folder.schema import KINDS, schema_of
from tillroll.cli.support.output import out, write_file
from tillroll.errors import Refused


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)), default="campaign", metavar="[KIND]")
@click.option(
    "--reference", "as_reference", is_flag=True, help="Print the whole campaign language as a Markdown page."
)
@click.option(
    "--write",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write all schemas to a folder.",
)
def schema(kind: str, as_reference: bool, folder: Path | None) -> None:
    """Print the JSON Schema of a KIND of file (default: campaign). Editors use it to complete and check files.

    \b
    Example:
      tillroll schema --write schema
    """
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise Refused(f"{folder} can't be made: {fault.strerror}.") from fault
        for name in KINDS:
            write_file(folder / f"{name}.json", schema_text(name).encode())
        out().print(f"Wrote {len(KINDS)} schemas to {folder}/", highlight=False)
    elif as_reference:
        click.echo(reference(), nl=False)
    else:
        click.echo(schema_text(kind), nl=False)


def schema_text(kind: str) -> str:
    """Return a schema as the text of its file."""
    return json.dumps(schema_of(kind), indent=2, ensure_ascii=False) + "\n"
