"""The errors of calls to the store, on top of the error tree in `tillroll/errors.py`.

Every call of `client.py` may raise:

| class | when | what the caller must do |
|---|---|---|
| `StoreDisconnected` | 403 and no body, the profile too, or `INVALID_API_TOKEN` | stop at once; calls prolong the block |
| `StoreUnknown` | 404 `STORE_NOT_FOUND` | stop; the store id or address is wrong |
| `ScopeMissing` | 403 with another code; no body, but a profile | go without it; ask for the scope or the feature |
| `PlanLacksApi` | 402 | stop; the owner must change the plan |
| `StoreBusy` | 429 | wait until `retry_at` |
| `StoreUnreachable` | no connection, or 5xx on a read | try later |
| `StoreHangs` | a read or the connection timed out | try later, not at once |
| `StoreUnreadable` | the answer to a read is not JSON, or too large | try later |
| `StoreMoved` | a redirect: none is followed | stop; the store's address must be corrected |
| `OutcomeUnknown` | the answer to a write was lost, or 5xx on a write | look it up before doing it again |
| `StoreSaysNotFound`, `StoreSaysConflict`, `StoreSaysNo` | 404, 409, any other 4xx | the request is wrong; record the outcome |

Source: docs.ecwid.com/api-reference/rest-api/rest-api-error-codes.
"""

from __future__ import annotations

from tillroll.errors import NeedsPerson, Refused, StoreDisconnected, TryLater


class StoreBusy(TryLater):
    """The token's requests for this minute are used up (429)."""


class StoreUnreachable(TryLater):
    """The store did not answer, and nothing can have been changed."""


class StoreHangs(StoreUnreachable):
    """The store accepts calls and does not answer them in time. Each further call would hold a thread as long."""


class StoreUnreadable(StoreUnreachable):
    """The store's answer can't be read: it is not JSON, or larger than any honest answer."""


class StoreMoved(NeedsPerson):
    """The store answers with a redirect. It is not followed, because codes, addresses and the token would go elsewhere."""


class StoreUnknown(StoreDisconnected):
    """There is no store with this id at this address."""


class StoreRefusal(Refused):
    """The store has refused the request."""

    def __init__(self, message: str, *, status: int, code: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code


class StoreSaysNotFound(StoreRefusal):
    """The store has no such object (404)."""


class StoreSaysConflict(StoreRefusal):
    """The store already has such an object (409): a coupon with this code, a customer with this e-mail address."""


class StoreSaysNo(StoreRefusal):
    """The request is invalid (400, 405, 415, 422); the message is the store's."""
