"""A store's time zone: the one of its profile as far as it is understood, or the one that a person chose."""

from __future__ import annotations

import json
from datetime import timedelta

from sqlalchemy.engine import Engine

from tests.shop import NOW, add_store
from tillroll.ecwid.client import Client
from tillroll.ledger.engine import reading
from tillroll.ledger.mirror.unread import list_unread
from tillroll.ledger.queries.stores import load_store
from tillroll.sandbox.serve import Sandbox
from tillroll.track.mirror.sync import sync_profile
from tillroll.track.store_zone import choose_zone


def set_zone(sandbox: Sandbox, zone: str) -> None:
    profile = json.loads(sandbox.store.state.fact("profile") or "{}")
    with sandbox.store.state.transaction() as state:
        state.keep_fact("profile", json.dumps({**profile, "formatsAndUnits": {"timezone": zone}}))


def read(engine: Engine, client: Client, store_id: int, *, at: int = 0) -> tuple[str, list[str]]:
    """Read the profile, so many hours later, and return the zone in force, and what is told of it."""
    sync_profile(engine, client, store_id=store_id, now=NOW + timedelta(hours=at))
    with reading(engine) as connection:
        told = [row.sentence for row in list_unread(connection, store_id, limit=9) if row.field == "timezone"]
        return load_store(connection, store_id).timezone, told


CHOOSE = "choose one with: tillroll store timezone Europe/Ljubljana."


ZONES = {
    "America/New_York": ("America/New_York", ""),
    "GMT+1": ("Etc/GMT-1", ""),
    "": ("Etc/GMT-1", "the store has none"),
    "UTC+5:30": ("Asia/Kolkata", ""),
    "CEST": ("Asia/Kolkata", "CEST is not one that Tillroll knows"),
    "+02:00": ("Etc/GMT-2", ""),
}
"""What the store says in turn, the zone that is in force then, and what is told."""


def test_a_zone_is_understood_or_told_and_the_last_one_stays(
    ledger: Engine, sandbox: Sandbox, client: Client
) -> None:
    store_id, number = add_store(ledger), sandbox.ready.store_id
    for at, (given, (in_force, told)) in enumerate(ZONES.items()):
        set_zone(sandbox, given)
        sentences = [f"the store's settings {number}, timezone: {told}; {CHOOSE}"] if told else []
        assert read(ledger, client, store_id, at=at) == (in_force, sentences)


def test_a_chosen_zone_stays_until_it_is_taken_back(ledger: Engine, sandbox: Sandbox, client: Client) -> None:
    store_id = add_store(ledger)
    set_zone(sandbox, "CEST")
    assert read(ledger, client, store_id)[1]
    with reading(ledger) as connection:
        store = load_store(connection, store_id)
    choose_zone(ledger, store, name="Europe/Vienna", now=NOW, actor="ana")
    assert read(ledger, client, store_id) == ("Europe/Vienna", [])
    set_zone(sandbox, "GMT+1")
    assert read(ledger, client, store_id) == ("Europe/Vienna", [])
    choose_zone(ledger, store, name="", now=NOW, actor="ana")
    with reading(ledger) as connection:
        assert load_store(connection, store_id).profile_at is None, "the worker reads it at its next turn"
    assert read(ledger, client, store_id) == ("Etc/GMT-1", [])
