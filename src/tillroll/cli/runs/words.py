"""`tillroll words`: let the e-mails of a run that haven't left be made from the files as they are now."""

from __future__ import annotations

import click

from tillroll.approve.mend_words import WordsProposal, mend_words, propose_words
from tillroll.campaign.text.counts import count_of
from tillroll.cli.codes.agreements import print_agreement
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, NOTE, NUMBER, PERSON
from tillroll.cli.support.output import out, print_json
from tillroll.cli.support.people import require_person
from tillroll.cli.support.stores import for_store, require_run_of_chosen
from tillroll.ledger.queries.agreements import PendingAgreement


@click.command("words")
@click.argument("run_id", metavar="RUN", type=NUMBER)
@click.option(
    "--digest",
    default="",
    help="The digest of the words that you looked at; without it, they are only shown.",
)
@PERSON
@NOTE
@JSON
@for_store
def mend_words_command(run_id: int, digest: str, email: str | None, note: str, as_json: bool) -> None:
    """Give the e-mails of a run that haven't left the subjects and templates of the files as they are now.

    Without --digest it shows what would change. The offer, the audience and the codes stay as they were approved. It needs
    as many approvers as the run's plan did. E-mails that failed because of their template are tried again.

    \b
    Example:
      tillroll words 12
      tillroll words 12 --digest 5f3c… --note "a template that failed without a name"
    """
    with open_services() as services:
        person = require_person(services, email) if digest else None
        require_run_of_chosen(services, run_id)
        now = services.clock.now()
        words = propose_words(services.engine, run_id=run_id, now=now)
        if person is None:
            _show(words, as_json=as_json)
            return
        wanted = words.digest if len(digest) >= 12 and words.digest.startswith(digest.rstrip("…")) else digest
        mended = mend_words(services.engine, run_id=run_id, digest=wanted, person=person, note=note, now=now)
    if isinstance(mended, PendingAgreement):
        print_agreement(mended, as_json=as_json)
    elif as_json:
        print_json({"run": run_id, "digest": mended.digest, "freed": mended.freed})
    else:
        again = f" {count_of(mended.freed, 'e-mail')} that had failed go again." if mended.freed else ""
        out().print(f"Run {run_id} has the new words from now on.{again}")


def _show(words: WordsProposal, *, as_json: bool) -> None:
    """Print what would change, and what was found when the e-mails were filled in."""
    if as_json:
        changes = {change.place: list(change.lines) for change in words.changes}
        verdicts = [{"level": each.level.value, "text": each.text} for each in words.verdicts]
        print_json(
            {
                "run": words.run.id,
                "digest": words.digest,
                "changes": changes,
                "verdicts": verdicts,
                "waiting": words.waiting,
                "approvers": words.needed,
            }
        )
        return
    for change in words.changes:
        out().print(change.place, style="bold", markup=False)
        for line in change.lines:
            out().print(f"  {line}", markup=False, highlight=False)
    for verdict in words.verdicts:
        out().print(f"{verdict.level.value}: {verdict.text}", markup=False)
    out().print(f"{count_of(words.waiting, 'e-mail')} of run {words.run.id} have not left yet.")
    if not words.refusals:
        out().print(
            f"To use these words: tillroll words {words.run.id} --digest {words.digest[:12]}",
            markup=False,
        )
