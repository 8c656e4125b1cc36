"""Who used a code, and from when on uses look like a leak. Pure.

Nobody is accused because little is known of them: a use counts as somebody else's only if the postal addresses of both are known
and no address, surname, mailbox or customer number agrees. A code that was given to nobody in particular (shared, or of a pool
for partners) can't leak by being passed on; only a burst of its uses says that it was made public.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tillroll.campaign.figures.likeness import is_like
from tillroll.campaign.states import UsedBy

MANY = 3
"""So many codes of others used by one buyer, or buyers of one recipient's code, are a finding."""

STRANGERS = (UsedBy.OTHER, UsedBy.UNKNOWN)
"""Uses of a recipient's code that count for these: nothing says that they are the recipient's."""

_BURST_LEAST = 10
_BURST_TIMES = 6  # the usual number in an hour


@dataclass(frozen=True, kw_only=True)
class Party:
    """What is known of a recipient or a buyer."""

    customer_ids: frozenset[int] = field(default_factory=frozenset)
    mailboxes: frozenset[str] = field(default_factory=frozenset)
    households: frozenset[str] = field(default_factory=frozenset)  # digests
    surnames: frozenset[str] = field(default_factory=frozenset)  # digests


def used_by(recipient: Party, buyer: Party) -> UsedBy:
    """Return who used a recipient's code."""
    if recipient.customer_ids & buyer.customer_ids or recipient.mailboxes & buyer.mailboxes:
        return UsedBy.RECIPIENT
    if recipient.households & buyer.households or recipient.surnames & buyer.surnames:
        return UsedBy.HOUSEHOLD
    if any(is_like(mine, theirs) for mine in recipient.mailboxes for theirs in buyer.mailboxes):
        return UsedBy.LIKELY
    if not recipient.mailboxes or not buyer.mailboxes:
        return UsedBy.UNKNOWN  # somebody was forgotten
    return UsedBy.OTHER if _comparable(recipient.households, buyer.households) else UsedBy.UNKNOWN


def _comparable(some: frozenset[str], others: frozenset[str]) -> bool:
    """Return whether digests of one key are on both sides: those of different keys say nothing about each other."""
    return bool({one.partition(":")[0] for one in some} & {one.partition(":")[0] for one in others})


def is_burst(in_hour: int, before: int, hours_before: int) -> bool:
    """Return whether uses within an hour are far more than usual, from those in the hours before it."""
    usual = before / max(1, hours_before)
    return in_hour >= max(_BURST_LEAST, _BURST_TIMES * usual)
