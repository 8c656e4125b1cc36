"""The store's till, asked as often as wanted: nothing that it is asked has an effect."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tillroll.sandbox.endpoints.checkout import checkout
from tillroll.sandbox.formats.wire import ApiError
from tillroll.sandbox.serve import Sandbox


class _Undo(Exception):
    """Ends a transaction that must have no effect."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the till says to a basket with a code."""

    refused: str = ""  # why; empty: it takes the code
    off: Decimal = Decimal(0)
    ships_free: bool = False


def ask(sandbox: Sandbox, *, email: str, code: str, sku: str, pieces: int, times: int = 1) -> Answer:
    """Return the till's answer to a basket with a code; the last one, if the basket is bought several times."""
    answer = Answer()
    store, basket = (
        sandbox.store,
        {"email": email, "coupon": code, "items": [{"sku": sku, "quantity": pieces}]},
    )
    try:
        with store.state.transaction():
            for _ in range(times):
                bought = checkout(store, basket)
            answer = Answer(off=Decimal(str(bought["couponDiscount"])), ships_free=bought["shipping"] == 0)
            raise _Undo
    except _Undo:
        return answer
    except ApiError as refusal:
        return Answer(refused=str(refusal))
