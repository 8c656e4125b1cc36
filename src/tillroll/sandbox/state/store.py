"""One store: its state, switches and clock, passed to every endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tillroll.clock import Clock
from tillroll.sandbox.formats.wire import ApiError
from tillroll.sandbox.state.access import Token, Tokens
from tillroll.sandbox.state.database import STORE_ID, State, seeded
from tillroll.sandbox.state.faults import Faults
from tillroll.sandbox.state.limits import Addresses
from tillroll.sandbox.state.switches import Switches
from tillroll.sandbox.state.webhooks import SCOPES, WebhookQueue

_AREAS = {
    "order": "orders",
    "unfinished_order": "abandonedSales",
    "product": "products",
    "category": "categories",
    "customer": "customers",
    "customer_group": "customers",
    "discount_coupon": "discountCoupons",
    "promotion": "discountCoupons",
    "review": "reviews",
    "profile": "profile",
    "application": "profile",
}


def _counters() -> dict[str, int]:
    kinds = ("requests", "batch_inner", "dropped", "missing_scope", "revoked_token", "unknown_token")
    return dict.fromkeys(kinds, 0)


@dataclass(kw_only=True)
class SandboxStore:
    """One store, as an endpoint receives it. `switches` may be replaced while the store runs."""

    state: State
    clock: Clock
    switches: Switches
    client_secret: str
    tokens: Tokens
    addresses: Addresses
    faults: Faults
    outbox: WebhookQueue
    store_id: int = STORE_ID
    url: str = "https://sample-shop.example"
    counters: dict[str, int] = field(default_factory=_counters)

    @property
    def token(self) -> str:
        """Return the token of the store's own app."""
        return self.tokens.own.text

    def now(self) -> float:
        """Return the time in UNIX seconds as the store's clock shows it, even if it is wrong."""
        return self.clock.now().timestamp() + self.faults.skew

    def searchable(self, kind: str, identity: int) -> float:
        """Return when searches will show what is written now. The same write of the same shop always lags by the same time."""
        now, spread = self.now(), self.switches.index_lag_spread
        share = (
            seeded(0, f"{self.state.fact('seeded')}/{kind}/{identity}/{int(now)}").random() if spread else 0.0
        )
        return now + self.switches.index_lag + spread * share

    def uninstall(self) -> int:
        """Uninstall the app: send its event, revoke every token and return how many there were."""
        self.happened("application.uninstalled", self.store_id)
        return self.tokens.revoke_all()

    def install(self) -> Token:
        """Install the store's own app again by hand and return its new token."""
        token = self.tokens.reinstall()
        self.happened("application.installed", self.store_id)
        return token

    def check_account(self) -> None:
        """Raise 402 for a store whose plan has no API or that is suspended."""
        if self.switches.plan == "free" or self.faults.due("plan_downgraded"):
            raise ApiError(402, "Please upgrade your account to access API", "NOT_AVAILABLE_ON_CURRENT_PLAN")
        if self.switches.suspended:
            raise ApiError(402, "Store is suspended", "STORE_IS_SUSPENDED")

    def touched(self, area: str) -> None:
        """Record when an area last changed, for `GET /latest-stats`."""
        self.state.keep_fact(f"updated:{area}", str(int(self.now())))

    def happened(self, event: str, entity: int | str, data: Mapping[str, str] | None = None) -> None:
        """Record a change like `customer.updated`: its area's stamp moves, and the app gets an event.

        Call it inside the transaction of the change. Events and their data: dossier section 5.4.
        """
        area = event.partition(".")[0]
        if area in _AREAS:
            self.touched(_AREAS[area])
        if self.outbox.url and self.tokens.heard(SCOPES.get(area, "read_store_profile")):
            self.outbox.queue(event, entity, data, self.now())
