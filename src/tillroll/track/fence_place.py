"""Where the store keeps the fence's record: its app storage, or the name of a paused coupon where the token may not write there.

Only the storage has room for the runs. Whoever deletes the record takes the fence down, and the next run puts it up again.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from tillroll.ecwid.client import Client
from tillroll.ecwid.coupons import CouponRequest
from tillroll.errors import ScopeMissing
from tillroll.track.decide import Begun, Record

KEY, CODE = "tillroll-fence", "TILLROLL-FENCE"
STORAGE, COUPON = "storage", "coupon"
_NAME = re.compile(r"Tillroll keeps count here: (\d+) ([0-9a-f-]+) (\S+)")


def read_record(client: Client, place: str) -> Record | None:
    """What the store keeps, wherever it is; None when it keeps nothing, or nothing that can be read."""
    if place != COUPON and (text := client.shop.kept(KEY)) is not None:
        return _from_text(text)
    return _from_coupon(client) if place != STORAGE else None


def keep_record(client: Client, place: str, record: Record) -> str:
    """Write it; where it is now. In the place it was, or in the storage if the token may, else in a coupon."""
    if place != COUPON:
        try:
            client.shop.keep(KEY, _to_text(record))
        except ScopeMissing:
            if place == STORAGE:
                raise
        else:
            return STORAGE
    _to_coupon(client, record)
    return COUPON


def _to_text(record: Record) -> str:
    told = [one.to_row() for one in record.runs]
    return json.dumps({"epoch": record.epoch, "mark": record.mark, "at": record.at, "runs": told})


def _from_text(text: str) -> Record | None:
    try:
        raw: dict[str, Any] = json.loads(text)
        told = tuple(Begun.from_row(one) for one in raw["runs"])
        return Record(epoch=int(raw["epoch"]), mark=str(raw["mark"]), at=str(raw["at"]), runs=told)
    except (ValueError, KeyError, TypeError):  # somebody's hand, or half of it
        return Record(epoch=2**31, mark="", at="in no way that can be read", whole=False)


def _from_coupon(client: Client) -> Record | None:
    coupon = client.coupons.find(CODE)
    match = _NAME.fullmatch(coupon.name) if coupon is not None else None
    if match is None:
        return None
    return Record(epoch=int(match[1]), mark=match[2], at=match[3], whole=False)


def _to_coupon(client: Client, record: Record) -> None:
    """A coupon that nobody can use: paused, and of the smallest amount there is."""
    name = f"Tillroll keeps count here: {record.epoch} {record.mark} {record.at}"
    there = client.coupons.find(CODE)
    if there is not None:
        client.coupons.update(there.coupon_id, {"name": name})
        return
    client.coupons.create(
        CouponRequest(
            name=name,
            code=CODE,
            discount_type="ABS",
            discount=Decimal("0.01"),
            launches_at=client.connection.store_time(),
            expires_at=None,
            minimum_subtotal=None,
            uses_limit="SINGLE",
            application_limit="UNLIMITED",
            status="PAUSED",
        )
    )
