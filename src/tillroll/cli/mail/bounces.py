"""`tillroll bounces`: reading the e-mails that came back."""

from __future__ import annotations

from pathlib import Path

import click

from tillroll.campaign.text.counts import count_of
from tillroll.cli.support.administrators import require_administrator
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import ADMINISTRATOR, JSON
from tillroll.cli.support.output import say
from tillroll.errors import Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import writing
from tillroll.track.mail.bounces import take_in_bounces
from tillroll.track.mail.intake import HOOKS, hook_path
from tillroll.track.mail.mailboxes import ImapMailbox, files_in, mails_in
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
def hook_command(named: str | None) -> None:
    """Show the address that your mail service must post its events to. Whoever knows it can make up bounces: keep it secret.

    \b
    Example:
      tillroll bounces hook
    """
    with open_services() as services:
        actor = require_administrator(services, named, "see the address of the mail service's events")
        settings = services.settings
        if settings.mail_via is None or settings.mail_via not in HOOKS:
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
                subject=f"transport {settings.mail_via.value}",
                body={},
            )
        click.echo(f"{settings.public_url}{hook_path(services.keys[0], settings.mail_via)}")


@bounces.command("read")
@click.argument("place", metavar="FOLDER|imaps://…")
@ADMINISTRATOR
@JSON
def read_command(place: str, named: str | None, as_json: bool) -> None:
    """Read bounces and complaints from a FOLDER of files or from a mailbox, and take addresses that don't work out of use.

    Only what came back to an address of MAIL_BOUNCES that Tillroll made counts. Reading the same again changes nothing. In a
    mailbox, unread e-mails are read, and marked as read.

    \b
    Example:
      tillroll bounces read /var/mail/bounces/Maildir
      tillroll bounces read imaps://bounce%40shop.example@imap.shop.example/INBOX
    """
    with open_services() as services:
        require_administrator(services, named, "read bounces")
        path = return_path(services.settings, services.keys)
        if path is None:
            raise Refused(
                "No address is set that bounces come back to.",
                hint="Set MAIL_BOUNCES, like bounce@mail.shop.example: e-mails that leave from then on name it.",
            )
        if "://" in place:
            password = services.settings.bounces_password
            mails = mails_in(ImapMailbox.from_url(place, password=password))
        else:
            mails = files_in(Path(place))
        done = take_in_bounces(services.engine, mails, path, now=services.clock.now())
    ours = f"{count_of(done.reports, 'report')} about e-mails of ours"
    words = f"{count_of(done.read, 'e-mail')} read; {ours}, {done.new} of them new."
    say({"read": done.read, "reports": done.reports, "new": done.new}, words, as_json=as_json)
