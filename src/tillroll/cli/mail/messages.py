"""`tillroll messages`: an e-mail that left, made again from what the ledger keeps."""

from __future__ import annotations

from email import message_from_bytes, policy
from typing import Any

import click

from tillroll.campaign.states import MessageKind
from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, NUMBER, PERSON
from tillroll.cli.support.output import err, out, print_json
from tillroll.cli.support.people import require_approver, require_viewer
from tillroll.cli.support.stores import for_store, require_run_of_chosen
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.queries.stores import load_store
from tillroll.loop.stages.sending import send_context
from tillroll.mint.export import note_revealed
from tillroll.send.beside.again import Remade, find_message, remake
from tillroll.wiring import Services


@click.group(cls=Family)
def messages() -> None:
    """Show an e-mail that left.

    \b
    Example:
      tillroll messages show 7 nina@mail.example
    """


@messages.command("show")
@click.argument("run_id", metavar="RUN", type=NUMBER)
@click.argument("address")
@click.option("--reminder", is_flag=True, help="The reminder, instead of the first e-mail.")
@click.option("--raw", is_flag=True, help="Its source, as it was handed over.")
@click.option("--code", "with_code", is_flag=True, help="With its code. Takes an approver, and is recorded.")
@JSON
@PERSON
@for_store
def show_command(
    run_id: int, address: str, reminder: bool, raw: bool, with_code: bool, as_json: bool, email: str | None
) -> None:
    """Make the e-mail of a run to an address again, and say whether it is exactly the one that left.

    E-mails aren't stored. It is made from the revision of its template, the recipient as planned and the code, and compared with
    the digest of what left.

    \b
    Example:
      tillroll messages show 7 nina@mail.example
      tillroll messages show 7 nina@mail.example --raw --code > mail.eml
    """
    kind = MessageKind.REMINDER if reminder else MessageKind.OFFER
    with open_services() as services:
        require_run_of_chosen(services, run_id)
        with reading(services.engine) as connection:
            store_id = load_run(connection, run_id).store_id
        require = require_approver if with_code else require_viewer
        person = require(services, email, store_id, "see an e-mail that left")
        with reading(services.engine) as connection:
            message = find_message(connection, run_id, address, kind)
            store = load_store(connection, store_id)
        remade = remake(send_context(services, store.ecwid_id), message, with_code=with_code)
        if with_code and remade.email.code:
            _record(services, remade, person.email)
    _print(remade, raw=raw, as_json=as_json, with_code=with_code)


def _record(services: Services, remade: Remade, person: str) -> None:
    """Note that somebody sees the code, before it is shown."""
    now, run_id = services.clock.now(), remade.message.run_id
    with writing(services.engine) as connection:
        note_revealed(connection, run_id, now)
        audit.record(
            connection,
            at=now,
            actor=person,
            action="codes.revealed",
            subject=f"run {run_id}",
            body={"to": "e-mail", "message": remade.message.id},
        )


def _print(remade: Remade, *, raw: bool, as_json: bool, with_code: bool) -> None:
    parsed: Any = message_from_bytes(remade.email.content, policy=policy.default)
    if as_json:
        print_json(_json(remade, parsed))
        return
    if raw:
        click.echo(remade.email.content, nl=False)
        err().print(_verdict(remade, with_code=with_code))
        return
    console = out()
    for name in ("From", "To", "Subject", "Date"):
        console.print(f"{name}: {parsed[name]}")
    console.print()
    console.print(_part(parsed, "plain"))
    console.print(_verdict(remade, with_code=with_code))


def _part(parsed: Any, kind: str) -> str:
    """Return the text of one part."""
    part = next((part for part in parsed.walk() if part.get_content_type() == f"text/{kind}"), None)
    content = part.get_payload(decode=True) if part is not None else b""
    return content.decode() if isinstance(content, bytes) else ""


def _json(remade: Remade, parsed: Any) -> dict[str, Any]:
    return {
        "run": remade.message.run_id,
        "state": remade.message.state.value,
        "sent_at": remade.message.sent_at,
        "subject": str(parsed["Subject"]),
        "text": _part(parsed, "plain"),
        "html": _part(parsed, "html"),
        "exact": remade.exact,
        "why_not": list(remade.why),
    }


def _verdict(remade: Remade, *, with_code: bool) -> str:
    """Say how far this is the e-mail that left."""
    if not remade.exact:
        reasons = "\n".join(f"- {reason}" for reason in remade.why)
        return (
            f"This is not exactly the e-mail that left: another digest was kept. Why that may be:\n{reasons}"
        )
    hidden = " Its code is hidden here; --code shows it." if not with_code and remade.email.code else ""
    return f"This is the e-mail that left, to the byte: its digest is the one that was kept.{hidden}"
