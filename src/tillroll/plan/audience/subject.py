"""The subject of a plan: a run, real or previewed, with its campaign as the run's step and arms see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tillroll.campaign import Campaign, Revision
from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.language.models import THE_PRODUCT, AppliesTo, Offer
from tillroll.ledger.queries.pools import POOL
from tillroll.ledger.records import Store


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A run, real or previewed."""

    run_id: int  # 0: a preview
    slot_key: str
    slot_at: datetime
    store: Store
    revision_id: int  # 0: a preview
    revision: Revision
    kind: str = ""  # as in `Run.kind`
    step: int = 1
    only: int | None = None  # the customer that its event happened to
    happened: str = ""  # that event as a sentence
    facts: Mapping[str, Any] | None = None  # that event's facts; None: the run is about no event
    pool_codes: int = 0  # how many codes a run that fills a pool makes
    imports: bool = False  # these codes were made elsewhere

    @property
    def campaign(self) -> Campaign:
        """The campaign as this run's step sees it, before any arm changes it."""
        return self.revision.as_run(step=self.step)

    @property
    def code_format(self) -> CodeFormat:
        """How this run's codes are built."""
        return self.revision.format_of(self.campaign)

    @property
    def makes_pool(self) -> bool:
        """Whether it makes codes ahead, for nobody yet."""
        return self.kind == POOL

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of the arms; a single empty name in a campaign without variants, and in a pool."""
        return ("",) if self.makes_pool else self.revision.arms

    @property
    def offers(self) -> dict[str, Offer | None]:
        """The offer of each arm."""
        return {arm: self.revision.as_run(step=self.step, arm=arm).offer for arm in self.arms}

    @property
    def goods_named(self) -> dict[str, AppliesTo | None]:
        """What each arm's offer applies to, with the event's product by its SKU; None: to everything."""
        product = (self.facts or {}).get("product")
        goods = {}
        for arm, offer in self.offers.items():
            wanted = offer.applies_to if offer is not None else None
            if wanted is not None and product is not None and THE_PRODUCT in wanted.products:
                skus = (product["sku"] if sku == THE_PRODUCT else sku for sku in wanted.products)
                wanted = wanted.model_copy(update={"products": tuple(dict.fromkeys(skus))})
            goods[arm] = wanted
        return goods

    def codes_made(self, recipients: int) -> int:
        """Return how many codes the run makes: none if it takes them from a pool, or if its e-mail has no code."""
        campaign = self.campaign
        if self.makes_pool:
            return self.pool_codes
        if campaign.offer is None or campaign.codes.pool is not None:
            return 0
        return min(1, recipients) if campaign.codes.shared is not None else recipients
