"""Segments: counting typical and heavy ones over 1,000,000 customers with 3,000,000 orders, on SQLite.

Beside each is the same count on the same file with the best hand-written SQL we know, through raw `sqlite3`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from bench.ledgers import ledger_url
from bench.measure import alternate, seconds
from bench.report import Report
from tillroll.campaign.segments.lists import EMAIL, CustomerList
from tillroll.campaign.segments.scores import ScoreBoundaries
from tillroll.campaign.segments.segment import Segment
from tillroll.campaign.segments.sentence import say_segment
from tillroll.ledger.engine import open_engine, reading, writing
from tillroll.ledger.tables import stores
from tillroll.plan.segments.query import SegmentQuery
from tillroll.plan.segments.question import ask
from tillroll.track.mirror.scores import compute_boundaries

CUSTOMERS = 1_000_000
ORDERS = 3_000_000
_PRODUCTS = 5_000
_SENT = 300_000
_NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_NOW_TEXT = "2026-11-23 09:00:00"

_LAPSED = {
    "all": [
        {"orders": {"at_least": 2}},
        {"last_order": {"more_than": "90d ago"}},
        {"accepts_marketing": True},
        {"not": {"country": {"in": ["US"]}}},
    ]
}
_LAPSED_SQL = "orders >= 2 and last_order_at < :d90 and accepts_marketing and country != 'US'"
_COUNT = "select count(*) from customers where store_id = 1 and"
_SEGMENTS: Mapping[str, tuple[dict[str, Any], str]] = {
    "typical: lapsed": (_LAPSED, f"{_COUNT} {_LAPSED_SQL}"),
    "typical, without those who got a code lately": (
        {"all": [_LAPSED, {"not": {"got_code": {"within": "30d"}}}]},
        f"""{_COUNT} {_LAPSED_SQL} and customer_id not in (select r.customer_id from messages m
            join recipients r on r.id = m.recipient_id where m.store_id = 1 and m.sending_at > :d30
            and m.code_id is not null and m.state in ('sent', 'sending', 'unknown'))""",
    ),
    "ordered 3 times within a year": (
        {"orders": {"at_least": 3, "within": "365d"}},
        """select count(*) from (select customer_id from orders where store_id = 1 and created_at > :d365
            and payment_status not in ('CANCELLED', 'REFUNDED', 'INCOMPLETE') and customer_id is not null
            group by customer_id having count(*) >= 3)""",
    ),
    "bought one product within 90 days": (
        {"bought": {"products": ["SKU-17"], "within": "90d"}},
        """select count(distinct customer_id) from order_items where store_id = 1 and sku = 'SKU-17'
            and customer_id is not null and bought_at > :d90""",
    ),
    "bought anything of a category (a tenth of all)": (
        {"bought": {"categories": ["Kitchen"]}},
        """select count(distinct customer_id) from order_items where store_id = 1 and customer_id is not null
            and product_id in (select product_id from product_categories where store_id = 1 and category_id = 3)""",
    ),
    "never bought anything of that category": (
        {"not": {"bought": {"categories": ["Kitchen"]}}},
        f"""{_COUNT} customer_id not in (select customer_id from order_items where store_id = 1
            and customer_id is not null and product_id in
            (select product_id from product_categories where store_id = 1 and category_id = 3))""",
    ),
    "RFM: lately and often": (
        {"rfm": {"recency": {"at_least": 4}, "frequency": {"at_least": 4}}},
        f"{_COUNT} orders > 0 and last_order_at > :recency and orders > :frequency",
    ),
    "used a code": (
        {"used_code": {"campaigns": ["winback"]}},
        """select count(distinct o.customer_id) from redemptions x cross join orders o on o.store_id = 1
            and o.order_id = x.order_id where x.run_id = 1 and o.customer_id is not null""",
    ),
    "let a code run out": (
        {"ignored_code": {"campaigns": ["winback"]}},
        """select count(distinct r.customer_id) from messages m join recipients r on r.id = m.recipient_id
            where m.run_id = 1 and m.state = 'sent' and not exists
            (select 1 from redemptions x where x.code_id = m.code_id)""",
    ),
    "on a list of 10,000": (
        {"list": {"in": ["press"]}},
        f"""{_COUNT} lower(trim(email)) in (select member from list_members where store_id = 1 and digest = 'd')""",
    ),
}


def run(report: Report) -> None:
    """Fill one store, then measure each segment and its floor in turns."""
    with _store(report) as (engine, raw):
        report.section(
            "Segments over 1,000,000 customers with 3,000,000 orders, on SQLite",
            "Floor: the same count in hand-written SQL, through sqlite3. Target: under a second for a typical segment.",
        )
        boundaries = _compute(report, engine)
        parameters: dict[str, Any] = {
            f"d{days}": (_NOW - timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S.%f")
            for days in (30, 90, 365)
        }
        parameters |= {
            "recency": boundaries.recency[2].strftime("%Y-%m-%d %H:%M:%S.%f"),
            "frequency": boundaries.frequency[2],
        }
        for what, (where, by_hand) in _SEGMENTS.items():
            segment = Segment.model_validate({"title": what, "where": where})
            ours = partial(_count, engine, segment)
            floor = partial(_by_hand, raw, by_hand, parameters)
            count, expected = ours(), floor()
            if count != expected:
                raise AssertionError(f"{what}: {count}, and by hand {expected}")
            figures = alternate(ours=seconds(ours), floor=seconds(floor))
            note = f"{count:,}: {say_segment(segment)}"
            report.row(what, figures["ours"], "s", beside={"by hand": figures["floor"]}, note=note)


def _compute(report: Report, engine: Engine) -> ScoreBoundaries:
    """Compute and store the boundaries between scores, as the loop does at most once an hour."""
    boundaries: list[ScoreBoundaries] = []

    def compute() -> None:
        with reading(engine) as connection:
            boundaries.append(compute_boundaries(connection, 1))

    report.row("computing the boundaries of scores", alternate(ours=seconds(compute), times=1)["ours"], "s")
    with writing(engine) as connection:
        connection.execute(sa.update(stores).values(score_marks=boundaries[0].to_json(), scored_at=_NOW))
    return boundaries[0]


def _count(engine: Engine, segment: Segment) -> int:
    with reading(engine) as connection:
        question = ask(connection, store_id=1, segments=[segment], lists=_LISTS, now=_NOW)
        asking = SegmentQuery(question)
        fits = asking.matches(segment)
        query = sa.select(sa.func.count()).select_from(asking.source).where(asking.scope, fits)
        return int(connection.scalar(query) or 0)


def _by_hand(raw: sqlite3.Connection, query: str, parameters: Mapping[str, Any]) -> int:
    return int(raw.execute(query, parameters).fetchone()[0])


# -- the store


@contextmanager
def _store(report: Report) -> Iterator[tuple[Engine, sqlite3.Connection]]:
    """Yield a ledger with the filled store, as an engine and as a raw connection."""
    with ledger_url("SQLite") as url:
        filled = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        took = seconds(partial(_fill, filled))()
        filled.close()
        report.section("The store of the segments")
        report.row(
            "filled by SQL",
            took,
            "s",
            note=f"{CUSTOMERS:,} customers, {ORDERS:,} orders, five items in four orders",
        )
        engine = open_engine(url)
        raw = sqlite3.connect(
            url.removeprefix("sqlite:///")
        )  # as everybody opens it: with the cache of the engine's
        try:
            yield engine, raw
        finally:
            engine.dispose()
            raw.close()


def _fill(raw: sqlite3.Connection) -> None:
    """Fill the store: SQLite computes the rows from their numbers, and the indexes are created afterwards."""
    for pragma in ("journal_mode = off", "synchronous = off", "cache_size = -200000", "temp_store = memory"):
        raw.execute(f"pragma {pragma}")
    indexes = raw.execute(
        "select name, sql from sqlite_master where type = 'index' and sql is not null"
        " and tbl_name in ('orders', 'order_items', 'customers', 'messages', 'recipients', 'codes')"
    ).fetchall()
    for name, _ in indexes:
        raw.execute(f'drop index "{name}"')
    raw.execute("begin")
    for statement in _FILLING:
        raw.execute(statement)
    for _, text in indexes:
        raw.execute(text)
    raw.execute("commit")
    raw.execute("pragma journal_mode = wal")


def _numbers(most: int) -> str:
    return f"with recursive n(i) as (select 0 union all select i + 1 from n where i < {most - 1})"


def _mixed(of: str, salt: int) -> str:
    """Return SQL for a pseudo-random number from one that counts up."""
    return f"(({of} * {salt} + ({of} >> 7) * 40503 + {salt}) & 1073741823)"


def _moment(seconds_back: str) -> str:
    return f"strftime('%Y-%m-%d %H:%M:%S.000000', '{_NOW_TEXT}', '-' || ({seconds_back}) || ' seconds')"


_DAY = 86_400
_FILLING = (
    f"""insert into stores (id, ecwid_id, base_url, token, created_at, currency)
        values (1, 1003, 'http://x', 'sealed', '{_NOW_TEXT}.000000', 'EUR')""",
    f"""{_numbers(_PRODUCTS)} insert into products (store_id, product_id, sku, in_stock, enabled, discounts_allowed,
        category_ids, seen_at) select 1, i, 'SKU-' || i, 1, 1, 1, '[]', '{_NOW_TEXT}.000000' from n""",
    f"""insert into categories (store_id, category_id, parent_id, name, enabled, seen_at)
        select 1, 3, null, 'Kitchen', 1, '{_NOW_TEXT}.000000'""",
    f"{_numbers(_PRODUCTS // 10)} insert into product_categories select 1, i * 10, 3 from n",
    # orders of 700,000 of the customers, of some more than of others
    f"""{_numbers(ORDERS)} insert into orders (store_id, order_id, customer_id, total, payment_status, created_at, seen_at)
        select 1, printf('O%08d', i), 1 + ({_mixed("i", 2654435)} % 836) * ({_mixed("i", 7919)} % 838),
        1000 * ({_mixed("i", 104729)} % 2000), case when i % 20 then 'PAID' else 'CANCELLED' end,
        {_moment(f"{_mixed('i', 15485863)} % {4 * 365 * _DAY}")}, '{_NOW_TEXT}.000000' from n""",
    *(
        f"""insert into order_items (store_id, order_id, line, product_id, sku, quantity, price, customer_id, bought_at)
        select 1, order_id, {line}, p, 'SKU-' || p, 1, 90000,
        case when payment_status = 'PAID' then customer_id end, created_at
        from (select *, {_mixed("rowid", 48271 + line)} % {_PRODUCTS} as p from orders where {line} = 0 or rowid % 4 = 0)"""
        for line in (0, 1)
    ),
    """create temp table figures as select customer_id, count(*) as orders, sum(total) as spent,
        min(created_at) as first, max(created_at) as last from orders
        where payment_status = 'PAID' group by customer_id""",
    "create unique index temp.by_customer on figures (customer_id)",
    f"""{_numbers(CUSTOMERS)} insert into customers (store_id, customer_id, email, name, first_name, language, country,
        accepts_marketing, orders, spent, first_order_at, last_order_at, registered_at, seen_at)
        select 1, i + 1, 'Customer' || (i + 1) || '@example.com', 'Živa Novak', 'Živa', 'sl',
        substr('SIATDEITHRUSFRNL', 1 + 2 * ({_mixed("i", 31337)} % 8), 2), {_mixed("i", 97)} % 3 > 0,
        coalesce(f.orders, 0), coalesce(f.spent, 0), f.first, f.last, '2020-01-01 00:00:00.000000',
        '{_NOW_TEXT}.000000' from n left join figures f on f.customer_id = i + 1""",
    # a campaign that reached 300,000 of them; its codes are over, a twentieth was used
    f"""insert into revisions (id, store_id, campaign, digest, title, status, files, read_at)
        values (1, 1, 'winback', 'd', 'Winback', 'active', '{{}}', '{_NOW_TEXT}.000000')""",
    f"""insert into runs (id, store_id, campaign, slot_key, slot_at, state, valid_until, created_at, changed_at)
        values (1, 1, 'winback', 's', '{_NOW_TEXT}.000000', 'tracking', '2026-11-20 00:00:00.000000',
        '{_NOW_TEXT}.000000', '{_NOW_TEXT}.000000')""",
    f"""insert into plans (id, run_id, revision_id, digest, body, currency, made_at, expires_at)
        values (1, 1, 1, 'd', '{{}}', 'EUR', '{_NOW_TEXT}.000000', '{_NOW_TEXT}.000000')""",
    f"""{_numbers(_SENT)} insert into recipients (id, plan_id, customer_id, email)
        select i + 1, 1, 1 + i * 3, 'x@example.com' from n""",
    f"""{_numbers(_SENT)} insert into codes (id, store_id, run_id, recipient_id, code, state, reserved_at, changed_at)
        select i + 1, 1, 1, i + 1, printf('CODE%08d', i), 'live', '{_NOW_TEXT}.000000', '{_NOW_TEXT}.000000' from n""",
    f"""{_numbers(_SENT)} insert into messages (store_id, run_id, recipient_id, code_id, state, sending_at, sent_at, changed_at)
        select 1, 1, i + 1, i + 1, 'sent', {_moment(f"{_mixed('i', 8191)} % {60 * _DAY}")}, null,
        '{_NOW_TEXT}.000000' from n""",
    f"""{_numbers(_SENT // 20)} insert into redemptions (store_id, run_id, code_id, order_id, order_total, discount,
        payment_status, at) select 1, 1, i * 20 + 1, printf('O%08d', i * 20 + 1), 1, 1, 'PAID', '{_NOW_TEXT}.000000' from n""",
    f"""{_numbers(10_000)} insert into list_members (store_id, digest, member)
        select 1, 'd', 'customer' || (i * 97 + 1) || '@example.com' from n""",
)
_LISTS = {"press": CustomerList(column=EMAIL, count=10_000, digest="d")}
