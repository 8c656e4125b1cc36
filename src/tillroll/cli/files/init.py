"""`tillroll init`: an empty folder becomes one that works, with the sample campaigns as drafts."""

from __future__ import annotations

from pathlib import Path

import click

from tillroll.campaign.folder.schema import KINDS
from tillroll.campaign.text.counts import count_of
from tillroll.cli.files.new import write_new
from tillroll.cli.files.samples import sample_files
from tillroll.cli.files.schema import schema_text
from tillroll.cli.support.output import out
from tillroll.errors import Refused

_IGNORED = "# the ledger, e-mails and keys of this installation: they hold personal data\nvar/\n"


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
def init(folder: Path) -> None:
    """Make FOLDER (default: the current one) a folder of campaigns: samples as drafts, rules, templates, and schemas for editors.

    Existing files are never overwritten.

    \b
    Example:
      tillroll init my-shop
    """
    if (folder / "campaigns").is_dir() and any((folder / "campaigns").glob("*.y*ml")):
        raise Refused(
            f"There are campaigns in {folder.resolve()} already.",
            hint="For a new one: tillroll new",
        )
    files = {**sample_files(as_drafts=True), ".gitignore": _IGNORED}
    files |= {f"schema/{name}.json": schema_text(name) for name in KINDS}
    written = [path for path, is_new in write_new(folder, files) if is_new]
    places = sorted({path.partition("/")[0] + "/" for path in written if "/" in path})
    console = out()
    console.print(f"✓ {count_of(len(written), 'file')} in {', '.join(places)}", soft_wrap=True)
    console.print(
        "\nThe sample campaigns are drafts, so nothing runs by itself. Next:\n"
        f"{'' if folder == Path() else f'  cd {folder}' + chr(10)}"
        "  tillroll check                 check all files\n"
        "  tillroll new                   list the kinds of campaigns to begin with\n"
        "  tillroll demo                  try them in a sandbox store on this machine",
        soft_wrap=True,
    )
