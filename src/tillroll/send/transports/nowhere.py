"""No way to send e-mails: what an installation has that works for real stores and was told of none.

Nothing leaves the machine, and no message loses an attempt. The worker holds this transport from its start (`hold.py`), so that
pages, `status`, log and metrics say so before the first e-mail is due. Files are no substitute: whoever sees "sent" believes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from tillroll.rendering.mime import Outgoing
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transport import OPEN, Delivery, Departed, Gate
from tillroll.send.trouble import Trouble


class Nowhere:
    """A transport that takes nothing."""

    via = None
    name = "none"
    batch = 100
    keeps_log = False  # of what left by the transport before it, it knows nothing

    def deliver(self, messages: Sequence[Outgoing], gate: Gate = OPEN) -> Iterator[Delivery]:
        """Yield that each message was not tried."""
        for message in messages:
            yield Delivery(
                message_id=message.message_id,
                outcome=DeliveryOutcome.UNTRIED,
                trouble=Trouble.NO_TRANSPORT,
                reason="",
            )

    def delivered(self, keys: Collection[str]) -> frozenset[str] | None:
        return None

    def since(self, moment: datetime) -> Iterator[Departed] | None:
        return None
