"""A record of real talk holds no personal value of the shop, and plays the same shop again, with pseudonyms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.contract.samples import coupon, wait_for
from tests.store import QUICK, SANDBOX_HOSTS, client_of, running
from tillroll.clock import SystemClock
from tillroll.ecwid.client import Client
from tillroll.ecwid.http.pace import Pace
from tillroll.ecwid.record import kept
from tillroll.ecwid.record.pseudonyms import STORE_ID, Pseudonyms
from tillroll.ecwid.record.recorder import Recorder
from tillroll.ledger.engine import open_engine, reading
from tillroll.ledger.tables import carts, customers, orders, products
from tillroll.sandbox import NoRecord, Replay, Sandbox, read_talk
from tillroll.track.mirror.tour import tour

SECRET = "a key of the installation"
TOKEN = re.compile(r"\w{3,}")
MADE_AT = {"seen_at", "changed_at", "created_at"}


def pseudonyms(store_id: int = 77) -> Pseudonyms:
    return Pseudonyms(b"key", store_id=store_id)


@contextmanager
def ledger_at(file: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{file}")
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def replayed(file: Path) -> Iterator[Client]:
    """A client of the sandbox that answers from a record."""
    clock, replay = SystemClock(), Replay(read_talk(file), port=0, clock=SystemClock())
    ready = replay.ready
    client = Client(
        base_url=ready.base_url,
        store_id=ready.store_id,
        token=ready.token,
        hosts=SANDBOX_HOSTS,
        pace=Pace(clock, per_minute=QUICK),
        clock=clock,
    )
    try:
        yield client
    finally:
        client.close()
        replay.close()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Path, Path]]:
    """A seeded store, the ledger of a tour of it, and the record of that tour."""
    folder = tmp_path_factory.mktemp("recorded")
    file = folder / "talk.jsonl"
    with running(folder / "store", customers=120) as store:
        recorder = Recorder(file, secret=SECRET, store_id=store.ready.store_id, clock=SystemClock())
        with client_of(store, listener=recorder) as client, ledger_at(folder / "first.sqlite3") as engine:
            tour(engine, client, clock=SystemClock())
            for path in (
                "/customers",
                "/orders",
                "/carts",
                "/reviews",
                "/discount_coupons",
                "/products",
                "/staff",
            ):
                client.connection.read(path, {"limit": 100})  # with every field
        yield store, folder / "first.sqlite3", file


def texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a value of JSON, with the name of its field."""
    if isinstance(value, dict):
        for inner, held in value.items():
            yield from texts(held, inner)
    elif isinstance(value, list):
        for held in value:
            yield from texts(held, name)
    elif isinstance(value, str):
        yield name, value


def personal_tokens(store: Sandbox) -> set[str]:
    """Every word of what the seeded store knows of people, and every code."""
    found: set[str] = set()
    state = store.store.state
    with state.transaction():
        codes = [str(row["code"]) for row in state.rows("select code from coupons")]
        tables = ("customers", "orders", "reviews")
        bodies = [
            json.loads(row["body"]) for table in tables for row in state.rows(f"select body from {table}")
        ]
        emails = [str(row["email"]) for row in state.rows("select email from customers")]
    for body in bodies:
        for name, text in texts(body):
            if name not in kept.SHAPES and name not in {"key", "title", "sku", "productName", "productSku"}:
                found |= set(TOKEN.findall(text))
    for text in (*codes, *emails):
        found |= set(TOKEN.findall(text))
    return {word for word in found if not word.isdigit() or len(word) > 4} - {
        "example",
        "com",
        "https",
        "http",
        "shop",
    }


def test_no_personal_value_of_the_store_is_in_its_record(recorded: tuple[Sandbox, Path, Path]) -> None:
    store, _, file = recorded
    text = file.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    written = {
        word
        for line in lines
        for name, value in texts(line)
        if name not in {"timezone", "responseFields"}  # the shop's zone may be named after a customer's city
        for word in TOKEN.findall(value)
    }
    people = personal_tokens(store)
    assert len(people) > 200
    assert people & written == set()
    assert store.ready.token not in text
    assert "secret_" not in text
    assert file.stat().st_mode & 0o777 == 0o600


