"""`tillroll doctor mail`: whether the world's mail servers will believe the sender."""

from __future__ import annotations

import click

from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON
from tillroll.cli.support.output import out, print_json
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import Refused
from tillroll.send.doctor.examine import examine
from tillroll.send.doctor.findings import Health
from tillroll.send.doctor.published import LiveDns

_MARKS = {Health.GOOD: "ok", Health.WARNING: "warning", Health.FAULT: "FAULT", Health.UNSEEN: "not seen"}


@click.group(cls=Family)
def doctor() -> None:
    """Find out what keeps things from working.

    \b
    Example:
      tillroll doctor mail
    """


@doctor.command("mail")
@click.option(
    "--selector", "selectors", multiple=True, metavar="NAME", help="A DKIM selector; may be repeated."
)
@click.option("--dns", "server", default="", metavar="ADDRESS[:PORT]", help="The DNS server to ask.")
@JSON
@for_store
def mail(selectors: tuple[str, ...], server: str, as_json: bool) -> None:
    """Look at what the sender's domain publishes (MX, SPF, DKIM, DMARC), and say what to publish.

    \b
    Example:
      tillroll doctor mail
      tillroll doctor mail --selector 20250612pm
    """
    for selector in selectors:
        if not selector.replace("-", "").replace("_", "").replace(".", "").isalnum() or len(selector) > 100:
            raise Refused(f"{selector[:40]} is no DKIM selector.", hint="It is what is before ._domainkey.")
    with open_services() as services:
        store, settings = chosen_store(services), services.settings
        account = settings.mail_of(store.ecwid_id)
        sender = account.sender or store.email
        if not sender:
            raise Refused(
                "No sender is known.", hint="Set TILLROLL_MAIL_FROM, like Shop <hello@shop.example>."
            )
        found = examine(
            _dns(server),
            sender=sender,
            via=account.via,
            bounces_to=settings.bounces_to,
            selectors=selectors,
        )
    if as_json:
        rows = [
            {
                "check": one.check.value,
                "health": one.health.value,
                "sentence": one.sentence,
                "publish": one.publish,
            }
            for one in found
        ]
        print_json({"sender": sender, "findings": rows})
    else:
        out().print(f"The sender is {sender}.")
        for one in found:
            out().print(f"{one.check.value}: {_MARKS[one.health]}. {one.sentence}")
            if one.publish:
                out().print(f"  publish: {one.publish}")
    if any(one.health is Health.FAULT for one in found):
        raise click.exceptions.Exit(1)


def _dns(server: str) -> LiveDns:
    if not server:
        return LiveDns()
    address, _, port = server.partition(":") if server.count(":") == 1 else (server, "", "")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise Refused("The DNS server's port is no port.", hint="Write it like 9.9.9.9 or 127.0.0.1:5353.")
    try:
        return LiveDns(address, port=int(port or 53))
    except ValueError as fault:
        raise Refused(
            "The DNS server has no valid address.", hint="Write it like 9.9.9.9 or 127.0.0.1:5353."
        ) from fault
