"""What the store's refusals mean to a caller, on top of the error tree in `tillroll/errors.py`.

Raised by every call of `client.py`:

| class | when | what the caller does |
|---|---|---|
| `StoreDisconnected` | 403 with an empty body, or `INVALID_API_TOKEN` | stop this lane at once; knocking lengthens the block |
| `StoreUnknown` | 404 `STORE_NOT_FOUND` | stop; the store's number or address is wrong |
| `ScopeMissing` | 403 with another code | stop; ask for the scope or the feature |
| `PlanLacksApi` | 402 | stop; the owner must change the plan |
| `StoreBusy` | 429 | wait until `retry_at` |
| `StoreUnreachable` | no connection, or 5xx on a read | try later |
| `StoreHangs` | a read had no whole answer in its time, or nobody took the connection | try later; not again at once |
| `OutcomeUnknown` | the answer to a write was lost, or 5xx on a write | look it up before doing it again |
| `StoreSaysNotFound`, `StoreSaysConflict`, `StoreSaysNo` | 404, 409, any other 4xx | the request is wrong: an outcome to record |

Source: docs.ecwid.com/api-reference/rest-api/rest-api-error-codes.
"""

from __future__ import annotations

from tillroll.errors import Refused, StoreDisconnected, TryLater


class StoreBusy(TryLater):
    """The token's allowance for this minute is used up (429)."""


class StoreUnreachable(TryLater):
    """No answer, and nothing can have been changed."""


class StoreHangs(StoreUnreachable):
    """It takes calls and doesn't answer them, or not to the end. Each further try costs as much time."""


class StoreUnknown(StoreDisconnected):
    """There is no store of this number at this address."""


class StoreRefusal(Refused):
    """The store understood the request and won't do it."""

    def __init__(self, message: str, *, status: int, code: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code


class StoreSaysNotFound(StoreRefusal):
    """There is no such thing in the store (404)."""


class StoreSaysConflict(StoreRefusal):
    """The store has one like it already (409): a coupon with this code, a customer with this e-mail."""


class StoreSaysNo(StoreRefusal):
    """Bad request, in the store's own words (400, 405, 415, 422)."""
