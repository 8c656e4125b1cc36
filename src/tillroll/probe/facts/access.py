"""Facts about the token and the app."""

from __future__ import annotations

from http import HTTPStatus

from tillroll.ecwid.http.headers import calls_left
from tillroll.ecwid.http.oauth import SCOPES
from tillroll.probe.conversation import Ask, Conversation, Depth, Reply, Unlearned, fact, surprised
from tillroll.probe.samples import CHEAPEST, NAME, STORAGE_KEY

_LIMIT = "X-RateLimit-Limit"
_LISTS = ("/staff", "/promotions", "/customers", "/reviews", "/discount_coupons", "/orders", "/products")
"""Lists that take a scope each; an app seldom has the first."""


@fact("An invalid token", {"empty": "gets a 403 without a body", "json": "gets a 403 with a code in JSON"})
def forbidden_body(mark: str) -> Conversation:
    """Ask once with a token that no store has given."""
    reply = yield Ask(method="GET", path="/profile", stranger=True)
    if reply.status != HTTPStatus.FORBIDDEN:
        raise surprised(reply)
    return "empty" if reply.empty else "json"


@fact("How many calls are left", {True: "is in the headers of an answer", False: "is not said"})
def quota_headers(mark: str) -> Conversation:
    """Look for the X-RateLimit headers."""
    reply = yield CHEAPEST
    return calls_left(reply.headers) is not None


@fact("The calls of a minute, as the store counts them:")
def requests_per_minute(mark: str) -> Conversation:
    """Read the allowance that the headers name."""
    reply = yield CHEAPEST
    limit = reply.headers.get(_LIMIT, "")
    if not limit.isdecimal():
        raise Unlearned("the store does not say it; finding out would take exceeding it")
    return int(limit)


@fact("The app's subscription in this store is")
def subscription(mark: str) -> Conversation:
    """Read the app's status."""
    reply = yield Ask(method="GET", path="/application")
    status = reply.get("subscriptionStatus")
    if not isinstance(status, str) or not status.isascii() or not status.isupper():
        raise Unlearned("the store does not say it")
    return status


@fact("The scopes that Tillroll uses and the token lacks:")
def missing_scopes(mark: str) -> Conversation:
    """Compare the token's permissions with those that Tillroll asks for."""
    reply = yield Ask(method="GET", path="/application/token")
    held = reply.get("permissions")
    if not isinstance(held, list):
        raise Unlearned("the store does not list the token's permissions")
    return " ".join(scope for scope in SCOPES if scope not in held)


@fact(
    "A scope that the token lacks",
    {"words": "is named in the 403", "empty": "gets a 403 without a body"},
)
def missing_scope_body(mark: str) -> Conversation:
    """Try lists until one is refused."""
    for path in _LISTS:
        reply = yield Ask(method="GET", path=path, query={"limit": 1}, even_refused=True)
        if reply.status == HTTPStatus.FORBIDDEN:
            return "empty" if reply.empty else "words"
    raise Unlearned("the token lacks none of the scopes that the probe tries")


@fact(
    "The app storage keeps a body",
    {"kept": "as it came", "unwrapped": "without the object around its value"},
    depth=Depth.WRITE,
)
def storage_bodies(mark: str) -> Conversation:
    """Write an object with a value, and read it back."""
    path = f"/storage/{STORAGE_KEY}"
    yield Ask(method="PUT", path=path, body={"value": NAME})
    reply = yield Ask(method="GET", path=path)
    kept = next((row for row in reply.items if row.get("key") == STORAGE_KEY), reply.body)
    value = kept.get("value") if isinstance(kept, dict) else None
    if value == NAME:
        return "unwrapped"
    if NAME in str(value):
        return "kept"
    raise Unlearned("the value came back as another one")


@fact(
    "Writing to the app storage",
    {"count": "is answered with a count", "success": "is answered with `success`"},
    depth=Depth.WRITE,
)
def storage_answers(mark: str) -> Conversation:
    """Write a key of the probe's own."""
    reply = yield Ask(method="PUT", path=f"/storage/{STORAGE_KEY}", body={"value": NAME})
    return _count_or_success(reply)


def _count_or_success(reply: Reply) -> str:
    if reply.get("success") is True:
        return "success"
    if isinstance(reply.get("updateCount"), int):
        return "count"
    raise surprised(reply)
