"""`tillroll send report`: last week's report to somebody of the shop, to see it in a mail program."""

from __future__ import annotations

from datetime import datetime

import click

from tillroll.approve.people import approver_addresses
from tillroll.campaign import Book
from tillroll.campaign.text.addresses import same_address
from tillroll.campaign.text.zones import zone_of
from tillroll.cli.support.opening import open_services, read_campaigns
from tillroll.cli.support.options import JSON, PERSON
from tillroll.cli.support.output import say
from tillroll.cli.support.people import require_viewer
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import NotAllowed, Refused
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.people.notices import keep
from tillroll.ledger.records import Store
from tillroll.loop.notices.weekly import week_before, weekly_notice
from tillroll.loop.notices.whom import ShopPeople
from tillroll.wiring import Services


@click.command("report")
@click.argument("address")
@click.option(
    "--campaign", "names", multiple=True, metavar="NAME", help="About this campaign only; may be repeated."
)
@PERSON
@JSON
@for_store
def send_report(address: str, names: tuple[str, ...], email: str | None, as_json: bool) -> None:
    """Send the report of the last whole week to ADDRESS, as rules/reports.yaml would. The worker sends it at its next turn.

    ADDRESS is that of an approver, one that rules/reports.yaml names, or one of TILLROLL_PROOF_TO.

    \b
    Example:
      tillroll send report ana@shop.example
      tillroll send report ana@shop.example --campaign winback
    """
    with open_services() as services:
        store = chosen_store(services)
        require_viewer(services, email, store.id, "send reports")
        if store.sums_zone != store.timezone:
            raise Refused(
                "The sums that reports are made of haven't been built yet.",
                hint="Start the worker once: tillroll worker (or tillroll up).",
            )
        book = read_campaigns(services, store)
        _keep_report(services, store, book, address, names, services.clock.now())
    words = f"The report to {address} is queued; the worker sends it at its next turn."
    say({"to": address, "state": "queued"}, words, as_json=as_json)


def _keep_report(
    services: Services, store: Store, book: Book, address: str, names: tuple[str, ...], now: datetime
) -> None:
    """Queue a report. One of the same minute isn't queued twice."""
    people = ShopPeople(
        services=services, store=store, rules=book.notices, reports=book.reports, brand=book.brand
    )
    monday = week_before(now, zone_of(store.timezone))
    with reading(services.engine) as connection:
        named = [word for rule in book.reports.weekly for word in rule.to]
        known = [
            *people.report_readers(connection, named),
            *approver_addresses(connection, store.id),
            *services.settings.proof_to,
        ]
        if same_address(address) not in {same_address(each) for each in known}:
            raise NotAllowed(
                f"{address} gets no reports of this store.",
                hint="Name it in rules/reports.yaml or in TILLROLL_PROOF_TO, or give its account the role approver.",
            )
        topic = f"asked for at {now:%Y-%m-%d %H:%M}: {', '.join(sorted(names)) or 'all'}"
        notice = weekly_notice(connection, people, monday, names, topic)
    with writing(services.engine) as connection:
        keep(connection, store.id, notice, [address], now)