def test_codes_that_a_batch_makes_are_not_in_the_record_and_its_replay_makes_them_again(
    recorded: tuple[Sandbox, Path, Path], tmp_path: Path
) -> None:
    store, _, _ = recorded
    file = tmp_path / "batch.jsonl"
    recorder = Recorder(file, secret=SECRET, store_id=store.ready.store_id, clock=SystemClock())
    with client_of(store, listener=recorder) as client:
        requests = [
            client.coupons.creation(str(number), coupon(f"WORTH{number}MONEY")) for number in range(3)
        ]
        made = wait_for(client, client.batches.create(requests, deduplication_key="d", group="g"))
        assert client.coupons.find("WORTH1MONEY") is not None
    text = file.read_text(encoding="utf-8")
    assert "WORTH" not in text
    assert (
        str(store.ready.store_id) not in text.replace(f'"{STORE_ID}"', "") or store.ready.store_id == STORE_ID
    )
    with replayed(file) as client:
        again = wait_for(client, client.batches.create(requests, deduplication_key="other", group="g"))
    assert (
        [answer.status for answer in again.answers] == [answer.status for answer in made.answers] == [200] * 3
    )


def rows(engine: Engine, table: sa.Table) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        found = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
    return sorted(
        ({name: value for name, value in row.items() if name not in MADE_AT} for row in found),
        key=lambda row: json.dumps(row, default=str),
    )


FIELDS = {"email": "email", "name": "name", "first_name": "name", "city": "city", "region": "stateOrProvinceName",
          "group_name": "name", "order_id": "id", "coupon": "code", "cart_id": "cartId", "sku": "sku"}  # fmt: skip
"""Column → the field of the API that it holds."""
SAME = {
    customers: ("customer_id", "email", "name", "orders", "spent", "language", "country", "accepts_marketing", "registered_at"),
    orders: ("order_id", "email", "total", "customer_id"),
    products: ("product_id", "sku", "price"),
    carts: ("cart_id", "email", "total"),
}  # fmt: skip
"""What must be the same in both mirrors, up to pseudonyms."""


def test_a_replayed_record_gives_the_same_mirror_up_to_pseudonyms(
    recorded: tuple[Sandbox, Path, Path], tmp_path: Path
) -> None:
    store, first, file = recorded
    stand_in = Recorder(tmp_path / "x", secret=SECRET, store_id=store.ready.store_id, clock=SystemClock())
    names = stand_in.pseudonyms
    with (
        ledger_at(first) as original,
        replayed(file) as client,
        ledger_at(tmp_path / "again.sqlite3") as again,
    ):
        tour(again, client, clock=SystemClock())
        for table, columns in SAME.items():
            want = [
                {
                    name: names.value(FIELDS[name], row[name]) if name in FIELDS else row[name]
                    for name in columns
                }
                for row in rows(original, table)
            ]
            got = [{name: row[name] for name in columns} for row in rows(again, table)]
            order = dict.fromkeys(json.dumps(row, default=str) for row in got)
            assert sorted(json.dumps(row, default=str) for row in want) == sorted(order), table.name
            assert len(want) > 0, table.name


@given(
    st.text(min_size=4, max_size=40),
    st.sampled_from(["name", "email", "note", "value", "code", "phone", "street"]),
)
def test_the_same_text_has_the_same_pseudonym_and_does_not_stand_in_it(text: str, name: str) -> None:
    one, again = pseudonyms().value(name, text), pseudonyms().value(name, text)
    assert one == again
    words = set(re.findall(r"\w{4,}", text))
    assert words & set(re.findall(r"\w{4,}", one)) == set()
    assert Pseudonyms(b"another", store_id=77).value(name, text) != one or not re.search(r"\w", text)


