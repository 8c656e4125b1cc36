"""What mail services tell: checked, about e-mails of ours, stored once, in any order."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from tests.clocks import FakeClock
from tests.send.room import context_of, ready_to_send
from tests.send.test_trouble import send
from tests.shop import NOW
from tests.track.mail.again import next_readers
from tests.track.mail.hooks import TELLERS, Posted, Resend, Sendgrid, Teller
from tests.web.site import services_for
from tillroll.campaign.language.models import Via
from tillroll.campaign.states import MailEventKind, MessageState
from tillroll.ledger.tables import mail_events, mail_reports, messages, recipients, stores, suppressions
from tillroll.settings import Settings
from tillroll.track.mail.act import handle_mail_events
from tillroll.track.mail.intake import HOOKS, MOST_BYTES, hook_path, token_of
from tillroll.web.app import create_app
from tillroll.web.server.limits import HOOK_BYTES
from tillroll.web.support import request_context

A_DAY = timedelta(days=1)


@pytest.fixture(params=TELLERS, ids=lambda teller: teller.service)
def teller(request: pytest.FixtureRequest) -> Teller:
    made: Teller = request.param()
    return made


@pytest.fixture
def keys(ledger: Engine, tmp_path: Path) -> list[str]:
    """The keys of e-mails that have left."""
    clock = FakeClock()
    run_id = ready_to_send(ledger, people=3, clock=clock)
    send(context_of(ledger, tmp_path / "sent", clock), run_id)
    with ledger.connect() as connection:
        theirs = recipients.c.id == messages.c.recipient_id
        query = sa.select(messages.c.message_key).join(recipients, theirs).order_by(recipients.c.customer_id)
        return list(connection.scalars(query))


def app_with(ledger: Engine, folder: Path, clock: FakeClock, hook_key: str) -> Flask:
    settings = Settings(home=folder, mail_hook_key=hook_key)
    return create_app(services_for(ledger, folder, clock, settings), testing=True)


def post(app: Flask, service: str, posted: Posted, *, path: str = "") -> TestResponse:
    with app.app_context():
        own = hook_path(request_context.services().keys[0], Via(service))
    headers = {"Content-Type": "text/plain; charset=UTF-8", **posted.headers}
    return app.test_client().post(path or own, data=posted.body, headers=headers)


def stored(ledger: Engine) -> list[sa.Row[Any]]:
    with ledger.connect() as connection:
        return list(connection.execute(sa.select(mail_events).order_by(mail_events.c.id)))


def test_each_kind_of_event_is_stored_once(
    ledger: Engine, tmp_path: Path, clock: FakeClock, keys: list[str], teller: Teller
) -> None:
    app = app_with(ledger, tmp_path, clock, teller.hook_key)
    for number, kind in enumerate(teller.kinds):
        told = teller.tell(kind, keys[0], at=clock.now(), id_=f"e{number}")
        answers = [post(app, teller.service, told) for _ in range(2)]
        assert [(one.status_code, one.json and one.json["new"]) for one in answers] == [(200, 1), (200, 0)]
    rows = stored(ledger)
    assert [row.kind for row in rows] == list(teller.kinds)
    assert {(row.service, row.happened_at.replace(microsecond=0)) for row in rows} == {(teller.service, NOW)}


def test_events_of_other_software_are_left_out(
    ledger: Engine, tmp_path: Path, clock: FakeClock, keys: list[str], teller: Teller
) -> None:
    app = app_with(ledger, tmp_path, clock, teller.hook_key)
    for key in ("", "r1-999999-abc", keys[0] + "x", "another program's", "r1-1-" + "9" * 400):
        answer = post(app, teller.service, teller.tell(MailEventKind.BOUNCED, key, at=clock.now()))
        assert (answer.status_code, answer.json and answer.json["new"]) == (200, 0)
    assert stored(ledger) == []


def test_only_the_service_knows_its_address(
    ledger: Engine, tmp_path: Path, clock: FakeClock, keys: list[str], teller: Teller
) -> None:
    app = app_with(ledger, tmp_path, clock, teller.hook_key)
    told = teller.tell(MailEventKind.BOUNCED, keys[0], at=clock.now())
    other = Via.BREVO if teller.service != "brevo" else Via.SES
    with app.app_context():
        key = request_context.services().keys[0]
    for token in ("x", token_of(key, other), token_of("another key", Via(teller.service))):
        assert (
            post(app, teller.service, told, path=f"/hooks/mail/{teller.service}/{token}").status_code == 404
        )
    own = token_of(key, Via(teller.service))
    for service in ("smtp", "outbox", "sparrow"):
        assert post(app, teller.service, told, path=f"/hooks/mail/{service}/{own}").status_code == 404
    assert app.test_client().get(hook_path(key, Via(teller.service))).status_code == 405
    assert stored(ledger) == []


def test_a_forged_request_changes_nothing(
    ledger: Engine, tmp_path: Path, clock: FakeClock, keys: list[str], teller: Teller
) -> None:
    if not HOOKS[Via(teller.service)].is_signed:
        return
    told = teller.tell(MailEventKind.BOUNCED, keys[0], at=clock.now())
    wrong = type(teller)()
    wrong.hook_key = "whsec_YW5vdGhlciBrZXk=" if isinstance(wrong, Resend) else wrong.hook_key + "x"
    key = Sendgrid().hook_key if isinstance(teller, Sendgrid) else wrong.hook_key
    assert post(app_with(ledger, tmp_path, clock, key), teller.service, told).status_code == 403
    app = app_with(ledger, tmp_path, clock, teller.hook_key)
    assert post(app, teller.service, replace(told, headers={}, body=b"{}")).status_code == 403
    old = teller.tell(MailEventKind.BOUNCED, keys[0], at=clock.now() - 2 * A_DAY)
    assert post(app, teller.service, old).status_code == 403
    if told.headers:
        changed = told.body.replace(keys[0].encode(), keys[1].encode())
        assert post(app, teller.service, replace(told, body=changed)).status_code == 403
    assert post(app_with(ledger, tmp_path, clock, ""), teller.service, told).status_code == 503
    assert stored(ledger) == []


def test_what_is_no_event_is_refused(
    ledger: Engine, tmp_path: Path, clock: FakeClock, teller: Teller
) -> None:
    app = app_with(ledger, tmp_path, clock, teller.hook_key)
    deep = b"[" * 5_000 + b"]" * 5_000
    for body in (b"", b"no json", deep, b"\xff\xfe", b'{"a": ' + b"9" * 5_000 + b"}"):
        answer = post(app, teller.service, teller.sign(body, clock.now()))
        assert answer.status_code in {400, 403}
        assert answer.json
    large = b" " * (MOST_BYTES + 1)
    assert post(app, teller.service, teller.sign(large, clock.now())).status_code == 413


def test_a_long_list_of_events_is_taken_in(
    ledger: Engine, tmp_path: Path, clock: FakeClock, keys: list[str]
) -> None:
    teller = Sendgrid()
    app = app_with(ledger, tmp_path, clock, teller.hook_key)
    many = [
        {"event": "delivered", "timestamp": 1, "sg_event_id": f"e{number}", "tillroll-key": keys[number % 3]}
        for number in range(1_500)
    ]
    body = json.dumps(many).encode()
    assert 64 * 1024 < len(body) < HOOK_BYTES == MOST_BYTES
    answer = post(app, "sendgrid", teller.sign(body, clock.now()))
    assert (answer.status_code, answer.json and answer.json["new"]) == (200, 1_500)


def act(ledger: Engine, clock: FakeClock) -> int:
    with ledger.connect() as connection:
        store_ids = list(connection.scalars(sa.select(stores.c.id)))
    return sum(handle_mail_events(ledger, store_id, now=clock.now()) for store_id in store_ids)


def suppressed(ledger: Engine) -> list[tuple[str, str]]:
    with ledger.connect() as connection:
        query = sa.select(suppressions.c.address, suppressions.c.cause).order_by(suppressions.c.id)
        return [(row.address, row.cause) for row in connection.execute(query)]


def states(ledger: Engine) -> list[str]:
    with ledger.connect() as connection:
        theirs = recipients.c.id == messages.c.recipient_id
        query = sa.select(messages.c.state).join(recipients, theirs).order_by(recipients.c.customer_id)
        return list(connection.scalars(query))


@pytest.mark.parametrize(
    "kind", [MailEventKind.BOUNCED, MailEventKind.COMPLAINED, MailEventKind.UNSUBSCRIBED]
)
def test_whoever_cannot_or_will_not_read_us_is_suppressed_once(
    ledger: Engine, tmp_path: Path, clock: FakeClock, keys: list[str], teller: Teller, kind: MailEventKind
) -> None:
    if kind not in teller.kinds:
        return
    app = app_with(ledger, tmp_path, clock, teller.hook_key)
    told = teller.tell(kind, keys[1], at=clock.now())
    for _ in range(2):
        assert post(app, teller.service, told).status_code == 200
        act(ledger, clock)
    cause = {"bounced": "hard_bounce", "complained": "complaint", "unsubscribed": "unsubscribed"}[kind.value]
    assert suppressed(ledger) == [("customer2@example.com", cause)]
    assert act(ledger, clock) == 0
    assert next_readers(ledger) == ["customer1@example.com", "customer3@example.com"], "never again"


def test_a_delivery_or_one_soft_bounce_suppresses_nobody(
    ledger: Engine, tmp_path: Path, clock: FakeClock, keys: list[str], teller: Teller
) -> None:
    app = app_with(ledger, tmp_path, clock, teller.hook_key)
    for kind in (MailEventKind.SOFT_BOUNCED, MailEventKind.DELIVERED):
        post(app, teller.service, teller.tell(kind, keys[0], at=clock.now(), id_=kind.value))
    assert act(ledger, clock) == 2
    assert suppressed(ledger) == []


def test_an_e_mail_of_which_nobody_knew_is_sent_once_something_is_told_of_it(
    ledger: Engine, tmp_path: Path, clock: FakeClock, keys: list[str], teller: Teller
) -> None:
    with ledger.begin() as connection:
        unknown = sa.update(messages).where(messages.c.message_key == keys[0])
        connection.execute(unknown.values(state=MessageState.UNKNOWN, sent_at=None))
        waiting = sa.update(messages).where(messages.c.message_key == keys[1])
        connection.execute(waiting.values(state=MessageState.READY, attempts=0, sent_at=None))
    app = app_with(ledger, tmp_path, clock, teller.hook_key)
    for key in keys[:2]:
        post(app, teller.service, teller.tell(MailEventKind.DELIVERED, key, at=clock.now(), id_=key))
    act(ledger, clock)
    assert states(ledger) == ["sent", "ready", "sent"], "what was never tried can't have left"


def test_an_event_that_was_acted_on_and_not_marked_is_acted_on_once(
    ledger: Engine, tmp_path: Path, clock: FakeClock, keys: list[str]
) -> None:
    teller = Sendgrid()
    app = app_with(ledger, tmp_path, clock, teller.hook_key)
    post(app, "sendgrid", teller.tell(MailEventKind.COMPLAINED, keys[0], at=clock.now()))
    act(ledger, clock)
    with ledger.begin() as connection:  # as a process leaves it that dies in between
        connection.execute(sa.update(mail_events).values(handled_at=None))
    assert act(ledger, clock) == 1
    with ledger.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(mail_reports)) == 1
    assert len(suppressed(ledger)) == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@given(values=_JSON)
def test_nothing_that_a_service_says_breaks_the_reading(values: Any) -> None:
    for hook in HOOKS.values():
        hook.read(values, NOW)


@given(
    values=_JSON, kind=st.sampled_from(list(MailEventKind)), teller=st.sampled_from(TELLERS), data=st.data()
)
def test_an_event_with_one_part_replaced_breaks_nothing(
    values: Any, kind: MailEventKind, teller: type[Teller], data: st.DataObject
) -> None:
    if kind not in teller.kinds:
        return
    made = teller().event(kind, "r1-1-a", NOW, "e1")
    rows = made if isinstance(made, list) else [made]
    target = rows[-1]
    name = data.draw(st.sampled_from(sorted(target)))
    target[name] = values
    HOOKS[Via(teller.service)].read(made, NOW)
