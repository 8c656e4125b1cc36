"""Handing claimed messages to the transport: a message at which the transport fails costs the others nothing.

The gate hears of each outcome before the next message leaves by the same connection (`transport.py`). So when a transport fails,
what it was about to send may have left, unless its own log says otherwise. The other messages are handed over again.
"""

from __future__ import annotations

from collections.abc import Sequence

from tillroll.campaign.states import Stage
from tillroll.ledger.faults.boundary import concerns_everybody, note
from tillroll.ledger.records import Run
from tillroll.rendering.mime import Outgoing
from tillroll.send.context import SendContext
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.outcomes import message_item
from tillroll.send.transport import Delivery
from tillroll.send.wire import Wire


def hand_over(context: SendContext, run: Run, claimed: Sequence[Outgoing], gate: Wire) -> None:
    """Hand each message over once, as long as they may leave. The gate is given an outcome for each that did not stay.

    A fault that concerns everybody is raised. Messages that were handed over by then stay claimed, and are settled as those of a
    process that died.
    """
    remaining = list(claimed)
    while remaining:
        settled: set[int] = set()
        try:
            for delivery in context.transport.deliver(remaining, gate):
                settled.add(delivery.message_id)
                gate.note(delivery)
            return
        except Exception as fault:
            if concerns_everybody(fault):
                raise
            unsettled = [message for message in remaining if message.message_id not in settled]
            at_hand = [message for message in unsettled if message.message_id in gate.on_the_wire]
            alone = len(remaining) == 1
            for delivery in _settle_at_hand(context, run, unsettled, at_hand, fault, alone=alone):
                settled.add(delivery.message_id)
                gate.note(delivery)
            remaining = [message for message in unsettled if message.message_id not in settled]
            if len(remaining) == len(unsettled):  # nobody knows which one it was: each alone
                for message in remaining:
                    hand_over(context, run, [message], gate)
                return


def _settle_at_hand(
    context: SendContext,
    run: Run,
    unsettled: Sequence[Outgoing],
    at_hand: Sequence[Outgoing],
    fault: Exception,
    *,
    alone: bool,
) -> list[Delivery]:
    """Return the outcomes that are known after a fault.

    By the transport's log if it keeps one. Otherwise what was about to leave may have left; if nothing was, the first message
    is the one that the transport failed at.
    """
    if not unsettled:
        return []
    left = context.transport.delivered([message.key for message in unsettled])
    if left is None or (alone and unsettled[0].key not in left):
        outcome = DeliveryOutcome.UNKNOWN if left is None else DeliveryOutcome.FAILED
        return [_failed_at(context, run, victim, fault, outcome) for victim in at_hand or unsettled[:1]]
    return [
        Delivery(message_id=message.message_id, outcome=DeliveryOutcome.SENT)
        for message in unsettled
        if message.key in left
    ]


def _failed_at(
    context: SendContext, run: Run, victim: Outgoing, fault: Exception, outcome: DeliveryOutcome
) -> Delivery:
    item, now = message_item(run, victim.message_id), context.clock.now()
    noted = context.database.insist(  # the outcomes so far must not be lost now
        lambda: note(context.engine, item, fault, stage=Stage.SEND, now=now, for_good=True)
    )
    reason = f"the transport failed at it: fault {noted.reference}"
    return Delivery(message_id=victim.message_id, outcome=outcome, reason=reason)
