"""The buyers of the demo order what their e-mails are about, and nothing before there is one."""

from __future__ import annotations

import json
import random
from pathlib import Path

from tests.store import client_of, running
from tillroll.sandbox.buyers import Storefront, order_something


def test_readers_of_e_mails_order_once_each_most_with_their_code(tmp_path: Path) -> None:
    with running(tmp_path / "store", customers=10) as sandbox, client_of(sandbox) as client:
        sandbox.store.state.rows("delete from orders")
        ready = sandbox.ready
        store = Storefront(base_url=ready.base_url, store_id=str(ready.store_id), token=ready.token)
        chance, used, outbox = random.Random(3), set[str](), tmp_path / "outbox"
        order_something(store, outbox, ["POT-01"], used, chance)
        assert store.call("GET", "/orders")["total"] == 0, "nobody has got an e-mail yet"
        coupon = {
            "name": "two",
            "code": "FORALL",
            "discount": 2,
            "discountType": "ABS",
            "usesLimit": "UNLIMITED",
        }
        client.connection.write("POST", "/discount_coupons", body=coupon)
        outbox.mkdir()
        lines = [{"to": f"reader{n}@example.org", "code": "FORALL", "run": 1} for n in range(12)]
        lines.append({"to": "owner@example.org", "code": None, "run": None})
        half_written = '{"to": "nobody@ex'
        text = "".join(json.dumps(line) + "\n" for line in lines) + half_written
        (outbox / "messages.jsonl").write_text(text, encoding="utf-8")
        for _ in range(15):
            order_something(store, outbox, ["POT-01"], used, chance)
        orders = store.call("GET", "/orders")["items"]
        assert sorted(order["email"] for order in orders) == sorted(line["to"] for line in lines[:-1])
        with_code = [order for order in orders if order.get("couponDiscount")]
        assert 6 <= len(with_code) < 12
