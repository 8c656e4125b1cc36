"""The store's REST API as one thing: its areas, over one token's connection."""

from __future__ import annotations

from tillroll.clock import Clock
from tillroll.ecwid.batches import Batches
from tillroll.ecwid.catalog import Categories, Products
from tillroll.ecwid.connection import Connection
from tillroll.ecwid.coupons import Coupons
from tillroll.ecwid.customers import Customers
from tillroll.ecwid.orders import Carts, Orders
from tillroll.ecwid.pace import Pace
from tillroll.ecwid.reviews import Reviews
from tillroll.ecwid.shop import Shop


class Client:
    """One store's API, through one token. Safe to share between threads. Errors of every call: `errors.py`."""

    def __init__(
        self, *, base_url: str, store_id: int, token: str, pace: Pace, clock: Clock, person: bool = False
    ) -> None:
        """`base_url` ends in /api/v3. `person`: somebody waits at a screen for these calls."""
        self.connection = Connection(
            base_url=base_url, store_id=store_id, token=token, pace=pace, clock=clock, person=person
        )
        self.shop = Shop(self.connection)
        self.coupons = Coupons(self.connection)
        self.batches = Batches(self.connection)
        self.customers = Customers(self.connection)
        self.orders = Orders(self.connection)
        self.carts = Carts(self.connection)
        self.products = Products(self.connection)
        self.categories = Categories(self.connection)
        self.reviews = Reviews(self.connection)

    def close(self) -> None:
        """Give the connections back."""
        self.connection.close()

    @property
    def calls(self) -> int:
        """Requests let through by this client's pace so far."""
        return self.connection.pace.calls
