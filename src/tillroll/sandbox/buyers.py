"""The people who buy in a demo: they read their e-mails and order, most with the code, so that results show within two minutes.

They know what a buyer knows: their e-mails (the outbox) and the storefront (`POST /sandbox/checkout`). Nothing of the ledger.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

_PAUSE = 4.0  # seconds between two orders, on average
_USES_CODE, _CANCELS = 0.75, 0.04
_PATIENCE = 10.0
_LONGEST_OUTBOX = 2_000_000  # bytes of it that are read: so many e-mails are enough to choose from


@dataclass(frozen=True, kw_only=True)
class Storefront:
    """The addresses of the sandbox store, and the token to see its goods and cancel an order with."""

    base_url: str  # ends in /api/v3
    store_id: str
    token: str

    @classmethod
    def of(cls, environment: dict[str, str]) -> Storefront:
        """Return the store that an installation with this environment works for."""
        return cls(
            base_url=environment["ECWID_API_URL"],
            store_id=environment["ECWID_STORE_ID"],
            token=environment["ECWID_TOKEN"],
        )

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Call the store's API. Raises `requests.RequestException`."""
        headers = {"Authorization": f"Bearer {self.token}"}
        address = f"{self.base_url}/{self.store_id}{path}"
        answer = requests.request(method, address, headers=headers, timeout=_PATIENCE, **options)
        answer.raise_for_status()
        return answer.json()

    def buy(self, email: str, sku: str, quantity: int, coupon: str) -> str:
        """Order something and return the order's id. Raises `requests.RequestException`, also if the coupon is refused."""
        body = {"email": email, "items": [{"sku": sku, "quantity": quantity}], "coupon": coupon}
        address = self.base_url.removesuffix("/api/v3") + "/sandbox/checkout"
        answer = requests.post(address, json=body, timeout=_PATIENCE)
        answer.raise_for_status()
        return str(answer.json()["orderId"])


@contextmanager
def buying(store: Storefront, outbox: Path) -> Iterator[None]:
    """Let people buy in a thread until the end of the block."""
    stop = threading.Event()
    thread = threading.Thread(target=_buy, args=(store, outbox, stop), name="buyers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_PATIENCE)


def _buy(store: Storefront, outbox: Path, stop: threading.Event) -> None:
    """Buy something every few seconds, in a rhythm that is drawn with the same seed each time."""
    chance = random.Random(1003)  # noqa: S311 - a rhythm, not a secret
    skus: list[str] = []
    used: set[str] = set()
    while not stop.wait(chance.expovariate(1 / _PAUSE)):
        try:
            skus = skus or [item["sku"] for item in store.call("GET", "/products?limit=50")["items"]]
            order_something(store, outbox, skus, used, chance)
        except requests.RequestException:
            continue  # the shop is away for a moment, or the coupon isn't for this basket: people try again, or don't


def order_something(
    store: Storefront, outbox: Path, skus: list[str], used: set[str], chance: random.Random
) -> None:
    """Let one reader of an e-mail order, most with the code of the e-mail, and a few cancel. Adds the code to `used`.

    Does nothing while nobody has got an e-mail. Raises `requests.RequestException`.
    """
    letters = [letter for letter in _letters(outbox) if letter["to"] not in used]
    if not letters:
        return
    letter = chance.choice(letters)
    used.add(letter["to"])
    code = letter["code"] if chance.random() < _USES_CODE else ""
    order_id = store.buy(letter["to"], chance.choice(skus), chance.randrange(1, 6), code)
    if chance.random() < _CANCELS:
        store.call("PUT", f"/orders/{order_id}", json={"paymentStatus": "CANCELLED"})


def _letters(outbox: Path) -> list[dict[str, str]]:
    """Return whom e-mails of runs went to, with the code of each."""
    try:
        with (outbox / "messages.jsonl").open(encoding="utf-8") as log:
            lines = log.read(_LONGEST_OUTBOX).split("\n")[:-1]  # the last one may be half written
    except FileNotFoundError:
        return []
    found = [json.loads(line) for line in lines]
    return [{"to": each["to"], "code": each["code"] or ""} for each in found if each["run"]]
