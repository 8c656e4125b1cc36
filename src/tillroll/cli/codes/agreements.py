"""Requests that need several approvers: how the terminal and `--json` show who has agreed so far."""

from __future__ import annotations

from typing import Any

from tillroll.cli.support.output import out, print_json
from tillroll.ledger.queries.agreements import PendingAgreement


def print_agreement(agreement: PendingAgreement, *, as_json: bool) -> None:
    """Report that an agreement was recorded and that more people are needed."""
    if as_json:
        print_json({"waits": agreement_json(agreement)})
        return
    out().print(str(agreement))
    out().print("It is done once the last of them has given the same command, with --as.", style="dim")


def agreement_json(agreement: PendingAgreement) -> dict[str, Any]:
    """Return a request that waits for more approvers as plain data."""
    return {
        "kind": agreement.kind,
        "campaign": agreement.campaign,
        "run": agreement.run_id,
        "valid_until": agreement.valid_until,
        "agreed": list(agreement.by),
        "needed": agreement.needed,
    }
