"""One code, coupon or webhook fails at any line of its work beside the store: each of the others is dealt with exactly once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.clocks import FakeClock
from tests.journeys.coupons import carried_out, have, in_ledger, in_store, line_of, looked, sent_run
from tests.journeys.path import go_on
from tests.security.chaos import BOTH_DATABASES, LineTracer, Scenario, end_pauses, told, try_lines
from tests.shop import add_store, run_row
from tests.web.site import app_for
from tillroll.campaign.states import ChangeKind, CodeState, DriftKind
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.faults.rows import release
from tillroll.ledger.tables import codes, drifts, events, faults
from tillroll.loop.advance import StoreWorker
from tillroll.settings import Settings
from tillroll.track.webhooks.intake import WebhookDelivery, sign

HTTP = "ecwid/http/"
"""A fault inside a connection leaves its socket to the collector, which says so: not what is tried here."""

SECRET = "the app's client secret"
MANY = 20


@pytest.fixture(params=BOTH_DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def alone(value: Any) -> Any:
    """Return the item of a list with one, and anything else as it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def changes_at_lines(worker: StoreWorker, *, most: int, seed: int) -> None:
    services = worker.services
    engine = services.engine
    sent_run(worker, services)
    victim = sorted(in_ledger(services))[3]
    asked: list[int] = []

    def is_victim(_name: str, value: Any) -> bool:
        return getattr(alone(value), "code", None) == victim

    def attempt(tracer: LineTracer) -> None:
        with writing(engine) as connection:
            connection.execute(sa.delete(faults))
        later = run_row(engine, 1).valid_until + timedelta(days=len(asked) + 1)
        asked.append(have(services, ChangeKind.EXTEND, valid_until=later))
        turns = iter(range(40))

        def is_done() -> bool:
            with tracer.pausing():
                end_pauses(engine)
                return next(turns, None) is None or not line_of(services, asked[-1]).open

        with tracer.watching():
            go_on(worker, until=is_done)

    def check(_: None, scenario: Scenario) -> None:
        has_ended = not line_of(services, asked[-1]).open
        assert has_ended or told(engine, services.clock.now()), scenario
        extended = run_row(engine, 1).extended_until
        check_extended(scenario, victim)
        with writing(engine) as connection:
            release(connection, sa.true())
        carried_out(worker, asked[-1])  # somebody has mended it
        assert run_row(engine, 1).extended_until == extended, scenario
        check_extended(scenario, "" if has_ended is False else victim)

    def check_extended(scenario: Scenario, but: str) -> None:
        """Check that store and ledger have the new end of every code, but perhaps for one."""
        ends = {code: one.expires_at for code, one in in_store(worker.client).items() if code != but}
        assert len(ends) >= 5, scenario
        known = {code: row.valid_until for code, row in in_ledger(services).items() if code != but}
        assert ends == known, scenario
        assert len(set(ends.values())) == 1, scenario

    try_lines(attempt, check, is_victim=is_victim, seed=seed, most=most, fewest=50, without=HTTP)


def drifts_at_lines(worker: StoreWorker, *, most: int, seed: int, gone: bool = False) -> None:
    services = worker.services
    engine = services.engine
    sent_run(worker, services)
    ours = in_ledger(services)
    victim = sorted(ours)[3]
    if gone:
        for row in ours.values():
            worker.client.coupons.delete(row.coupon_id)
    else:
        with writing(engine) as connection:
            wrong = services.clock.now() + timedelta(days=99)
            connection.execute(sa.update(codes).values(valid_until=wrong))

    def is_victim(_name: str, value: Any) -> bool:
        return getattr(alone(value), "code", None) == victim

    def attempt(tracer: LineTracer) -> Counter[str]:
        services.clock.sleep(0.01)
        with writing(engine) as connection:
            connection.execute(sa.delete(drifts))
            connection.execute(sa.delete(faults))
            live = {"state": CodeState.LIVE, "reason": "", "changed_at": services.clock.now()}
            connection.execute(sa.update(codes).values(live))
        services.clock.sleep(0.01)
        with tracer.watching():
            looked(worker)
        kind = DriftKind.DELETED if gone else DriftKind.CHANGED
        with reading(engine) as connection:
            return Counter(connection.scalars(sa.select(drifts.c.code).where(drifts.c.kind == kind)))

    def check(found: Counter[str], scenario: Scenario) -> None:
        others = {code: count for code, count in found.items() if code != victim}
        assert others == dict.fromkeys(ours.keys() - {victim}, 1), scenario
        assert found[victim] == 1 or told(engine, services.clock.now()), scenario

    try_lines(attempt, check, is_victim=is_victim, seed=seed, most=most, fewest=15, without=HTTP)


