"""The results of each arm of a run: recipients, e-mails, and the orders that used a code."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.engine import Connection

from tillroll.campaign.states import MessageKind, MessageState
from tillroll.ledger.counting.read import messages_of_run, uses_of_run
from tillroll.ledger.records import Run


@dataclass(frozen=True, kw_only=True)
class ArmResult:
    """The results of one arm up to now."""

    name: str
    recipients: int  # for whom there is an e-mail
    sent: int
    redemptions: int  # orders that used a code of its recipients
    discount: Decimal
    revenue: Decimal


def results_by_arm(connection: Connection, run: Run) -> list[ArmResult]:
    """Return the results of the arms of a run, by name; empty when the campaign has no arms."""
    offers = [each for each in messages_of_run(connection, run.id) if each.kind == MessageKind.OFFER]
    used = {use.arm: use for use in uses_of_run(connection, run.id)}
    zero = Decimal(0)
    return [
        ArmResult(
            name=arm,
            recipients=sum(each.count for each in offers if each.arm == arm),
            sent=sum(each.count for each in offers if each.arm == arm and each.state is MessageState.SENT),
            redemptions=used[arm].orders if arm in used else 0,
            discount=used[arm].discount if arm in used else zero,
            revenue=used[arm].revenue if arm in used else zero,
        )
        for arm in sorted({each.arm for each in offers} - {""})
    ]