@pytest.mark.parametrize(
    ("name", "value", "stays"),
    [
        ("paymentStatus", "PAID", True),
        ("paymentStatus", "Ana Novak", False),
        ("createDate", "2026-11-29 10:00:00 +0000", True),
        ("value", "1990-05-01", False),
        ("currency", "EUR", True),
        ("total", 12.5, True),
        ("timezone", "Europe/Ljubljana", True),
        ("orderComments", "PAID", False),
        ("code", "20202020", False),
        ("postalCode", "1000", False),
        ("ipAddress", "192.0.2.7", False),
        ("phone", 4155550100, False),
        ("lang", "de", True),
    ],
)
def test_only_what_is_known_to_be_harmless_stays(name: str, value: Any, stays: bool) -> None:
    assert (pseudonyms().value(name, value) == value) is stays


def test_a_code_is_the_same_in_a_path_a_query_a_body_and_a_batch() -> None:
    names = pseudonyms()
    code = names.value("code", "BACK-7K2Q")
    assert names.value("code", "back-7k2q") == code
    assert names.path("/discount_coupons/BACK-7K2Q") == f"/discount_coupons/{code}"
    assert names.query({"code": "BACK-7K2Q", "limit": "100"}) == {"code": code, "limit": "100"}
    inner = [{"id": "1", "method": "GET", "path": "/discount_coupons?code=BACK-7K2Q&limit=1"}]
    assert names.value("", inner)[0]["path"] == f"/discount_coupons?code={code}&limit=1"
    packed = names.value("escapedHttpBody", '{"code": "BACK-7K2Q"}')
    assert json.loads(packed) == {"code": code}


def test_the_stores_number_and_what_stands_in_extra_fields_are_replaced() -> None:
    names = pseudonyms()
    assert names.value("storeId", 77) == STORE_ID
    assert names.value("id", "77") == str(STORE_ID)
    extra = names.value("", {"extrafields": [{"key": "a", "title": "Birthday", "value": "1990-05-01"}]})
    (field,) = extra["extrafields"]
    assert datetime.strptime(field["value"], "%Y-%m-%d").replace(tzinfo=UTC).year != 0
    assert field["title"] != "Birthday"


def test_a_file_that_is_no_record_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x"
    for text in ("", "[]", "{}", '{"tillroll_record": 2}', '{"tillroll_record": 1}\nnot JSON\n'):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(NoRecord):
            read_talk(file)


def test_a_replay_answers_writes_in_their_order_and_keeps_what_is_stored(tmp_path: Path) -> None:
    file = tmp_path / "talk"
    calls = [
        {"method": "POST", "path": "/batch", "query": {}, "status": 200, "answer": {"ticket": "T"}},
        {
            "method": "GET",
            "path": "/batch",
            "query": {"ticket": "T"},
            "status": 200,
            "answer": {"status": "QUEUED"},
        },
        {
            "method": "GET",
            "path": "/batch",
            "query": {"ticket": "T"},
            "status": 200,
            "answer": {"status": "COMPLETED"},
        },
        {
            "method": "GET",
            "path": "/storage/tillroll-x",
            "query": {},
            "status": 200,
            "answer": {"value": "secret"},
        },
    ]
    lines = [{"tillroll_record": 1, "version": "1"}, *calls]
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    talk = read_talk(file)
    status = [talk.answer("GET", "/batch", {"ticket": "T"}, b"").body["status"] for _ in range(3)]
    assert status == ["QUEUED", "COMPLETED", "COMPLETED"]
    assert talk.answer("GET", "/storage/tillroll-x", {}, b"").status == 404
    talk.answer("PUT", "/storage/tillroll-x", {}, b'{"value": "mark"}')
    assert talk.answer("GET", "/storage/tillroll-x", {}, b"").body["value"] == '{"value": "mark"}'
    page = {"total": 1, "items": [{"id": 7}]}
    talk.hear(
        {
            "method": "GET",
            "path": "/orders",
            "query": {"responseFields": "total,items(id)"},
            "status": 200,
            "answer": page,
        }
    )
    assert talk.answer("GET", "/orders", {"limit": "1"}, b"").body == page
    assert talk.answer("GET", "/orders", {"email": "a@example.com"}, b"").status == 404
    unheard = talk.answer("GET", "/orders/5", {}, b"")
    assert (unheard.status, unheard.body["errorCode"]) == (404, "NOT_RECORDED")
