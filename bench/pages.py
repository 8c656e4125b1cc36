"""Pages: the 99th percentile of each page and JSON answer with millions of codes, beside the same pages of a small shop.

The app answers in this process, without a socket: what is measured is our code and the database. `BENCH_PAGES_SCALE=0.1` fills a
tenth of the rows.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy.engine import Connection, Engine

from bench.ledgers import KINDS, ledger_url
from bench.report import Report
from tests.shop import NOW, SHOP
from tests.web.site import app_for, open_shop, plan_run, sign_in, token_on
from tillroll.ledger.counting.mend import mend_counts
from tillroll.ledger.engine import open_engine, reading, writing
from tillroll.ledger.queries.stores import load_store
from tillroll.settings import Settings
from tillroll.track.results.sums import rebuild_sums

_SCALE = float(os.environ.get("BENCH_PAGES_SCALE", "1"))
CODES, ORDERS, USED, RUNS = (round(n * _SCALE) for n in (10_000_000, 5_000_000, 2_000_000, 2_000))
_LARGEST = CODES // 10
"""Codes of the largest run."""

CUSTOMERS, LEAKS = CODES // 10, max(2, USED // 100)

_CODE = f"{SHOP}/codes/1000005"
_TIMES = 100
_TOKEN = "bench"  # noqa: S105 - of this process alone
_MOMENT = NOW.strftime("%Y-%m-%d %H:%M:%S.000000")


def run(report: Report) -> None:
    """Measure the pages on each database: of a shop with one small run, then with millions of codes."""
    for kind in KINDS:
        report.section(
            f"Pages, on {kind}",
            f"{CODES:,} codes and e-mails, {ORDERS:,} orders, {USED:,} uses, {RUNS:,} runs. Target: 99 % within 50 ms.",
        )
        with ledger_url(kind) as url, _opened(url) as (engine, client, store_id):
            there = [page for page in _pages(2) if page != _CODE]  # the small shop has no such code
            small = {page: _high(client, page) for page in there}
            began = time.perf_counter()
            _fill(engine, store_id)
            report.row("filled by SQL", time.perf_counter() - began, "s")
            _count(report, engine, store_id)
            for page in _pages(3):
                beside = {"small shop": small[page] * 1000} if page in small else {}
                report.row(page.removeprefix(SHOP), _high(client, page) * 1000, "ms", beside=beside)
            for page, form in _lookups().items():
                report.row(f"look up in {page.removeprefix(SHOP)}", _high(client, page, form) * 1000, "ms")


def _pages(run_id: int) -> Sequence[str]:
    """Return the addresses of the pages and JSON answers, with a run of which there are many codes."""
    of_run = f"{SHOP}/runs/{run_id}"
    return (
        SHOP + "/", f"{SHOP}/campaigns", f"{SHOP}/runs", f"{SHOP}/runs?show=done&before=900", f"{SHOP}/results",
        f"{SHOP}/results?month=2026-10", f"{SHOP}/drift", f"{SHOP}/faults", of_run, f"{of_run}/progress", f"{of_run}/messages",
        f"{of_run}/messages?state=failed", f"{of_run}/messages?after=900000", f"{of_run}/preview/1", f"{of_run}/preview/1/raw",
        f"{of_run}/words", f"{SHOP}/codes", _CODE, f"{SHOP}/customers/7", f"{SHOP}/leaks",
        f"{SHOP}/leaks?campaign=winback", f"{SHOP}/leaks?before={LEAKS // 2}", "/metrics", "/account",
    )  # fmt: skip


def _lookups() -> Mapping[str, Mapping[str, str]]:
    """Return the forms by which people look something up, by their addresses."""
    return {
        f"{SHOP}/codes": {"code": "BENCH5"},
        f"{SHOP}/customers": {"email": f"customer{CUSTOMERS - 1}@example.com"},
    }


def _high(client: FlaskClient, page: str, form: Mapping[str, str] | None = None) -> float:
    """Return how many seconds 99 of 100 answers take at most. A form is answered by a redirection to what was found."""
    answers = []
    headers = {"Authorization": f"Bearer {_TOKEN}"}
    fields = form and {"csrf_token": token_on(client.get(f"{SHOP}/codes")), **form}
    for _ in range(_TIMES):
        began = time.perf_counter()
        answer = client.post(page, data=fields) if fields else client.get(page, headers=headers)
        answers.append(time.perf_counter() - began)
        wanted = {303} if fields else {200, 286}
        if answer.status_code not in wanted or (fields and not answer.location[-1].isdigit()):
            raise AssertionError(f"{page}: {answer.status} {answer.location}")
    return sorted(answers)[_TIMES * 99 // 100 - 1]


@contextmanager
def _opened(url: str) -> Iterator[tuple[Engine, FlaskClient, int]]:
    """Yield the ledger of a shop with two small runs, and a client who has signed in."""
    with tempfile.TemporaryDirectory(prefix="tillroll-bench-") as folder:
        engine = open_engine(url)
        store_id = open_shop(engine)
        plan_run(engine, store_id)
        plan_run(engine, store_id, key="second")
        settings = Settings(home=Path(folder), metrics_token=_TOKEN)
        client = app_for(engine, Path(folder), settings=settings).test_client()
        sign_in(client)
        yield engine, client, store_id
        engine.dispose()


def _count(report: Report, engine: Engine, store_id: int) -> None:
    """Count everything anew, as the upgrade does once."""
    began = time.perf_counter()
    with writing(engine) as connection:
        mend_counts(connection)
    report.row("counting codes and e-mails anew", time.perf_counter() - began, "s")
    began = time.perf_counter()
    with reading(engine) as connection:
        store = load_store(connection, store_id)
    rebuild_sums(engine, store)
    report.row("summing up the orders anew", time.perf_counter() - began, "s")


# -- filling


def _fill(engine: Engine, store_id: int) -> None:
    """Fill the ledger by SQL. The counts are not kept meanwhile; they are counted afterwards."""
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        if is_sqlite and raw is not None:  # the engine begins a transaction, in which these do nothing
            raw.execute("pragma synchronous = off")
            raw.execute("pragma cache_size = -400000")
        _switch_triggers(connection, on=False)
        connection.commit()
        for statement in _filling(store_id, is_sqlite=is_sqlite):
            connection.exec_driver_sql(statement if is_sqlite else statement.replace("%", "%%"))
            connection.commit()
        _switch_triggers(connection, on=True)
        connection.exec_driver_sql("analyze")
        connection.commit()
    engine.dispose()


def _switch_triggers(connection: Connection, *, on: bool) -> None:
    if connection.dialect.name == "sqlite":
        from tillroll.ledger.counting.triggers import drop_triggers, install_triggers

        (install_triggers if on else drop_triggers)(connection)
    else:
        connection.exec_driver_sql(f"set session_replication_role = {'origin' if on else 'replica'}")


def _numbers(first: int, last: int, *, is_sqlite: bool) -> str:
    if is_sqlite:
        return (
            f"(with recursive c(i) as (select {first} union all select i + 1 from c where i < {last - 1})"
            " select i from c) as n"
        )
    return f"generate_series({first}, {last - 1}) as n(i)"


def _filling(store_id: int, *, is_sqlite: bool) -> Iterator[str]:
    def numbers(first: int, last: int) -> str:
        return _numbers(first, last, is_sqlite=is_sqlite)

    def ago(seconds: str) -> str:
        if is_sqlite:
            return f"strftime('%Y-%m-%d %H:%M:%S.000000', '{_MOMENT}', '-' || ({seconds}) || ' seconds')"
        return f"timestamp with time zone '{_MOMENT}+00' - ({seconds}) * interval '1 second'"

    now = ago("0")
    each = max(1, (CODES - _LARGEST) // (RUNS - 3))  # codes of every other run
    of_run = f"(case when i < {_LARGEST} then 3 else 4 + (i - {_LARGEST}) / {each} end)"
    last = _LARGEST + each * (RUNS - 3)
    copied = "campaign, kind, step, started_by, words_id, reason, halted_in, reserved_to, prepared_to, prepared_places"
    yield f"""insert into runs (id, store_id, slot_key, slot_at, state, plan_id, valid_from, valid_until, created_at, changed_at,
        {copied}) select i, {store_id}, 'bench' || i, {ago("(2000 - i) * 3600")},
        case when i % 50 = 3 then 'tracking' else 'done' end, i,
        {ago("(2000 - i) * 3600")}, {ago("(2000 - i) * 3600 - 2592000")}, {now}, {ago("(2000 - i) * 3600")}, {copied}
        from runs, {numbers(3, RUNS + 1)} where runs.id = 1"""
    body = "revision_id, digest, body, audience_count, code_count, worst_case, expected, currency"
    yield f"""insert into plans (id, run_id, made_at, expires_at, {body}) select i, i, {now}, {now}, {body}
        from plans, {numbers(3, RUNS + 1)} where plans.id = 1"""
    yield f"""insert into recipients (id, plan_id, customer_id, email, name, arm) select i + 1000000, {of_run},
        i % {CUSTOMERS} + 1, 'customer' || (i % {CUSTOMERS}) || '@example.com', 'Živa Novak',
        case when i % 2 = 0 then 'a' else 'b' end
        from {numbers(0, last)}"""
    yield f"""insert into codes (id, store_id, run_id, recipient_id, code, state, arm, coupon_id, attempts, reserved_at,
        changed_at)
        select i + 1000000, {store_id}, {of_run}, i + 1000000, 'BENCH' || i, case when i % 10 = 0 then 'paused' else 'live' end,
        case when i % 2 = 0 then 'a' else 'b' end, i + 5, 1, {now}, {now} from {numbers(0, last)}"""
    yield f"""insert into messages (id, store_id, run_id, recipient_id, code_id, state, reason, attempts, sending_at, sent_at,
        changed_at) select i + 1000000, {store_id}, {of_run}, i + 1000000, i + 1000000,
        case i % 40 when 3 then 'failed' when 5 then 'held' when 7 then 'unknown' else 'sent' end,
        case i % 40 when 3 then 'The address does not exist (' || i % 7 || ').' else '' end, 1, {now}, {now}, {now}
        from {numbers(0, last)}"""
    yield f"""insert into orders (store_id, order_id, number, customer_id, email, total, subtotal, coupon_discount, coupon_code,
        payment_status, created_at, seen_at) select {store_id}, 'O' || i, i, i % {CUSTOMERS} + 1,
        'customer' || (i % {CUSTOMERS}) || '@example.com', 400000 + i % 900000, 400000,
        case when i < {USED} then 50000 else 0 end, case when i < {USED} then 'BENCH' || (i * 5) else '' end, 'PAID',
        {ago("i % 31536000")}, {now} from {numbers(0, ORDERS)}"""
    yield f"""insert into redemptions (store_id, run_id, code_id, order_id, order_total, discount, payment_status, at)
        select {store_id}, codes.run_id, codes.id, 'O' || i, 400000 + i % 900000, 50000, 'PAID', {ago("i % 31536000")}
        from {numbers(0, USED)} join codes on codes.id = i * 5 + 1000000"""
    yield from _filling_people(store_id, numbers, now)


def _filling_people(store_id: int, numbers: Callable[[int, int], str], now: str) -> Iterator[str]:
    """Return the customers of the orders, their tiers, and whose codes were used by others."""
    yield f"""insert into customers (store_id, customer_id, email, mailbox, name, first_name, country, accepts_marketing, orders,
        spent, seen_at) select {store_id}, i, 'customer' || i || '@example.com', 'customer' || i || '@example.com', 'Živa Novak',
        'Živa', 'SI', i % 3 > 0, 5, 250000, {now} from {numbers(300, CUSTOMERS)}"""
    yield f"""insert into customer_tiers (store_id, customer_id, tier, figure) select {store_id}, i,
        case i % 3 when 1 then 'silver' when 2 then 'gold' else '' end, i % 1000 from {numbers(300, CUSTOMERS)}"""
    yield f"""insert into leak_checks (redemption_id, store_id, campaign, used_by, at) select id, {store_id}, 'winback',
        case when id % 100 = 1 then 'other' else 'recipient' end, at from redemptions"""
    yield f"""insert into leaks (store_id, campaign, kind, redemption_id, found_at)
        select {store_id}, 'winback', 'other_buyer', id, {now} from redemptions where id % 100 = 1"""
