"""How the command writes: rich on a terminal, plain when piped, JSON when asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tillroll.campaign.proposal import Level, Proposal
from tillroll.campaign.sentence import say_money
from tillroll.campaign.states import RunState
from tillroll.errors import FaultyFiles, TillrollError

STATE_STYLE = {
    RunState.WAITING: "yellow",
    RunState.MINTING: "cyan",
    RunState.SENDING: "cyan",
    RunState.TRACKING: "green",
    RunState.DONE: "green",
    RunState.REFUSED: "red",
    RunState.REJECTED: "red",
    RunState.HALTED: "red",
}


def out() -> Console:
    """Where results go. Made when needed, so that a redirected stdout is seen as such."""
    return Console(highlight=False, soft_wrap=False)


def err() -> Console:
    """Where progress and troubles go."""
    return Console(stderr=True, highlight=False)


def say_json(value: Any) -> None:
    """One JSON object on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def say_error(trouble: TillrollError) -> None:
    """What happened, then what to do."""
    console = err()
    if isinstance(trouble, FaultyFiles):
        for line in trouble.lines:
            console.print(Text(line))
    console.print(Text.assemble(("✗ ", "bold red"), trouble.message), soft_wrap=True)
    if trouble.hint:
        console.print(Text.assemble(("  → ", "dim"), trouble.hint), soft_wrap=True)


def in_zone(moment: datetime, zone: str) -> str:
    """A moment by the store's clock."""
    return f"{moment.astimezone(ZoneInfo(zone)):%a %d %b %Y %H:%M} ({zone})"


def facts_table(rows: Mapping[str, str]) -> Table:
    """Two columns: a word and what it is."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in rows.items():
        table.add_row(name, Text(value))
    return table


_MARKS = {
    Level.PASS: ("✓", "green"),
    Level.WARN: ("!", "yellow"),
    Level.APPROVERS: ("+", "cyan"),
    Level.REFUSE: ("✗", "red"),
}


def _say_what(proposal: Proposal) -> dict[str, str]:
    """What they get: the offer and its codes if there is one, each arm, and the e-mail."""
    said = {"because": proposal.happened} if proposal.happened else {}
    if proposal.offer:
        said |= {"offer": proposal.offer, "valid": proposal.valid}
        said["codes"] = f"{proposal.code_count} like {proposal.code_example}"
        if proposal.strength is not None:
            said["guessing"] = proposal.strength.sentence()
    if (values := proposal.values) is not None:
        said["worth"] = f"{values.least} to {values.most}, on average {values.mean}"
    for arm in proposal.arms:
        said[f"arm {arm.name}"] = f"{arm.count} recipients: {arm.offer}; {arm.template}: {arm.subject}"
    if proposal.template and not proposal.arms:
        said["e-mail"] = f"{proposal.template}: {proposal.subject}"
    return said


def show_proposal(console: Console, proposal: Proposal, *, digest: str) -> None:
    """A plan for a reader at a terminal."""
    audience, exposure, currency = proposal.audience, proposal.exposure, proposal.currency
    excluded = ", ".join(f"{count} {reason}" for reason, count in audience.excluded.items()) or "nobody"
    worst = "without bound" if exposure.worst_case is None else say_money(exposure.worst_case, currency)
    expected = "can't be told" if exposure.expected is None else say_money(exposure.expected, currency)
    console.print(
        Text.assemble((proposal.title, "bold"), f"  ·  {proposal.campaign}  ·  {proposal.store_name}")
    )
    console.print(
        facts_table(
            {
                "who": f"{audience.count} recipients. {audience.sentence}",
                "left out": f"{excluded} (of {audience.matched} the segment selects)",
                **_say_what(proposal),
                "worst case": f"{worst}  ({exposure.worst_case_basis})",
                "expected": f"{expected}  ({exposure.expected_basis})",
                "store": f"{proposal.calls} requests, about {proposal.minutes} minutes at its pace",
                "approval": f"{proposal.approvers} person(s)",
                "digest": digest,
            }
        )
    )
    for verdict in proposal.verdicts:
        mark, colour = _MARKS[verdict.level]
        figures = f"{verdict.rule}: {verdict.measured} (limit {verdict.limit}) "
        console.print(Text.assemble((f"{mark} ", f"bold {colour}"), figures, (verdict.text, colour)))
