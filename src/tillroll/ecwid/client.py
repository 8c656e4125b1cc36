"""The client of one store's REST API: all endpoints, over one connection."""

from __future__ import annotations

from tillroll.clock import Clock
from tillroll.ecwid.endpoints.batches import Batches
from tillroll.ecwid.endpoints.catalog import Categories, Products
from tillroll.ecwid.endpoints.coupons import Coupons
from tillroll.ecwid.endpoints.customers import Customers
from tillroll.ecwid.endpoints.orders import Carts, Orders
from tillroll.ecwid.endpoints.reviews import Reviews
from tillroll.ecwid.endpoints.shop import Shop
from tillroll.ecwid.http.connection import Connection
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.ecwid.http.pace import Pace
from tillroll.ecwid.http.session import CallListener


class Client:
    """One store's API, called with one token. Safe to share between threads. Errors of every call: `http/errors.py`."""

    def __init__(
        self,
        *,
        base_url: str,
        store_id: int,
        token: str,
        hosts: AllowedHosts,
        pace: Pace,
        clock: Clock,
        person: bool = False,
        listener: CallListener | None = None,
    ) -> None:
        """Connect. `base_url` ends in /api/v3; `hosts` must allow it. `person`: somebody waits at a screen for these calls.

        `listener` is told of every call.
        """
        self.connection = Connection(
            base_url=base_url,
            store_id=store_id,
            token=token,
            hosts=hosts,
            pace=pace,
            clock=clock,
            person=person,
            listener=listener,
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
        """Close the connections. They are opened again when needed."""
        self.connection.close()

    @property
    def calls(self) -> int:
        """How many requests this client has sent."""
        return self.connection.pace.calls
