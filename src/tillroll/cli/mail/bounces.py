"""`tillroll bounces`: reading the e-mails that came back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from tillroll.campaign.text.counts import count_of
from tillroll.cli.support.administrators import require_administrator
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import ADMINISTRATOR, JSON
from tillroll.cli.support.output import say
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.audit import Way, act_by
from tillroll.ledger.engine import writing
from tillroll.track.mail.bounces import BouncesRead, Intake, take_in_bounces
from tillroll.track.mail.intake import HOOKS, hook_path
from tillroll.track.mail.mailboxes import ImapMailbox, files_in, mails_in
from tillroll.track.mail.wish import SUBJECT
from tillroll.wiring import return_path


@click.group(cls=Family)
def bounces() -> None:
    """Read what a mail server sent back.

    \b
    Example:
      tillroll bounces read /var/mail/bounces/Maildir
    """


@bounces.command("hook")
@ADMINISTRATOR
@for_store
def hook_command(named: str | None) -> None:
    """Show the address that your mail service must post its events to. Whoever knows it can make up bounces: keep it secret.

    \b
    Example:
      tillroll bounces hook
    """
    with open_services() as services:
        actor = require_administrator(services, named, "see the address of the mail service's events")
        store, settings = chosen_store(services), services.settings
        via = settings.mail_of(store.ecwid_id).via
        if via is None or via not in HOOKS:
            raise Refused(
                "E-mails leave by no mail service, so none has events to tell.",
                hint="For a mail server, see: tillroll bounces read --help",
            )
        if not settings.public_url:
            raise Refused("The pages have no public address.", hint="Set TILLROLL_URL to it.")
        with writing(services.engine) as connection:
            audit.record(
                connection,
                at=services.clock.now(),
                actor=actor,
                action="mail.hook_shown",
                subject=f"transport {via.value}",
                body={},
            )
        click.echo(f"{settings.public_url}{hook_path(services.keys[0], via)}")


@bounces.command("read")
@click.argument("place", metavar="FOLDER|imaps://…")
@ADMINISTRATOR
@JSON
def read_command(place: str, named: str | None, as_json: bool) -> None:
    """Read bounces, complaints and e-mails that unsubscribe from a FOLDER of files or from a mailbox.

    Addresses that don't work are taken out of use, and who unsubscribes gets no more e-mails, and no answer. Only what came back
    to an address of MAIL_BOUNCES that Tillroll made counts, and an e-mail with the token of a reader's own link in its subject.
    Reading the same again changes nothing. In a mailbox, unread e-mails are read, and marked as read; without MAIL_BOUNCES only
    those that unsubscribe.

    \b
    Example:
      tillroll bounces read /var/mail/bounces/Maildir
      tillroll bounces read imaps://bounce%40shop.example@imap.shop.example/INBOX
    """
    with open_services() as services:
        require_administrator(services, named, "read bounces")
        path = return_path(services.settings, services.keys)
        if "://" in place:
            password = services.settings.bounces_password
            mailbox = ImapMailbox.from_url(place, password=password)
            mails = mails_in(mailbox, about=SUBJECT if path is None else "")
        else:
            mails = files_in(Path(place))
        act_by(Way.LINK)  # whoever wrote an e-mail that unsubscribes has the link
        intake = Intake(links=services.links, path=path)
        done = take_in_bounces(services.engine, mails, intake, now=services.clock.now())
    say(asdict(done), _words(done, reads_bounces=path is not None), as_json=as_json)


def _words(done: BouncesRead, *, reads_bounces: bool) -> str:
    """Return what was done, for people."""
    parts = []
    if reads_bounces:
        parts.append(f"{count_of(done.reports, 'report')} about e-mails of ours, {done.new} of them new")
    wishes = f"{count_of(done.wishes, 'wish', 'wishes')} to get no more e-mails"
    parts.append(f"{wishes}, {done.stopped} of them new" if done.wishes else "no wish to get no more e-mails")
    if done.forged:
        parts.append(
            f"{count_of(done.forged, 'e-mail')} that unsubscribed with a token that isn't ours, and changed nothing"
        )
    lines = f"{count_of(done.read, 'e-mail')} read: {'; '.join(parts)}."
    if reads_bounces:
        return lines
    return (
        f"{lines}\nBounces were not looked for: set MAIL_BOUNCES, like bounce@mail.shop.example, and e-mails "
        "that leave from then on name it."
    )
