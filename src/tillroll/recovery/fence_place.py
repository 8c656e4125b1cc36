"""Where the store keeps the fence's record: in its app storage, or in the name of a paused coupon.

A coupon is used if the token may not use the app storage, or if the storage has shown something else than what was written.
Only the app storage has room for the runs. A record moves from the storage to the coupon and never back: so a coupon decides if
there is one, and whatever is left in the storage then is older. What can't be read stops the ledger, and so does a record that
was deleted.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from decimal import Decimal
from typing import Any

import structlog

from tillroll.ecwid.client import Client
from tillroll.ecwid.endpoints.coupons import CouponRequest
from tillroll.ecwid.http.errors import StoreRefusal
from tillroll.errors import ScopeMissing
from tillroll.recovery.decide import BegunRun, FenceRecord, Place, StoreRecord, UnreadableRecord

log = structlog.get_logger("tillroll.recovery")

KEY, CODE = "tillroll-fence", "TILLROLL-FENCE"
_NAME = re.compile(r"Tillroll keeps count here: (\d+) ([0-9a-f-]+) (\S+)")


def read_record(
    client: Client, known: Place | None = None, *, seen_without: bool = False
) -> StoreRecord | None:
    """Return the store's record; None if the store has none, or none that the token may read.

    `known`: where this process has read it before. Then that place is asked first, and usually alone. `seen_without`: this
    process has asked both places and found nothing; then the app storage is asked alone, where the first record will be kept.
    """
    if known is Place.STORAGE and (record := _from_storage(client)) is not None:
        return record
    if seen_without:
        with suppress(ScopeMissing):  # then the coupon is the place
            return _from_storage(client)
    if (record := _from_coupon(client)) is not None:
        return record
    with suppress(ScopeMissing):
        return _from_storage(client)
    return None


def keep_record(client: Client, place: Place | None, record: FenceRecord, *, verify: bool = False) -> Place:
    """Write the record where it is kept so far (`place`), or else where it can be kept. Returns the place. Safe to repeat.

    `verify`: the app storage has shown something else than what was written; use it only if it gives the record back.
    """
    if place is not Place.COUPON:
        try:
            client.shop.write_storage(KEY, _to_text(record))
            if not verify or _from_storage(client) == record:
                return Place.STORAGE
            problem = "it does not give back what was written"
        except (ScopeMissing, StoreRefusal) as refusal:
            if _from_coupon(client) is not None:
                raise  # another ledger has written there meanwhile: the next look at both places is refused
            problem = refusal.message
        log.warning("fence.kept_in_coupon", store=client.connection.store_id, reason=problem)
    _to_coupon(client, record)
    return Place.COUPON


def _from_storage(client: Client) -> StoreRecord | None:
    text = client.shop.read_storage(KEY)
    return None if text is None else _from_text(text)


def _to_text(record: FenceRecord) -> str:
    rows = [run.to_row() for run in record.runs]
    head = {"audit": record.head} if record.head else {}
    return json.dumps({"epoch": record.epoch, "mark": record.mark, "at": record.at, "runs": rows, **head})


def _from_text(text: str) -> StoreRecord:
    try:
        raw: dict[str, Any] = json.loads(text)
        runs = tuple(BegunRun.from_row(row) for row in raw["runs"])
        return FenceRecord(
            epoch=int(raw["epoch"]),
            mark=str(raw["mark"]),
            at=str(raw["at"]),
            runs=runs,
            head=str(raw.get("audit", "")),
        )
    except (ValueError, KeyError, TypeError, RecursionError):  # edited by hand, cut off, or another app's
        return UnreadableRecord(place=Place.STORAGE)


def _from_coupon(client: Client) -> StoreRecord | None:
    coupon = client.coupons.find(CODE)
    if coupon is None:
        return None
    match = _NAME.fullmatch(coupon.name)
    if match is None:  # renamed, or cut off
        return UnreadableRecord(place=Place.COUPON)
    try:
        return FenceRecord(epoch=int(match[1]), mark=match[2], at=match[3], whole=False, place=Place.COUPON)
    except ValueError:
        return UnreadableRecord(place=Place.COUPON)


def _to_coupon(client: Client, record: FenceRecord) -> None:
    """Write the record as the name of a coupon that nobody can use: paused, and of the smallest amount."""
    name = f"Tillroll keeps count here: {record.epoch} {record.mark} {record.at}"
    coupon = client.coupons.find(CODE)
    if coupon is not None and client.coupons.update(coupon.coupon_id, {"name": name}):
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
