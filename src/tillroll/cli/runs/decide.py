"""`tillroll approve` and `reject`: a person's decision on a run's plan."""

from __future__ import annotations

import sys

import click
from rich.text import Text

from tillroll.approve.act import approve, reject
from tillroll.campaign.frozen.proposal import StoredPlan
from tillroll.campaign.states import RunState
from tillroll.cli.plan.show import show_proposal
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, NOTE, NUMBER, PERSON
from tillroll.cli.support.output import out, print_json
from tillroll.cli.support.people import require_person
from tillroll.errors import Conflict, Refused
from tillroll.ledger.engine import reading
from tillroll.ledger.queries.plans import load_plan
from tillroll.plan.diff import compare_stored_plan
from tillroll.wiring import Services

_RUN = click.argument("run_id", metavar="RUN", type=NUMBER)
_DIGEST = click.option(
    "--digest",
    default="",
    help="The digest of the plan you decide on; required when there is no terminal for the question.",
)
_DIGEST_SHOWN = 12  # characters that identify a plan


@click.command("approve")
@_RUN
@PERSON
@_DIGEST
@NOTE
@JSON
def approve_command(run_id: int, email: str | None, digest: str, note: str, as_json: bool) -> None:
    """Approve the plan of run number RUN. The approval holds for exactly the digest that you confirm.

    \b
    Example:
      tillroll approve 12 --note "as discussed"
    """
    with open_services() as services:
        person, plan = require_person(services, email), _load_plan(services, run_id)
        digest = _confirmed_digest(services, plan, digest, "Approve exactly this plan?")
        now = services.clock.now()
        state = approve(
            services.engine,
            run_id=run_id,
            digest=digest,
            person=person,
            note=note,
            now=now,
            own_plans=services.settings.own_plans,
        )
    if as_json:
        print_json({"run": run_id, "state": state.value, "digest": digest})
    else:
        more = "" if state is RunState.APPROVED else " It awaits another approver."
        out().print(Text.assemble(("✓ ", "green"), f"{person.email} approved run {run_id}.{more}"))


@click.command("reject")
@_RUN
@PERSON
@_DIGEST
@click.option("--note", required=True, help="The reason, for the audit log and the campaign's author.")
@JSON
def reject_command(run_id: int, email: str | None, digest: str, note: str, as_json: bool) -> None:
    """Reject the plan of RUN, which ends the run.

    \b
    Example:
      tillroll reject 12 --note "too generous before Christmas"
    """
    with open_services() as services:
        person, plan = require_person(services, email), _load_plan(services, run_id)
        digest = _confirmed_digest(services, plan, digest, "Reject this plan?")
        now = services.clock.now()
        reject(services.engine, run_id=run_id, digest=digest, person=person, note=note, now=now)
    if as_json:
        print_json({"run": run_id, "state": "rejected", "digest": digest})
    else:
        out().print(f"{person.email} rejected run {run_id}.")


def _load_plan(services: Services, run_id: int) -> StoredPlan:
    """Return the run's plan; raises `Conflict` while it has none."""
    with reading(services.engine) as connection:
        plan = load_plan(connection, run_id)
    if plan is None:
        raise Conflict(
            f"Run {run_id} has no plan yet.", hint="Wait for the worker to plan it: tillroll status"
        )
    return plan


def _confirmed_digest(services: Services, plan: StoredPlan, given: str, question: str) -> str:
    """Return the digest a person decides on: the one they give, or that of the plan they are shown and confirm.

    A no aborts the command; raises `Refused` without a digest and a terminal.
    """
    if given:
        matches = len(given) >= _DIGEST_SHOWN and plan.digest.startswith(given)
        return plan.digest if matches else given  # the stage refuses another plan's digest, with a message
    if not sys.stdin.isatty():
        raise Refused(
            "Confirmation is needed, and there is no terminal to ask at.",
            hint=f"Give the digest of the plan you decide on: --digest {plan.digest[:_DIGEST_SHOWN]}",
        )
    with reading(services.engine) as connection:
        since = compare_stored_plan(connection, plan)
    show_proposal(out(), plan.proposal, digest=plan.digest, since=since)
    click.confirm(question, abort=True)
    return plan.digest
