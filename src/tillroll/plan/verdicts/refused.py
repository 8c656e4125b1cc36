"""Warn of recipients whose code the store would refuse: newcomers with a code for earlier customers, and the reverse."""

from __future__ import annotations

from collections.abc import Mapping

from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel
from tillroll.campaign.language.models import AllowedCustomers, Offer

_RULE = "code_refused"


def refused_code_verdicts(
    offers: Mapping[str, Offer | None],
    buyers: Mapping[str, int],
    newcomers: Mapping[str, int],
    *,
    of_one: bool,
) -> tuple[Verdict, ...]:
    """Compare whom each arm's code is for (`customers:`) with its recipients, who are counted by arm.

    An arm none of whose recipients could use their code refuses the plan; of an event of one customer it is a warning, since
    the next customer may be another one.
    """
    return tuple(
        verdict
        for arm, offer in offers.items()
        if offer is not None
        for verdict in _of_arm(offer, arm, buyers.get(arm, 0), newcomers.get(arm, 0), of_one)
    )


def _of_arm(offer: Offer, arm: str, buyers: int, newcomers: int, of_one: bool) -> tuple[Verdict, ...]:
    match offer.customers:
        case AllowedCustomers.NEW:
            refused, have, whom = buyers, "ordered before", "first orders only (customers: new)"
        case AllowedCustomers.REPEAT:
            refused, have, whom = newcomers, "never ordered", "who has ordered before (customers: repeat)"
        case _:
            return ()
    if not refused:
        return ()
    count = buyers + newcomers
    level = VerdictLevel.REFUSE if refused == count and not of_one else VerdictLevel.WARN
    has = "has" if refused == 1 else "have"
    text = (
        f"{f'arm {arm}: ' if arm else ''}{refused:,} of {count:,} {has} {have}, and the code is for {whom}: "
        "the store's till refuses it; choose other recipients, or write customers: any"
    )
    return (Verdict(rule=_RULE, level=level, measured=f"{refused:,}", limit="0", text=text),)
