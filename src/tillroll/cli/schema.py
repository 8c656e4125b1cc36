"""`tillroll schema`: what a campaign folder may say, for editors and for people."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tillroll.campaign.folder.reference import reference
from tillroll.campaign.folder.schema import KINDS, schema_of
from tillroll.cli.show import out
from tillroll.errors import Refused


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)), default="campaign")
@click.option("--reference", "as_reference", is_flag=True, help="The whole language as a Markdown page.")
@click.option(
    "--write",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write all schemas into a folder.",
)
def schema(kind: str, as_reference: bool, folder: Path | None) -> None:
    """Print the JSON Schema of a KIND of file, so that editors complete and check it.

    \b
    Example:
      tillroll schema --write schema
    """
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for one in KINDS:
                (folder / f"{one}.json").write_text(schema_text(one), encoding="utf-8")
        except OSError as fault:
            raise Refused(f"{folder} can't be written: {fault.strerror}.") from fault
        out().print(f"{len(KINDS)} schemas are in {folder}/", highlight=False)
    elif as_reference:
        click.echo(reference(), nl=False)
    else:
        click.echo(schema_text(kind), nl=False)


def schema_text(kind: str) -> str:
    """A schema as the file that is shipped."""
    return json.dumps(schema_of(kind), indent=2, ensure_ascii=False) + "\n"
