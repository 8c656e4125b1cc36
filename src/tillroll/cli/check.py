"""`tillroll check`: everything that is wrong with the files, at once. Imported on every save, so it imports little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import click
from rich.text import Text

from tillroll.campaign import Book, Finding, Revision, read_book
from tillroll.campaign.folder.files import stores_with_own
from tillroll.campaign.frozen.revision import messages_of
from tillroll.cli.show import out, say_json
from tillroll.errors import Refused, TillrollError
from tillroll.settings import from_environment


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "github", "json"]),
    default="text",
    help="For whom to say it.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def check(files: tuple[Path, ...], form: str, as_json: bool) -> None:
    """Check every campaign, rule and template file, and say all that is wrong at once.

    FILES, or folders of them, limit what is told to these; the whole folder is read all the same. Exit code 1 when anything
    is wrong. Needs no database and no store.

    \b
    Example:
      tillroll check
      tillroll check campaigns/winback.yaml
      tillroll check --format github     in a workflow: marks the lines of a pull request
      tillroll check --format json | jq '.findings[].problem'
    """
    settings = from_environment()
    _refuse_others(files, settings.folder)
    book = read_book(settings.folder, environment=settings.environment)
    found = [*book.findings, *_uncompilable(book)]
    for store in stores_with_own(settings.folder):
        theirs = read_book(settings.folder, environment=settings.environment, store=store)
        found += [one for one in (*theirs.findings, *_uncompilable(theirs)) if one not in found]
        book = replace(book, revisions={**_of_store(theirs, store, book), **book.revisions})
    if files:
        wanted = {_relative(path, settings.folder) for path in files}
        found = [one for one in found if wanted & {one.file, *_folders(one.file)}]
    if as_json or form == "json":
        body = {
            "sound": not found,
            "campaigns": sorted(book.revisions),
            "findings": [one.to_json() for one in found],
        }
        say_json(body)
    elif form == "github":
        for one in found:
            click.echo(_for_github(one))
    else:
        _for_people(found, book, files)
    if found:
        raise click.exceptions.Exit(1)


def _refuse_others(files: Sequence[Path], root: Path) -> None:
    """A tick behind a file that nobody looked at would be a lie."""
    parts = {"campaigns", "rules", "templates"}
    others = [str(path) for path in files if not {".", *parts} & {_relative(path, root).split("/")[0]}]
    if others:
        raise Refused(
            f"Tillroll doesn't read {', '.join(others)}: only campaigns/, rules/ and templates/ of {root.resolve()}.",
            hint="Name files or folders in there, or set TILLROLL_FOLDER to the folder that holds them.",
        )


def _of_store(theirs: Book, store: int, shared: Book) -> dict[str, Revision]:
    """A store's own campaigns, by their names with its number."""
    return {
        f"{store}/{name}": revision
        for name, revision in theirs.revisions.items()
        if name not in shared.revisions or shared.revisions[name].digest != revision.digest
    }


def _for_people(found: Sequence[Finding], book: Book, files: Sequence[Path]) -> None:
    console = out()
    for one in found:
        console.print(Text(one.render()), soft_wrap=True)
        console.print()
    sound = len(book.revisions)
    campaigns = f"{sound} campaign{'' if sound == 1 else 's'}"
    if not found:
        where = ", ".join(map(str, files)) if files else campaigns
        console.print(Text.assemble(("✓ ", "green"), f"{where}, no faults"), soft_wrap=True)
        return
    number, places = len(found), len({one.file for one in found})
    faults = f"{number} fault{'' if number == 1 else 's'} in {places} file{'' if places == 1 else 's'}"
    console.print(
        Text.assemble(("✗ ", "bold red"), f"{faults}; {campaigns if sound else 'no campaign'} without")
    )


def _for_github(finding: Finding) -> str:
    """A workflow command: docs.github.com/actions/reference/workflow-commands-for-github-actions."""
    hint = f" (did you mean {finding.suggestion}?)" if finding.suggestion else ""
    subject = f"{finding.key}: " if finding.key else ""
    message = _escaped(f"{subject}{finding.problem}{hint}")
    file = _escaped(finding.file).replace(":", "%3A").replace(",", "%2C")
    return f"::error file={file},line={finding.line},col={finding.column}::{message}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _relative(path: Path, root: Path) -> str:
    """A file as findings name it."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.as_posix()


def _folders(file: str) -> Iterator[str]:
    """The folders that hold a file, up to the root."""
    yield from (parent.as_posix() for parent in PurePosixPath(file).parents)


def _uncompilable(book: Book) -> Iterator[Finding]:
    """Templates whose MJML can't be compiled, once each; the names in them are checked with the files."""
    tried: set[str] = set()
    for revision in book.revisions.values():
        for message in messages_of(revision.campaign):
            if message.template not in tried:
                tried.add(message.template)
                yield from _fault_of(revision, message.template)


def _fault_of(revision: Revision, template: str) -> Iterator[Finding]:
    from tillroll.send.compile import to_html

    files = revision.template_files(template)
    try:
        to_html(files)
    except TillrollError as trouble:
        name = sorted(files)[0]
        yield Finding(file=f"templates/{template}/{name}", line=1, column=1, key="", problem=trouble.message)
