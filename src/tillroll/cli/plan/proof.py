"""`tillroll proof`: one e-mail of a campaign as it would leave, to be looked at; and `tillroll send test`, which sends it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tillroll.campaign import Revision
from tillroll.campaign.frozen.recipient import Recipient
from tillroll.cli.plan.mails import Letters, letters_of, letters_of_steps
from tillroll.cli.plan.plan import current_revision
from tillroll.cli.support.opening import open_services, require_customers
from tillroll.cli.support.options import JSON, PERSON
from tillroll.cli.support.output import out, print_json, say, write_file
from tillroll.cli.support.people import require_viewer
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import NotFound, Refused
from tillroll.ledger.records import Store
from tillroll.outlook.flow_preview import preview_flow
from tillroll.outlook.plan_preview import PreviewRequest, preview_plan
from tillroll.plan.due.pool import only_fills_pool
from tillroll.rendering.preview import PreviewSubject
from tillroll.rendering.proof.proof import Proof, make_proof
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.proof import ProofOrder, send_proof
from tillroll.wiring import Services

_FORMS = ("lint", "text", "html", "dark", "headers", "raw")

TO = click.option(
    "--to", metavar="EMAIL", help="For this recipient. Default: the first of the plan's examples."
)
ARM = click.option("--arm", default="", help="For a recipient of this variant. Default: of any.")
STEP = click.option("--step", type=click.IntRange(1, 50), default=1, help="The step of a flow. Default: 1.")
LANGUAGE = click.option(
    "--language", default="", help="As readers of this language get it, like de. Default: the recipient's."
)


@click.command()
@click.argument("name")
@TO
@ARM
@STEP
@LANGUAGE
@click.option(
    "--show",
    "form",
    type=click.Choice(_FORMS),
    default="lint",
    help="What could be better (lint, the default), or the e-mail as text, as HTML (html, dark), its headers, or all its bytes.",
)
@click.option(
    "--file",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it to a file: an .html for a browser, an .eml for a mail program.",
)
@JSON
@for_store
def proof(
    name: str,
    to: str | None,
    arm: str,
    step: int,
    language: str,
    form: str,
    target: Path | None,
    as_json: bool,
) -> None:
    """Show one e-mail of the campaign NAME as it would leave, and what could be better about it. Nothing is sent.

    Its code exists nowhere, and its unsubscribe link leads nowhere, so trying them out changes nothing.

    \b
    Example:
      tillroll proof winback
      tillroll proof winback --to eva@mail.example --show headers
      tillroll proof abandoned-cart --step 2 --language de --show raw --file cart.eml
    """
    with open_services() as services:
        store = chosen_store(services)
        _, made = proof_of(services, store, name, to=to, arm=arm, step=step, language=language)
    if as_json:
        print_json(_json(made))
        return
    content = made.content if form == "raw" else _shown(made, form).encode()
    if target is not None:
        write_file(target, content)
        out().print(f"Wrote {target} ({len(content) / 1024:.0f} kB).", soft_wrap=True)
    else:
        click.echo(content, nl=not content.endswith(b"\n"))


@click.command("test")
@click.argument("address")
@click.option("--campaign", "name", required=True, metavar="NAME", help="Whose e-mail.")
@TO
@ARM
@STEP
@LANGUAGE
@PERSON
@JSON
@for_store
def send_test(
    address: str,
    name: str,
    to: str | None,
    arm: str,
    step: int,
    language: str,
    email: str | None,
    as_json: bool,
) -> None:
    """Send one e-mail of a campaign to ADDRESS, to see it in a mail program. Its subject begins with [Proof].

    ADDRESS is that of an account with a role for the store, or one of TILLROLL_PROOF_TO. The code in it exists nowhere. At most
    30 an hour; each is in the audit.

    \b
    Example:
      tillroll send test ana@shop.example --campaign winback
      tillroll send test ana@shop.example --campaign winback --language de
    """
    with open_services() as services:
        store = chosen_store(services)
        person = require_viewer(services, email, store.id, "send proofs")
        subject, made = proof_of(services, store, name, to=to, arm=arm, step=step, language=language)
        order = ProofOrder(
            subject=subject,
            proof=made,
            to=address,
            person=person.email,
            allowed=services.settings.proof_to,
        )
        transport = services.transport_of(store.ecwid_id)
        done = send_proof(services.engine, transport, order, now=services.clock.now())
        via = transport.name
    if done.outcome is not DeliveryOutcome.SENT:
        raise Refused(
            f"The proof was not sent ({done.outcome.value}): {done.reason}.",
            hint="Whether e-mails can leave: tillroll send",
        )
    say(
        {"to": address, "via": via, "score": made.score},
        f"The proof went to {address}, via {via}.",
        as_json=as_json,
    )


def proof_of(
    services: Services,
    store: Store,
    name: str,
    *,
    to: str | None,
    arm: str,
    step: int,
    language: str,
) -> tuple[PreviewSubject, Proof]:
    """Return the proof that a command asks for. Raises `Refused` or `NotFound` if there is no such e-mail."""
    revision = current_revision(services, store, name)
    require_customers(store)
    now = services.clock.now()
    letters = _letters(services, store, revision, to=to, step=step, language=language)
    people = _of_arm(letters.people, revision, arm)
    subject = replace(letters.subject, now=now)
    sender = services.settings.mail_of(store.ecwid_id).sender or f"{store.name} <{store.email}>"
    made = make_proof(subject, people[0], sender=sender)
    if made is None:
        raise Refused(f"The campaign {name} sends no e-mail.")
    return subject, made


def _letters(
    services: Services, store: Store, revision: Revision, *, to: str | None, step: int, language: str
) -> Letters:
    request = PreviewRequest(
        engine=services.engine,
        store=store,
        revision=revision,
        now=services.clock.now(),
        to=(to,) if to else (),
        per_minute=services.settings.requests_per_minute,
        has_links=bool(services.links),
        transport=services.transport_of(store.ecwid_id).name,
    )
    waits = revision.campaign.when.on is not None and not only_fills_pool(revision.campaign)
    steps = (
        letters_of_steps(preview_flow(request), store, language)
        if waits
        else [letters_of(preview_plan(request), store, language)]
    )
    if step > len(steps):
        raise NotFound(f"The campaign {revision.name} has no step {step}.")
    return steps[step - 1]


def _of_arm(people: tuple[Recipient, ...], revision: Revision, arm: str) -> tuple[Recipient, ...]:
    """Return the recipients of a variant. Its e-mail can be shown for one of another, as long as nobody of it is known."""
    if arm and arm not in revision.arms:
        raise NotFound(
            f"There is no variant {arm!r}; there are {', '.join(filter(None, revision.arms)) or 'none'}."
        )
    if not people:
        raise Refused(
            "The audience is empty, so there is no e-mail to show.", hint="Name a recipient with --to."
        )
    own = tuple(one for one in people if not arm or one.arm == arm)
    return own or tuple(replace(one, arm=arm, value=None) for one in people[:1])


def _shown(made: Proof, form: str) -> str:
    match form:
        case "text":
            return f"Subject: {made.rendered.subject}\n\n{made.rendered.text}"
        case "html" | "dark":
            return made.html(dark=form == "dark")
        case "headers":
            return made.headers
        case _:
            points = [f"- {note.problem}" for note in made.notes] or ["Nothing could be better."]
            return "\n".join([f"{made.score} of 100 points: {made.rendered.subject}", *points])


def _json(made: Proof) -> dict[str, Any]:
    return {
        "campaign": made.campaign,
        "arm": made.arm,
        "language": made.language,
        "subject": made.rendered.subject,
        "text": made.rendered.text,
        "html": made.rendered.whole_html,
        "headers": made.headers,
        "score": made.score,
        "notes": [{"rule": note.rule.value, "problem": note.problem} for note in made.notes],
    }
