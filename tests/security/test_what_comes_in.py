"""What files, webhooks, forms and commands bring in is clean, or refused with a sentence; and reading it is bounded."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from tests.cli.command import tillroll
from tests.security.hostile import texts
from tests.security.test_clean import harmless
from tests.shop import SHOP
from tests.web.site import PASSWORD, app_for, digest_of, open_shop, plan_run, send_form, sign_in, token_on
from tillroll.campaign.segments.lists import read_list
from tillroll.campaign.text.source import read_source
from tillroll.catalog.lines import MOST_COLUMNS, raw_rows
from tillroll.catalog.read import check_file
from tillroll.errors import FaultyFiles, Refused
from tillroll.ledger.tables import approvals
from tillroll.track.webhooks import custom, intake

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def texts_in(value: Any) -> list[str]:
    """Return all texts inside JSON, names too."""
    if isinstance(value, dict):
        return [text for name, item in value.items() for text in (*texts_in(name), *texts_in(item))]
    if isinstance(value, list):
        return [text for item in value for text in texts_in(item)]
    return [value] if isinstance(value, str) else []


@given(event_id=texts, rest=st.fixed_dictionaries({"eventType": JSON, "entityId": JSON, "data": JSON}))
def test_a_webhook_is_clean_or_refused(event_id: str, rest: dict[str, Any]) -> None:
    created = int(NOW.timestamp())
    body = json.dumps({"eventId": event_id, "eventCreated": created, "storeId": 1003, **rest}).encode()
    try:
        signature = intake.sign("secret", created, event_id)
    except UnicodeEncodeError:
        signature = "none could be made"
    refused = ""
    try:
        event = intake.read_event(body, signature=signature, client_secret="secret", now=NOW)
    except Refused as fault:
        refused = fault.message
        event = None
    assert harmless(refused)
    assert event is None or event.event_id == event_id
    assert event is None or all(map(harmless, [event.kind, event.entity, *texts_in(event.data)]))


@given(event_id=texts, email=texts, data=st.dictionaries(texts, JSON, max_size=3))
def test_a_custom_event_is_clean_or_refused(event_id: str, email: str, data: dict[str, Any]) -> None:
    content = json.dumps({"id": event_id, "email": email, "data": data}).encode()
    signature = custom.sign("secret", int(NOW.timestamp()), content)
    refused = ""
    try:
        event = custom.read_custom(content, name="x", signature=signature, secrets=["secret"], now=NOW)
    except Refused as fault:
        refused = fault.message
    if refused:
        assert harmless(refused)
        return
    lines = (line for text in texts_in(event.body.data) for line in text.split("\n"))
    assert all(map(harmless, [event.body.id, event.body.email or "", *lines]))
    assert event.body.id == event_id


def test_a_custom_event_of_a_person_stays_as_it_was_sent() -> None:
    content = json.dumps(
        {"id": "7/ä", "email": "ana@shop.example", "data": {"size": "L", "names": ["Ана", "é"]}}
    )
    signature = custom.sign("secret", int(NOW.timestamp()), content.encode())
    body = custom.read_custom(
        content.encode(), name="x", signature=signature, secrets=["secret"], now=NOW
    ).body
    assert (body.id, body.email, body.data) == (
        "7/ä",
        "ana@shop.example",
        {"size": "L", "names": ["Ана", "é"]},
    )


@pytest.mark.parametrize(
    ("text", "character"),
    [
        (r'title: "A\0B"', "U+0000"),
        (r'title: "A\x1b[31m"', "U+001B"),
        (r'title: "A\u202eB"', "U+202E"),
        (r'"a\u2066": 1', "U+2066"),
        ("title: A\u202eB", "U+202E"),
        (r'title: "A\uffffB"', "U+FFFF"),
    ],
)
def test_a_campaign_file_with_a_hidden_character_gets_a_finding(text: str, character: str) -> None:
    source = read_source("campaigns/x.yaml", text.encode())
    assert source.data is None
    assert character in source.findings[0].problem


@given(texts)
def test_what_a_file_says_is_harmless(text: str) -> None:
    source = read_source("campaigns/x.yaml", json.dumps({"title": text}).encode())
    for value in texts_in(source.data):
        assert all(
            map(harmless, value.replace("\t", " ").replace("\r", "\n").replace("\x85", "\n").split("\n"))
        )


@pytest.mark.parametrize(
    "line",
    ["ana@x.example\x0bben@x.example", "ana@x..example", "ana\u200b@x.example", "a@b@c.example", "=cmd|a"],
)
def test_a_list_takes_only_addresses_that_can_be_mailed(line: str) -> None:
    members, findings = read_list("rules/lists/x.csv", f"email\nana@shop.example\n{line}\n".encode())
    assert members is None
    assert findings[0].line == 3


WIDE = "sku,name," + ",".join(f"c{number}" for number in range(200_000))
CATALOGUES = {
    "wide": WIDE,
    "wide and short": "sku" + "," * 200_000,
    "a wide row": "sku,name\n" + "," * 200_000,
    "an open quote": 'sku,name\nTEA-01,"' + "x\n" * 2_000_000,
    "one line": "sku,name\n" + "x" * 20_000_000,
    "a long cell": "sku,name\nTEA-01," + "x" * 900_000,
}


@pytest.mark.parametrize("name", sorted(CATALOGUES))
def test_a_catalogue_file_of_any_shape_is_refused_within_a_second(tmp_path: Path, name: str) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(CATALOGUES[name], encoding="utf-8")
    begun = process_time()
    with pytest.raises(FaultyFiles) as refused:
        check_file(path, {})
    assert process_time() - begun < 1
    assert refused.value.lines[0].startswith(f"{path}:")
    assert len(refused.value.lines[0]) < 500


def test_a_catalogue_file_says_how_many_columns_are_too_many(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("sku" + "," * 200_000, encoding="utf-8")
    assert list(raw_rows(path)) == [(1, f"it has 200,001 columns, at most {MOST_COLUMNS} are allowed")]


@pytest.mark.parametrize("sku", ["TEA\x00", "TEA\x1b[2J", "TEA\u202e", "T" * 300])
def test_a_sku_is_kept_to_the_letter_or_refused(tmp_path: Path, sku: str) -> None:
    path = tmp_path / "skus.jsonl"
    path.write_text(json.dumps({"sku": sku, "price": 1}) + "\n" + '{"sku": "Tee\\u0301", "price": 1}\n')
    with pytest.raises(FaultyFiles) as refused:
        check_file(path, {})
    assert [line.split(" ")[0] for line in refused.value.lines] == [f"{path}:1"]
    assert harmless(refused.value.lines[0])


@pytest.mark.parametrize("word", ["a\x1b[31m", "a\u202eb", "a\udcff", "a\ufffe"])
def test_a_command_refuses_a_word_that_is_no_text(tmp_path: Path, word: str) -> None:
    answer = tillroll(tmp_path, "run", word)
    assert answer.returncode == 2
    assert all(map(harmless, answer.stderr.split("\n")))
    assert "isn't valid UTF-8" in " ".join(answer.stderr.split())


def test_a_form_is_clean_or_refused(ledger: Engine, tmp_path: Path) -> None:
    """On PostgreSQL U+0000 was an error of the database; the note is cleaned, all else is refused."""
    run_id = plan_run(ledger, open_shop(ledger, customers=40))
    client = app_for(ledger, tmp_path).test_client()
    page = client.get("/login")
    fields = {"csrf_token": token_on(page), "email": "ana\x00@shop.example", "password": PASSWORD}
    assert client.post("/login", data=fields).status_code == 400
    sign_in(client)
    for address in ("/runs?campaign=%00", "/runs?campaign=a%1bb", "/runs?%00=1", "/runs?before=%EF%BF%BF"):
        answer = client.get(f"{SHOP}{address}")
        assert (answer.status_code, "control character" in answer.text) == (400, True)
    assert client.get(f"{SHOP}/%00").status_code == 404
    send_form(
        client, run_id, "reject", digest=digest_of(ledger, run_id), note="Not\x00 now\x1b[31m\r\nplease\u202e"
    )
    with ledger.connect() as connection:
        notes = connection.scalars(sa.select(approvals.c.note)).all()
    assert notes == ["Not now[31m\nplease"]
