"""What a plan is made of: one run, or one that might be, with its campaign as the run's step and arms have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tillroll.campaign import Campaign, Revision
from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.language.models import THE_PRODUCT, AppliesTo, Offer
from tillroll.ledger.pools import POOL


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One run, or one that might be."""

    run_id: int
    slot_key: str
    slot_at: datetime
    store: sa.Row[Any]
    revision_id: int
    revision: Revision
    kind: str = ""
    step: int = 1
    only: int | None = None  # the customer that its event happened to
    happened: str = ""
    facts: Mapping[str, Any] | None = None
    pool_codes: int = 0  # how many a pool run makes

    @property
    def campaign(self) -> Campaign:
        """The campaign as this run's step has it, arms aside."""
        return self.revision.as_run(step=self.step)

    @property
    def code_format(self) -> CodeFormat:
        """How this run's codes are built."""
        return self.revision.format_of(self.campaign)

    @property
    def makes_pool(self) -> bool:
        """Whether it makes codes for nobody yet."""
        return self.kind == POOL

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of the arms; one without a name when nothing is compared, as in a pool that is nobody's yet."""
        return ("",) if self.makes_pool else self.revision.arms

    @property
    def offers(self) -> dict[str, Offer | None]:
        """What each arm gets."""
        return {arm: self.revision.as_run(step=self.step, arm=arm).offer for arm in self.arms}

    @property
    def goods_named(self) -> dict[str, AppliesTo | None]:
        """What each arm's offer is on, with the event's own product by its SKU; None: on everything."""
        product = (self.facts or {}).get("product")
        found = {}
        for arm, offer in self.offers.items():
            wanted = offer.applies_to if offer is not None else None
            if wanted is not None and product is not None and THE_PRODUCT in wanted.products:
                named = (product["sku"] if one == THE_PRODUCT else one for one in wanted.products)
                wanted = wanted.model_copy(update={"products": tuple(dict.fromkeys(named))})
            found[arm] = wanted
        return found

    def codes_made(self, recipients: int) -> int:
        """How many codes the run makes; from a pool, and for an e-mail without one, none."""
        campaign = self.campaign
        if self.makes_pool:
            return self.pool_codes
        if campaign.offer is None or campaign.codes.pool is not None:
            return 0
        return min(1, recipients) if campaign.codes.shared is not None else recipients
