"""What the sandbox does where the API's documentation is silent, and the troubles it can be told to make.

Each choice is one named field, so a later look at the live API changes one line. `Switches` is what holds at a
moment; `Dials` is the one place that changes it while the store runs.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_type_hints


@dataclass(frozen=True, kw_only=True)
class Switches:
    """How the store behaves. Defaults: the documented behaviour, else the likeliest."""

    # the store and its token
    plan: Literal["venture", "free"] = "venture"  # the free plan has no API: every call answers 402
    suspended: bool = False  # a suspended store answers 402
    token_revoked: bool = False  # as after an uninstall: 403
    bad_token_body: Literal["empty", "json"] = "empty"

    # the allowance of requests
    requests_per_minute: int = 600  # of one token
    window: Literal["sliding", "fixed"] = "sliding"
    penalty: Literal["box", "extend", "off"] = "box"  # box: a long block; extend: refused requests count as well
    penalty_after: int = 20  # requests in a minute while blocked, before the long block
    penalty_seconds: float = 900.0
    bad_tokens_per_ip: int = 600  # requests with a dead token, before the address is blocked
    inner_requests_counted: bool = False  # whether the requests inside a batch draw on the allowance

    # coupons
    coupon_identifier: Literal["id_then_code", "id_only"] = "id_then_code"
    coupon_code_storage: Literal["as_sent", "upper"] = "as_sent"
    coupon_without_code: Literal["refuse", "generate"] = "refuse"
    coupon_code_too_long: Literal["refuse", "truncate"] = "refuse"
    put_unknown_coupon: Literal["404", "count_0"] = "404"
    delete_unknown_coupon: Literal["404", "count_0"] = "count_0"
    conflict_body: Literal["json", "empty"] = "json"
    conflict_code: str = "CONSTRAINT_VIOLATION"  # invented: no code is documented for a coupon code already used
    store_statuses_sent: Literal["refuse", "accept"] = "refuse"  # EXPIRED and USEDUP in a request
    bad_catalog_limit: Literal["drop", "refuse"] = "drop"  # unknown ids, or any limit on a SHIPPING coupon
    percent_over_100: Literal["accept", "refuse"] = "accept"

    # orders
    rest_orders_use_coupons: bool = True
    item_without_quantity: Literal["accept", "refuse"] = "accept"
    invented_coupon: Literal["drop", "store"] = "drop"

    # batches
    dedup_seconds: int = 3600
    batch_answers_unasked: bool = True  # `httpBody` without `escapedJson`, or no `responses` at all
    unknown_ticket: Literal["404", "400"] = "404"
    inner_retry_seconds: float = 3.0  # between the five tries of an inner request that answers 5xx
    inner_seconds: float = 0.0  # how long an inner request takes

    # lists
    limit_over_100: Literal["clamp", "refuse"] = "clamp"
    index_lag: tuple[float, float] = (1.5, 5.0)  # seconds until a search sees a write to orders, products, customers

    # troubles that use themselves up
    drop_answers: int = 0  # do the next n POSTs of a batch or a coupon, then hang up without an answer
    inner_failures: int = 0  # the next n tries of inner requests answer 500

    def changed(self, wanted: Mapping[str, Any]) -> Switches:
        """The same switches with these changed. Raises ValueError that names the switch it can't set."""
        return replace(self, **{name: _checked(name, value) for name, value in wanted.items()})

    def as_json(self) -> dict[str, Any]:
        """Every switch and its value."""
        return asdict(self)


_HINTS = get_type_hints(Switches)
_NAMES = frozenset(field.name for field in fields(Switches))


def _checked(name: str, value: Any) -> Any:
    """The value in the switch's own type."""
    if name not in _NAMES:
        raise ValueError(f"There is no switch {name!r}.")
    if name == "index_lag":
        return _lag(value)
    hint = _HINTS[name]
    choices = get_args(hint)
    if choices and value not in choices:
        raise ValueError(f"{name} is one of {', '.join(map(repr, choices))}, not {value!r}.")
    if hint is float and type(value) is int:
        return float(value)
    if not choices and type(value) is not hint:
        raise ValueError(f"{name} is of type {hint.__name__}, not {value!r}.")
    return value


def _lag(value: Any) -> tuple[float, float]:
    """One number for a steady lag, or the two ends of a range."""
    ends = value if isinstance(value, (list, tuple)) else [value, value]
    if len(ends) != 2 or not all(type(end) in (int, float) for end in ends) or not 0 <= ends[0] <= ends[1]:
        raise ValueError(f"index_lag is a number of seconds or [least, most], not {value!r}.")
    return (float(ends[0]), float(ends[1]))


class Dials:
    """The switches in force, changeable while the store runs."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._lock = threading.Lock()

    @property
    def now(self) -> Switches:
        """What holds at this moment."""
        return self._switches

    def turn(self, wanted: Mapping[str, Any]) -> Switches:
        """Change some switches for what comes next."""
        with self._lock:
            self._switches = self._switches.changed(wanted)
            return self._switches

    def take(self, trouble: Literal["drop_answers", "inner_failures"]) -> bool:
        """Use up one of the ordered troubles, if any is left."""
        if not getattr(self._switches, trouble):
            return False
        with self._lock:
            left = getattr(self._switches, trouble)
            if left:
                self._switches = self._switches.changed({trouble: left - 1})
            return bool(left)
