"""`tillroll codes find`: whose a code is, and whether it is valid. For support, when a customer calls."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from functools import partial

import click
from rich.text import Text

from tillroll.campaign.codes.standing import standing_of
from tillroll.campaign.codes.standing_words import say_standing
from tillroll.campaign.frozen.recipient import mask_email
from tillroll.campaign.text.money import say_money
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.moments import say_local
from tillroll.cli.support.opening import open_services, read_campaigns
from tillroll.cli.support.options import JSON, PERSON
from tillroll.cli.support.output import facts_table, local_time, out, print_json
from tillroll.cli.support.people import require_viewer
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import NotFound
from tillroll.ledger.records import Store
from tillroll.track.lookups.code_forms import forms_in, mistyped_campaigns, say_mistyped
from tillroll.track.lookups.code_lookup import CodeLookup, look_up


@click.command()
@click.argument("typed", metavar="CODE", nargs=-1, required=True)
@PERSON
@JSON
@for_store
def find(typed: tuple[str, ...], email: str | None, as_json: bool) -> None:
    """Show whose CODE is, whether it is valid, and what it was used for, however it was typed.

    Your look-up is recorded in the audit log. Without the approver role the code is shown masked.

    Case, spaces and hyphens don't matter, and O, I and L are read as the digits they look like. Where the code's format has
    a check character, a typing error is told apart from a code that never existed.

    \b
    Example:
      tillroll codes find back7k2o9mxhbt
    """
    text = " ".join(typed)
    with open_services() as services:
        store = chosen_store(services)
        person = require_viewer(services, email, store.id, "look up codes")
        revisions = read_campaigns(services, store).revisions
        forms = [form for name, revision in revisions.items() for form in forms_in(name, revision)]
        code = look_up(
            services.engine,
            store_id=store.id,
            typed=text,
            forms=forms,
            person=person.email,
            in_clear=person.may_decide(store.id),
            now=services.clock.now(),
        )
    if code is None:
        raise NotFound("The ledger has no such code.", hint=say_mistyped(mistyped_campaigns(text, forms)))
    now = services.clock.now()
    says = say_standing(code.facts, now=now, say_moment=partial(say_local, zone=zone_of(store.timezone)))
    if as_json:
        print_json({**_json(code, now), "says": says})
    else:
        out().print(Text.assemble((code.code, "bold"), f"  {says}"))
        out().print(facts_table(_facts(code, store)))


def _json(code: CodeLookup, now: datetime) -> dict[str, object]:
    return {
        "code": code.code,
        "state": standing_of(code.facts, now).value,
        "reason": code.reason,
        "campaign": code.campaign,
        "run_id": code.run_id,
        "email": mask_email(code.email) if code.email else None,
        "sent_at": code.sent_at,
        "works_from": code.facts.works_from,
        "works_until": code.facts.works_until,
        "uses": [asdict(use) for use in code.uses],
    }


def _facts(code: CodeLookup, store: Store) -> dict[str, str]:
    facts = {"campaign": f"{code.campaign}, run {code.run_id}"}
    facts["recipient"] = mask_email(code.email) if code.email else "none: for anybody, or not given out yet"
    if code.reason:
        facts["reason"] = code.reason
    if code.sent_at is not None:
        facts["sent"] = local_time(code.sent_at, store.timezone)
    start, end = code.facts.works_from, code.facts.works_until
    if end is not None:
        since = f"from {local_time(start, store.timezone)} " if start else ""
        facts["valid"] = f"{since}until {local_time(end, store.timezone)}"
    used = [
        f"order {use.order_id}, {local_time(use.at, store.timezone)}, {say_money(use.discount, store.currency)} off"
        for use in code.uses
    ]
    return {**facts, "used": "; ".join(used) or "never, in the orders read so far"}
