"""`tillroll check`: all faults of the files at once. Editors run it at every save, so it imports little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path, PurePosixPath

import click
from rich.text import Text

from tillroll.campaign import Book, Finding, Revision, read_book
from tillroll.campaign.folder.files import stores_with_own
from tillroll.campaign.folder.folder_reader import CONSENT
from tillroll.campaign.folder.templates import is_plain
from tillroll.campaign.text.counts import count_of
from tillroll.cli.support.output import out, print_json
from tillroll.errors import Refused
from tillroll.settings import Settings, from_environment


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "github", "json"]),
    default="text",
    help="The form of the report.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--strict", is_flag=True, help="Exit with 1 also if there are only warnings.")
def check(files: tuple[Path, ...], form: str, as_json: bool, strict: bool) -> None:
    """Check every campaign, rule and template file and report all faults at once.

    A fault stops a campaign. A warning doesn't: it tells of words that may mean something else than their reader thinks, and the
    plan shows it to the approver too. With FILES or folders, only what is wrong in them is reported; the whole folder is read all
    the same. The exit code is 1 if there is a fault. Needs no database and no store.

    \b
    Example:
      tillroll check
      tillroll check campaigns/winback.yaml
      tillroll check --format github     in a GitHub workflow: marks the lines of a pull request
      tillroll check --format json | jq '.findings[].problem'
    """
    settings = from_environment()
    _refuse_unread(files, settings.folder)
    book, findings, warnings = _read_all(settings)
    if files:
        wanted = {_relative(path, settings.folder) for path in files}
        findings, warnings = _only_in(wanted, findings), _only_in(wanted, warnings)
    if as_json or form == "json":
        print_json(
            {
                "sound": not findings,
                "campaigns": sorted(book.revisions),
                "findings": [finding.to_json() for finding in findings],
                "warnings": [warning.to_json() for warning in warnings],
            }
        )
    elif form == "github":
        for finding in findings:
            click.echo(_for_github("error", finding))
        for warning in warnings:
            click.echo(_for_github("warning", warning))
    else:
        _show(findings, warnings, book, files)
    if findings or (strict and warnings):
        raise click.exceptions.Exit(1)


def _only_in(wanted: set[str], findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings in these files and folders."""
    return [finding for finding in findings if wanted & {finding.file, *_folders(finding.file)}]


def _read_all(settings: Settings) -> tuple[Book, list[Finding], list[Finding]]:
    """Read the shared campaigns and those of single stores, and return them with all their findings and warnings."""
    book = read_book(settings.folder, environment=settings.environment)
    findings, warnings = [*book.findings, *_template_faults(book)], [*book.warnings]
    for store in stores_with_own(settings.folder):
        store_book = read_book(settings.folder, environment=settings.environment, store=store)
        more = (*store_book.findings, *_template_faults(store_book))
        findings += [finding for finding in more if finding not in findings]
        warnings += [warning for warning in store_book.warnings if warning not in warnings]
        book = replace(book, revisions={**_own_revisions(store_book, store, book), **book.revisions})
    return book, findings, warnings


def _refuse_unread(files: Sequence[Path], root: Path) -> None:
    """Raise `Refused` for files that Tillroll doesn't read: reporting no faults in them would be misleading."""
    folders = {"campaigns", "rules", "templates"}
    unread = [str(path) for path in files if not {".", *folders} & {_relative(path, root).split("/")[0]}]
    if unread:
        raise Refused(
            f"Tillroll doesn't read {', '.join(unread)}, only campaigns/, rules/ and templates/ in {root.resolve()}.",
            hint="Name files or folders in there, or set TILLROLL_FOLDER to the folder that holds them.",
        )


def _own_revisions(store_book: Book, store: int, shared: Book) -> dict[str, Revision]:
    """Return a store's own campaigns, each named with the store's number before it."""
    return {
        f"{store}/{name}": revision
        for name, revision in store_book.revisions.items()
        if name not in shared.revisions or shared.revisions[name].digest != revision.digest
    }


