"""`tillroll audit`: whether the record of all decisions is whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from tillroll.cli.support.family import Family
from tillroll.cli.support.opening import open_services
from tillroll.cli.support.options import JSON, PERSON, YES
from tillroll.cli.support.output import facts_table, out, print_json
from tillroll.cli.support.people import confirm, require_approver
from tillroll.cli.support.stores import chosen_store, for_store
from tillroll.errors import TillrollError
from tillroll.ledger.audit import Head, first_broken_row, head_of, parse_head, record
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.queries.stores import all_stores
from tillroll.ledger.records import Store
from tillroll.recovery.anchor import NEEDS_PERSON, Anchor, AnchorState, keep_anchor, read_anchor
from tillroll.recovery.fence import replace_head
from tillroll.recovery.fence_place import read_record
from tillroll.wiring import Services

_SAID = {
    AnchorState.HELD: "is part of the chain",
    AnchorState.MISSING: "is NOT part of the chain: rows were removed, or the ledger was replaced by an older one",
    AnchorState.UNREADABLE: "can't be read: what the store keeps there is no head, so nobody knows whether rows were removed",
    AnchorState.NONE: "no head is kept there yet",
    AnchorState.UNREACHABLE: "couldn't be asked",
}


@dataclass(frozen=True, kw_only=True)
class AnchorCheck:
    """A head that was kept outside the ledger, and whether the chain still holds it."""

    where: str
    head: Head | None
    state: AnchorState
    reason: str = ""

    def sentence(self) -> str:
        """Return the outcome in words."""
        head = f"row {self.head.number} " if self.head is not None else ""
        return f"{head}{_SAID[self.state]}{f' ({self.reason})' if self.reason else ''}"


class HeadParam(click.ParamType[Head]):
    """A head of the chain, as `tillroll audit verify` prints it: 12:0f3a…"""

    name = "head"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Head:
        """Return the head that the text names."""
        head = value if isinstance(value, Head) else parse_head(str(value))
        if head is None:
            self.fail(
                f"{value!r} is no head; it is a row's number, a colon and 64 hexadecimal digits", param, ctx
            )
        return head


@click.group(cls=Family)
def audit() -> None:
    """The record of all decisions: a chain of rows, each with the hash of the one before.

    \b
    Example:
      tillroll audit verify
    """


@audit.command()
@click.option(
    "--head",
    "heads",
    multiple=True,
    type=HeadParam(),
    metavar="NUMBER:HASH",
    help="A head that you kept, from a notice or an earlier look; may be repeated.",
)
@click.option("--offline", is_flag=True, help="Don't ask the stores for the heads that they keep.")
@JSON
def verify(heads: tuple[Head, ...], offline: bool, as_json: bool) -> None:
    """Read the whole chain and say where it first breaks, and whether rows were cut off its end.

    That shows by heads that were kept elsewhere: the stores keep one, notices name one, and --head takes yours. The exit code
    is 1 if the chain is broken, lacks a head, or a store keeps something else in the head's place. What a store keeps is replaced
    only by tillroll audit replace.

    \b
    Example:
      tillroll audit verify
      tillroll audit verify --json | jq .whole
    """
    with open_services() as services:
        with reading(services.engine) as connection:
            broken_at, head = first_broken_row(connection), head_of(connection)
            given = [
                AnchorCheck(where="--head", head=kept, state=Anchor(text=str(kept)).state(connection))
                for kept in heads
            ]
            stores = [] if offline else all_stores(connection)
        checks = [*given, *(check for store in stores for check in _check_store(services, store))]
    whole = broken_at is None and all(check.state not in NEEDS_PERSON for check in checks)
    if as_json:
        print_json(_to_json(broken_at, head, checks, whole=whole))
    else:
        _show(broken_at, head, checks)
    if not whole:
        raise click.exceptions.Exit(1)


@audit.command()
@PERSON
@YES
@for_store
def replace(email: str | None, yes: bool) -> None:
    """Let the store keep this chain's head from now on, though its own is missing in the chain or can't be read.

    First find out why, with the heads in the notices that you got: tillroll audit verify --head. That it was replaced, and by
    whom, becomes a row of the chain.

    \b
    Example:
      tillroll audit replace --store 1003
    """
    with open_services() as services:
        store = chosen_store(services)
        person = require_approver(services, email, store.id, "replace the head of the audit chain")
        confirm("Shall the store forget the head that it keeps, and keep this chain's?", yes=yes)
        now = services.clock.now()
        with services.client(store, person=True) as client:
            before = read_anchor(client)
            with writing(services.engine) as connection:
                record(
                    connection,
                    at=now,
                    actor=person.email,
                    action="audit.head_replaced",
                    subject=f"store {store.ecwid_id}",
                    body={"before": before.text},
                )
            session = services.session(store.id, client)
            keep_anchor(session, now=now, replacing=True)
            replace_head(session, now=now)
    out().print("The store keeps the head of this chain now.")


def _check_store(services: Services, store: Store) -> list[AnchorCheck]:
    """Compare the head that a store keeps, and the one that the fence's record carries there since a run began."""
    where = f"store {store.ecwid_id}"
    try:
        with services.client(store, person=True) as client:
            kept = {where: read_anchor(client)}
            if (record := read_record(client)) is not None and record.head:
                kept[f"{where}, fence"] = Anchor(text=record.head)
    except TillrollError as error:
        return [AnchorCheck(where=where, head=None, state=AnchorState.UNREACHABLE, reason=error.message)]
    with reading(services.engine) as connection:
        return [
            AnchorCheck(where=place, head=anchor.head, state=anchor.state(connection))
            for place, anchor in kept.items()
        ]


def _to_json(
    broken_at: int | None, head: Head | None, checks: Sequence[AnchorCheck], *, whole: bool
) -> dict[str, Any]:
    return {
        "whole": whole,
        "broken_at": broken_at,
        "rows": head.number if head is not None else 0,
        "head": str(head) if head is not None else None,
        "anchors": [
            {
                "where": check.where,
                "head": str(check.head) if check.head else None,
                "state": check.state.value,
            }
            for check in checks
        ],
    }


def _show(broken_at: int | None, head: Head | None, checks: Sequence[AnchorCheck]) -> None:
    chain = (
        "whole" if broken_at is None else f"BROKEN at row {broken_at}: it was changed, or a row before it was"
    )
    facts = {"chain": chain, "head": str(head) if head is not None else "none: the chain has no row"}
    for check in checks:
        name = check.where
        while name in facts:  # --head may be given twice
            name += " "
        facts[name] = check.sentence()
    out().print(facts_table(facts))
