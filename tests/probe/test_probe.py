"""Probing sandboxes whose switches were drawn: a probe names each rightly, and leaves nothing behind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.house.test_endpoints import BOTH
from tests.store import QUICK, counted, lay_faults, running, turn
from tillroll.ecwid.endpoints.batches import InnerRequest
from tillroll.errors import Refused, StoreDisconnected
from tillroll.ledger import migrate
from tillroll.ledger.audit import first_broken_row
from tillroll.ledger.engine import reading
from tillroll.ledger.locks.store_lock import store_lock
from tillroll.ledger.queries.stores import learned_facts, load_store
from tillroll.ledger.tables import audit
from tillroll.loop.worker import register_store
from tillroll.probe.conversation import Depth, Kind
from tillroll.probe.facts import FACTS, UNLEARNABLE
from tillroll.probe.run import ProbeOutcome, probe_store
from tillroll.sandbox.serve import Sandbox
from tillroll.settings import Settings, StoreAccess
from tillroll.wiring import Services, build

DRAWN: dict[str, tuple[Any, ...]] = {
    **{switch: settings for switch, settings in BOTH.items() if switch not in UNLEARNABLE},
    "missing_scopes": ([], ["read_reviews"]),
    "index_lag": (0.0, 0.3),
}
TABLES = ("coupons", "products", "customers", "orders", "storage", "extra_fields")


@contextmanager
def installation(home: Path, store: Sandbox) -> Iterator[Services]:
    """Open an installation on SQLite that works for a store."""
    ready = store.ready
    access = StoreAccess(ecwid_id=ready.store_id, token=ready.token, base_url=ready.base_url)
    url = f"sqlite:///{home}/ledger.sqlite3"
    settings = Settings(
        home=home, database_url=url, store=access, environment="sandbox", requests_per_minute=QUICK
    )
    with build(settings) as services:
        migrate.upgrade(services.engine)
        register_store(services)
        yield services


def probe(services: Services, depth: Depth = Depth.SAMPLES) -> ProbeOutcome:
    """Probe the store of an installation."""
    with reading(services.engine) as connection:
        store = load_store(connection, 1)
    with services.client(store, person=True) as client, services.stranger(store) as stranger:
        session = services.session(1, client)
        return probe_store(session, FACTS, stranger=stranger.connection, depth=depth, actor="test")


def rows(store: Sandbox) -> dict[str, int]:
    """How much of everything is in the store."""
    with store.store.state.transaction() as state:
        return {table: int(state.value(f"select count(*) from {table}")) for table in TABLES}


def stays_unknown(switch: str, drawn: dict[str, Any]) -> bool:
    """Whether no probe could tell a switch while the others are as they were drawn."""
    match switch:
        case "digits_name_codes":
            return not drawn["coupon_by_code"]
        case "requests_per_minute" | "count_inner_requests":
            return not drawn["quota_headers"]
        case "undone_orders_return_coupons":
            return not drawn["rest_orders_use_coupons"]
        case "missing_scope_body":
            return not drawn["missing_scopes"]
        case _:
            return False


def wrong(outcome: ProbeOutcome, drawn: dict[str, Any]) -> dict[str, Any]:
    """Return what a probe says wrongly, or does not say though it could be known."""
    findings = {finding.fact.switch: finding for finding in outcome.findings}
    faults: dict[str, Any] = {}
    for switch, setting in drawn.items():
        learned = findings[switch].setting
        if stays_unknown(switch, drawn):
            right = bool(findings[switch].reason) and learned is None
        elif switch == "missing_scopes":
            right = learned == " ".join(setting)
        elif switch == "index_lag":  # it is measured, and more than that on a busy machine
            right = isinstance(learned, float) and learned >= setting
        else:
            right = learned == setting and type(learned) is type(setting)
        if not right:
            faults[switch] = (setting, learned, findings[switch].sentence())
    return faults


def probe_drawn(store: Sandbox, services: Services, seed: int) -> None:
    """Draw all switches, probe, and look whether the findings and the ledger have them."""
    draw = random.Random(seed)
    drawn = {switch: draw.choice(settings) for switch, settings in DRAWN.items()}
    turn(store, **drawn)
    before = rows(store)
    outcome = probe(services)
    assert outcome.stopped is None
    assert wrong(outcome, drawn) == {}, f"seed {seed}"
    assert (outcome.left, rows(store)) == ([], before), "it cleans up after itself"
    with reading(services.engine) as connection:
        kept = learned_facts(connection, 1)
        assert first_broken_row(connection) is None
    learned = {finding.fact.switch: finding.setting for finding in outcome.findings if finding.learned}
    assert {name: kept[name] for name in learned} == learned


@pytest.mark.parametrize("seed", [1])
def test_a_probe_names_every_switch_rightly(sandbox: Sandbox, services: Services, seed: int) -> None:
    probe_drawn(sandbox, services, seed)


@pytest.mark.slow
def test_fifty_probes_name_every_switch_rightly(tmp_path: Path) -> None:
    with running(tmp_path / "store", customers=20) as store, installation(tmp_path, store) as services:
        for seed in range(100, 150):
            probe_drawn(store, services, seed)


def test_a_probe_that_may_not_write_only_reads(sandbox: Sandbox, services: Services) -> None:
    lay_faults(sandbox, errors={"on": "writes"})
    outcome = probe(services, Depth.READ)
    learned = {finding.fact.switch: finding.setting for finding in outcome.findings}
    assert (learned["coupons_sorted"], learned["fold_codes"]) == ("oldest_first", None)
    assert sandbox.store.faults.fired["errors"] == 0, "a write would have failed"


def test_what_cannot_be_deleted_is_left_and_the_next_probe_deletes_it(
    sandbox: Sandbox, services: Services
) -> None:
    before = rows(sandbox)
    turn(sandbox, missing_scopes=["update_discount_coupons"])
    assert {made.kind for made in probe(services, Depth.WRITE).left} == {Kind.COUPON}
    assert rows(sandbox)["coupons"] > before["coupons"]
    again = probe(services, Depth.WRITE)
    assert (again.findings, str(again.stopped)) == (
        [],
        "The store refuses to delete what an earlier probe left.",
    )
    assert probe(services, Depth.READ).unfinished
    turn(sandbox, missing_scopes=[])
    assert len(probe(services, Depth.WRITE).removed) == rows(sandbox)["coupons"] - before["coupons"] + len(
        again.left
    )
    assert rows(sandbox) == before


@pytest.mark.slow
def test_a_token_that_dies_midway_ends_the_probe_and_the_next_one_deletes_what_is_left(
    sandbox: Sandbox, services: Services
) -> None:
    before = rows(sandbox)
    lay_faults(sandbox, token_revoked={"after": 60})
    stopped = probe(services)
    assert isinstance(stopped.stopped, StoreDisconnected)
    assert stopped.unfinished
    assert stopped.left
    lay_faults(sandbox, token_revoked=False)
    assert probe(services).stopped is None
    assert rows(sandbox) == before


@pytest.mark.slow
def test_lost_answers_leave_nothing_behind(sandbox: Sandbox, services: Services) -> None:
    before = rows(sandbox)
    lay_faults(sandbox, lost_answers={"share": 0.3, "times": 8})
    reasons = {finding.reason for finding in probe(services, Depth.WRITE).findings}
    assert rows(sandbox) == before
    assert "the store's answer to a write was lost" in reasons


@pytest.mark.slow
def test_a_probe_waits_as_long_as_the_store_asks(sandbox: Sandbox, services: Services) -> None:
    lay_faults(sandbox, storm={"share": 0.1, "times": 3, "retry_after": 1})
    outcome = probe(services, Depth.WRITE)
    assert outcome.stopped is None
    assert counted(sandbox)["early_requests"] == 0


@pytest.mark.slow
def test_a_connection_that_breaks_now_and_then_ends_no_probe(sandbox: Sandbox, services: Services) -> None:
    before = rows(sandbox)
    lay_faults(sandbox, resets={"on": "reads", "share": 0.1, "times": 4})
    outcome = probe(services, Depth.WRITE)
    assert (outcome.stopped, outcome.left, rows(sandbox)) == (None, [], before)
    assert counted(sandbox)["faults"]["resets"] > 0


def test_one_probe_of_a_store_runs_at_a_time(services: Services) -> None:
    with store_lock(services.engine, 1, name="probe"), pytest.raises(Refused, match="Another probe"):
        probe(services, Depth.READ)


def test_a_probe_that_writes_is_in_the_audit_from_its_beginning(services: Services) -> None:
    probe(services, Depth.WRITE)
    with reading(services.engine) as connection:
        actions = list(connection.scalars(sa.select(audit.c.action).order_by(audit.c.id)))
    assert actions[-2:] == ["store.probe_began", "store.probed"]


@pytest.mark.parametrize("count_inner_requests", [True, False])
def test_what_was_learned_of_batches_sets_the_pace(
    sandbox: Sandbox, services: Services, count_inner_requests: bool
) -> None:
    turn(sandbox, quota_headers=True, count_inner_requests=count_inner_requests)
    probe(services, Depth.WRITE)
    turn(sandbox, quota_headers=False)
    with reading(services.engine) as connection:
        store = load_store(connection, 1)
    slow = replace(services, settings=replace(services.settings, requests_per_minute=600))
    inner = [InnerRequest(id=str(number), method="GET", path="/profile", body="") for number in range(100)]
    with slow.client(store) as client:
        client.batches.create(inner, deduplication_key="a", group="g")
        assert (client.connection.pace.level().left < 0) is count_inner_requests


def test_a_store_that_allows_fewer_calls_gets_fewer(sandbox: Sandbox, services: Services) -> None:
    turn(sandbox, quota_headers=True, requests_per_minute=5_000)
    probe(services, Depth.READ)
    with reading(services.engine) as connection:
        store = load_store(connection, 1)
    with services.client(store) as client:
        assert client.connection.pace.level().left <= 5_000 < QUICK / 100
