"""What every transport promises, whichever way the e-mails leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.clocks import FakeClock
from tests.security.outages import Mailbox, mail_server
from tests.send.room import message
from tests.send.transports.fake import serving
from tests.send.transports.fakes import FAKES
from tillroll.campaign.language.models import Via
from tillroll.rendering.mime import Outgoing
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transport import Transport
from tillroll.send.transports.outbox import Outbox
from tillroll.settings import from_mapping
from tillroll.wiring import open_transport

Opened = Callable[[Path], AbstractContextManager[Transport]]


@contextmanager
def outbox(folder: Path) -> Iterator[Transport]:
    yield Outbox(folder / "outbox", FakeClock())


@contextmanager
def smtp(_folder: Path) -> Iterator[Transport]:
    with mail_server(Mailbox()) as address:
        yield open_transport(from_mapping({"SMTP_URL": address}), FakeClock())


def of(kind: type) -> Opened:
    @contextmanager
    def opened(_folder: Path) -> Iterator[Transport]:
        with serving(kind()) as fake:
            yield open_transport(from_mapping({"MAIL_URL": fake.address}), FakeClock())

    return opened


WAYS: Sequence[Opened] = (outbox, smtp, *(of(kind) for kind in FAKES))


@pytest.fixture(params=WAYS, ids=["outbox", "smtp", *(kind.__name__ for kind in FAKES)])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Transport]:
    with request.param(tmp_path) as transport:
        yield transport


class Closed:
    """A gate that lets some leave, and then nothing more."""

    def __init__(self, most: int) -> None:
        self._most, self._asked = most, 0

    def may_leave(self, messages: Sequence[Outgoing]) -> bool:
        self._asked += len(messages)
        return self._asked <= self._most

    def leaves(self, message: Outgoing) -> bool:
        return True

    def leave_together(self, messages: Sequence[Outgoing]) -> frozenset[int]:
        return frozenset(message.message_id for message in messages if self.leaves(message))


def test_every_way_has_a_transport(way: Transport) -> None:
    assert way.name in {via.value for via in Via}
    assert len(WAYS) == len(Via)


def test_each_e_mail_has_one_outcome(way: Transport) -> None:
    numbers = [1, 3, 4, 5, 6]
    deliveries = list(way.deliver([message(number) for number in numbers]))
    assert [one.message_id for one in deliveries] == numbers
    assert {one.outcome for one in deliveries} == {DeliveryOutcome.SENT}


def test_nothing_leaves_by_a_closed_gate(way: Transport) -> None:
    assert list(way.deliver([message(1), message(3)], Closed(0))) == []


def test_an_e_mail_without_a_sender_touches_itself_alone(way: Transport) -> None:
    broken = replace(message(3), sender="nobody at all")
    by_id = {one.message_id: one.outcome for one in way.deliver([message(1), broken, message(4)])}
    assert by_id.keys() == {1, 3, 4}
    assert by_id[1] is by_id[4] is DeliveryOutcome.SENT
    if not way.keeps_log:  # the outbox takes whatever it is given
        assert by_id[3] is DeliveryOutcome.FAILED


def test_only_the_outbox_tells_what_left(way: Transport) -> None:
    assert (way.delivered(["k"]) is not None) == way.keeps_log
