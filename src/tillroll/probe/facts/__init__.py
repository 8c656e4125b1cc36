"""Every fact that a probe can learn, and why the other switches can't be learned."""

from __future__ import annotations

from tillroll.probe.conversation import Fact
from tillroll.probe.facts import access, batches, codes, coupons, lists, samples, used

FACTS: tuple[Fact, ...] = tuple(
    value
    for module in (access, lists, codes, coupons, batches, samples, used)
    for value in vars(module).values()
    if isinstance(value, Fact)
)

_TILL = "it shows in the storefront alone, and no call of the API reaches its checkout"
_WEBHOOK = "events go to the worker's address, and this command does not listen there"
_LIMIT = "it would take exceeding the rate limit on purpose, and the worker needs those calls"
_ACCOUNT = "it is a state of the account, which `tillroll store check` shows"
_FAULT = "it is a fault that the sandbox injects, and no setting of a store"
_SPEED = "it changes with the store's load; the worker measures it with every batch"

UNLEARNABLE: dict[str, str] = {
    "window": _LIMIT,
    "penalty_seconds": _LIMIT,
    "early_requests_allowed": _LIMIT,
    "bad_tokens": _LIMIT,
    "plan": _ACCOUNT,
    "suspended": _ACCOUNT,
    "token_revoked": _ACCOUNT,
    "missing_features": _ACCOUNT,
    "token_in_query": "the token would have to stand in an address, and servers log addresses",
    "coupon_use_sends_event": _WEBHOOK,
    "webhook_spelling": _WEBHOOK,
    "webhook_success": _WEBHOOK,
    "out_of_stock": _TILL,
    "index_lag_spread": "the lag is measured (index_lag); how much it varies shows only over many writes",
    "batch_pause": _SPEED,
    "inner_request_seconds": _SPEED,
    "inner_retry_seconds": _FAULT,
    "inner_failures": _FAULT,
    "drop_answers": _FAULT,
    "fail_reads": _FAULT,
}
"""Switch → why no probe can tell how this store has it."""
