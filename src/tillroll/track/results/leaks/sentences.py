"""What looks like a leak, in words."""

from __future__ import annotations

from tillroll.campaign.states import LeakKind
from tillroll.campaign.text.counts import count_of

SAID_OF = {
    LeakKind.OTHER_BUYER: "used by somebody else than the recipient",
    LeakKind.MANY_CODES: "one buyer with codes of several recipients",
    LeakKind.MANY_BUYERS: "one recipient's code with several buyers",
    LeakKind.BURST: "far more uses in an hour than usual, by people whom no e-mail told",
}
"""Each kind as a line of a list."""


def say_leak(kind: LeakKind, uses: int) -> str:
    """Return the kind, with the number of orders where there may be several."""
    return SAID_OF[kind] if kind is LeakKind.OTHER_BUYER else f"{SAID_OF[kind]}: {count_of(uses, 'order')}"