def _show(
    findings: Sequence[Finding], warnings: Sequence[Finding], book: Book, files: Sequence[Path]
) -> None:
    console = out()
    for finding in findings:
        console.print(Text(finding.render()), soft_wrap=True)
        console.print()
    for warning in warnings:
        console.print(Text.assemble(("warning: ", "yellow"), warning.render()), soft_wrap=True)
        console.print()
    campaigns = count_of(len(book.revisions), "campaign")
    if not findings:
        checked = ", ".join(map(str, files)) if files else campaigns
        beside = f", {count_of(len(warnings), 'warning')}" if warnings else ""
        console.print(Text.assemble(("✓ ", "green"), f"{checked}: no faults{beside}"), soft_wrap=True)
        return
    faults = f"{count_of(len(findings), 'fault')} in {count_of(len({finding.file for finding in findings}), 'file')}"
    sound = f"{campaigns} without faults" if book.revisions else "no campaign is without faults"
    console.print(Text.assemble(("✗ ", "bold red"), f"{faults}; {sound}"))


def _for_github(level: str, finding: Finding) -> str:
    """Return a workflow command: docs.github.com/actions/reference/workflow-commands-for-github-actions."""
    hint = f" (did you mean {finding.suggestion}?)" if finding.suggestion else ""
    subject = f"{finding.key}: " if finding.key else ""
    message = _escaped(f"{subject}{finding.problem}{hint}")
    file = _escaped(finding.file).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} file={file},line={finding.line},col={finding.column}::{message}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _relative(path: Path, root: Path) -> str:
    """Return a file's path as findings name it."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.as_posix()


def _folders(file: str) -> Iterator[str]:
    """Yield the folders that hold a file, up to the root."""
    yield from (parent.as_posix() for parent in PurePosixPath(file).parents)


def _template_faults(book: Book) -> Iterator[Finding]:
    """Yield the templates that can't be converted, once each, and the e-mails that can't be rendered.

    The names in templates are checked with the files.
    """
    from tillroll.rendering.convert import convert_all, source_of  # slow to import, like the trial

    sources = {
        (f"templates/{message.template}", language): source_of(
            revision.template_files(message.template, language), language
        )
        for revision in book.revisions.values()
        for message in revision.campaign.messages
        for language in ("", *message.subjects)
    }
    faulty = set()
    for ((folder, _), source), layout in zip(sources.items(), convert_all(sources.values()), strict=True):
        if layout.fault:
            faulty.add(folder)
            problem = f"the template can't be compiled: {layout.fault}"
            yield Finding(file=f"{folder}/{source.file}", line=1, column=1, key="", problem=problem)
    for revision in book.revisions.values():
        if not faulty & {f"templates/{message.template}" for message in revision.campaign.messages}:
            yield from _rendering_faults(revision)
    if book.sign_up is not None and book.sign_up.confirmation is not None:
        from tillroll.rendering.proof.confirmation import refusals_of_confirmation

        for problem in refusals_of_confirmation(book.sign_up):
            what = f"the e-mail to confirm can't be sent: {problem}"
            yield Finding(file=CONSENT, line=1, column=1, key="confirmation", problem=what)


def _rendering_faults(revision: Revision) -> Iterator[Finding]:
    """Yield what a trial of a campaign's e-mails shows; most need none."""
    texts = (text for path, text in revision.files.items() if path.startswith("templates/"))
    subjects = (
        subject
        for message in revision.campaign.messages
        for subject in (message.subject, *message.subjects.values())
    )
    if all(map(is_plain, chain(subjects, texts))):
        return
    from tillroll.rendering.trial import refusals_of

    for refusal in refusals_of(revision):
        is_file = refusal.place in revision.files
        yield Finding(
            file=refusal.place if is_file else next(iter(revision.files)),
            line=refusal.line or 1,
            column=1,
            key="" if is_file else "subject",
            problem=f"the e-mail can't be rendered: {refusal.problem}",
        )
