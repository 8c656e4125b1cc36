"""An e-mail that left can be made again to the byte from what is kept; if it can't, it is said, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.campaign.files import with_files
from tests.clocks import FakeClock
from tests.send.room import BARE, CAMPAIGN, agreed, context_of, lines_of, minted, planned, ready_to_send
from tests.shop import PUBLIC_URL
from tillroll.campaign.states import MessageKind
from tillroll.errors import NotFound, Refused
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.records import Message
from tillroll.ledger.tables import codes, messages, recipients
from tillroll.rendering.bulk.link import UnsubscribeLinks
from tillroll.send.beside.again import find_message, remake
from tillroll.send.context import SendContext
from tillroll.send.slices.deliver import send_slice

ADDRESS = "Customer1@example.com"


def sent(engine: Engine, folder: Path, clock: FakeClock, text: str = CAMPAIGN) -> SendContext:
    run_id = ready_to_send(engine, text, people=3, clock=clock)
    context = context_of(engine, folder, clock)
    send_slice(context, run_id=run_id, until=clock.now() + timedelta(seconds=5))
    return context


def message_of(engine: Engine, address: str = ADDRESS) -> Message:
    with reading(engine) as connection:
        return find_message(connection, 1, address, MessageKind.OFFER)


def left(folder: Path) -> bytes:
    (line,) = (line for line in lines_of(folder) if line["to"] == ADDRESS.lower())
    return (folder / line["file"]).read_bytes()


def test_it_is_the_one_that_left_to_the_byte_also_days_later(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    context = sent(ledger, tmp_path, clock)
    clock.pass_by(9 * 86_400)
    remade = remake(context, message_of(ledger), with_code=True)
    assert (remade.exact, remade.why) == (True, ())
    assert remade.email.content == left(tmp_path)


def test_it_was_made_some_time_before_it_left(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    context = sent(ledger, tmp_path, clock)
    with writing(ledger) as connection:
        later = message_of(ledger).sending_at or clock.now()
        connection.execute(
            sa.update(messages).values(sending_at=later + timedelta(seconds=95, milliseconds=7))
        )
    remade = remake(context, message_of(ledger), with_code=True)
    assert remade.email.content == left(tmp_path)


def test_the_code_is_hidden_unless_it_is_asked_for(ledger: Engine, tmp_path: Path) -> None:
    context = sent(ledger, tmp_path, FakeClock())
    code = lines_of(tmp_path)[0]["code"]
    remade = remake(context, message_of(ledger), with_code=False)
    assert remade.exact
    assert code.encode() in left(tmp_path)
    assert code.encode() not in remade.email.content
    assert f"******{code[-2:]}" in remade.email.content.decode()


def test_an_e_mail_without_a_code_has_nothing_to_hide(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    note = "<p>{{ customer.first_name }} {{ unsubscribe_link }}</p>"
    book = with_files({"campaigns/hello.yaml": BARE, "templates/note/message.html.j2": note})
    _, run_id = planned(ledger, book=book, people=3)
    agreed(ledger, run_id, clock.now())
    minted(ledger, run_id, clock)
    context = context_of(ledger, tmp_path, clock)
    send_slice(context, run_id=run_id, until=clock.now() + timedelta(seconds=5))
    assert remake(context, message_of(ledger), with_code=False).email.content == left(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("code", "its code was changed after it left"),
        ("sender", "TILLROLL_MAIL_FROM"),
        ("keys", "TILLROLL_SECRET_KEYS"),
        ("url", "TILLROLL_URL"),
    ],
)
def test_what_cannot_be_the_same_any_more_is_said(
    ledger: Engine, tmp_path: Path, change: str, said: str
) -> None:
    clock = FakeClock()
    context = sent(ledger, tmp_path, clock)
    with writing(ledger) as connection:
        if change == "code":
            later = clock.now() + timedelta(days=40)
            connection.execute(sa.update(codes).values(changed_at=later, valid_until=later))
    context = {
        "sender": replace(context, sender="Other <other@shop.example>"),
        "keys": replace(context, links=UnsubscribeLinks(PUBLIC_URL, ("another key",))),
        "url": replace(context, links=UnsubscribeLinks("https://other.example", ("a key of the tests",))),
    }.get(change, context)
    remade = remake(context, message_of(ledger), with_code=True)
    assert not remade.exact
    assert any(said in reason for reason in remade.why)


def test_what_never_left_or_is_of_nobody_known_is_refused(ledger: Engine, tmp_path: Path) -> None:
    clock = FakeClock()
    context = sent(ledger, tmp_path, clock)
    for address in ("nobody@example.com", "customer1", ""):
        with pytest.raises(NotFound, match="no offer to this address"):
            message_of(ledger, address)
    message = message_of(ledger)
    with pytest.raises(Refused, match="never made: it is held"):
        remake(context, replace(message, body_digest="", state=message.state.HELD), with_code=False)
    with writing(ledger) as connection:
        connection.execute(sa.update(recipients).values(email=""))
    with pytest.raises(Refused, match="address"):
        remake(context, message, with_code=False)