def deletions_at_lines(worker: StoreWorker, *, most: int, seed: int) -> None:
    drifts_at_lines(worker, most=most, seed=seed, gone=True)


def webhooks_at_lines(engine: Engine, folder: Path, *, most: int, seed: int) -> None:
    clock = FakeClock()
    add_store(engine)
    settings = Settings(home=folder, client_id="id", client_secret=SECRET)
    post = app_for(engine, folder, clock, settings=settings).test_client()
    victim = f"event {MANY // 2}"

    def is_victim(_name: str, value: Any) -> bool:
        if isinstance(value, WebhookDelivery):
            return value.event_id == victim
        return isinstance(value, bytes) and f'"{victim}"'.encode() in value

    def deliver(event_id: str) -> bool:
        """Deliver an event, as the store does. Return whether it is answered well."""
        created = int(clock.now().astimezone(UTC).timestamp())
        body = {
            "eventId": event_id,
            "eventCreated": created,
            "storeId": 1003,
            "entityId": 5,
            "eventType": "customer.updated",
        }
        headers = {"X-Ecwid-Webhook-Signature": sign(SECRET, created, event_id)}
        return post.post("/webhooks/ecwid", data=json.dumps(body), headers=headers).status_code == 200

    def attempt(tracer: LineTracer) -> tuple[Counter[str], bool]:
        with writing(engine) as connection:
            connection.execute(sa.delete(events))
        waiting = [f"event {number}" for number in range(MANY)]
        for _ in range(3):  # what is not answered well is delivered again
            with tracer.watching():
                waiting = [event_id for event_id in waiting if not deliver(event_id)]
        with reading(engine) as connection:
            return Counter(connection.scalars(sa.select(events.c.event_id))), bool(waiting)

    def check(result: tuple[Counter[str], bool], scenario: Scenario) -> None:
        stored, is_waiting = result
        others = {event_id: count for event_id, count in stored.items() if event_id != victim}
        assert len(others) == MANY - 1, scenario
        assert set(stored.values()) == {1}, scenario
        assert stored[victim] == 1 or is_waiting, scenario
        assert scenario.lasts or not is_waiting, scenario

    try_lines(attempt, check, is_victim=is_victim, seed=seed, most=most, fewest=30)


BESIDE_THE_STORE = [
    pytest.param(changes_at_lines, id="changes", marks=pytest.mark.slow),
    pytest.param(drifts_at_lines, id="drifts"),
    pytest.param(deletions_at_lines, id="deletions", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("at_lines", BESIDE_THE_STORE)
def test_one_code_fails(worker: StoreWorker, at_lines: Any) -> None:
    at_lines(worker, most=2, seed=1)


def test_one_webhook_cant_be_taken_in(ledger: Engine, tmp_path: Path) -> None:
    webhooks_at_lines(ledger, tmp_path, most=4, seed=1)


@pytest.mark.once
@pytest.mark.parametrize("at_lines", BESIDE_THE_STORE)
def test_one_code_fails_at_every_line(worker: StoreWorker, at_lines: Any) -> None:
    at_lines(worker, most=1_000, seed=2)


@pytest.mark.once
def test_one_webhook_cant_be_taken_in_at_every_line(ledger: Engine, tmp_path: Path) -> None:
    webhooks_at_lines(ledger, tmp_path, most=1_000, seed=2)
