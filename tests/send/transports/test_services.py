"""What every mail service's transport promises, each against a fake that follows the service's documentation."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.clocks import FakeClock
from tests.send.room import message
from tests.send.transports.fake import Asked, FakeService, Mood, Reply, serving
from tests.send.transports.fakes import FAKES, FakePostmark
from tillroll.rendering.mime import Outgoing
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transport import OPEN, Delivery, Gate
from tillroll.send.transports.services.api import KeyMemory
from tillroll.send.transports.services.choose import SERVICES, open_service
from tillroll.send.transports.services.letter import read_letter
from tillroll.send.transports.services.service import MailService
from tillroll.send.trouble import Trouble
from tillroll.settings import from_mapping

SENT, FAILED, LATER = DeliveryOutcome.SENT, DeliveryOutcome.FAILED, DeliveryOutcome.LATER
UNTRIED, UNKNOWN = DeliveryOutcome.UNTRIED, DeliveryOutcome.UNKNOWN
LINK = "<https://tillroll.shop.example/unsubscribe/abc>, <mailto:off@shop.example>"
EXTRA = f"List-Unsubscribe: {LINK}\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n".encode()


@pytest.fixture(params=FAKES, ids=lambda fake: fake.__name__)
def fake(request: pytest.FixtureRequest) -> Iterator[FakeService]:
    with serving(request.param()) as service:
        yield service


def transport(
    fake: FakeService, clock: FakeClock | None = None, *, address: str = "", connections: int = 1
) -> MailService:
    url = f"{address or fake.address}&connections={connections}"
    patience = 0.5 if Mood.MUTE in {fake.mood, *fake.moods} else 60.0
    return open_service(from_mapping({"MAIL_URL": url}).mail_via, url, clock or FakeClock(), seconds=patience)


def repeats(fake: FakeService) -> KeyMemory:
    via = from_mapping({"MAIL_URL": fake.address}).mail_via
    return transport(fake)._api.repeats if via in SERVICES else KeyMemory.NEVER


def letter(number: int = 1) -> Outgoing:
    """Return an e-mail with headers that must arrive."""
    plain = message(number)
    return replace(plain, content=EXTRA + plain.content)


def outcomes(deliveries: Sequence[Delivery]) -> list[DeliveryOutcome]:
    return [one.outcome for one in deliveries]


def send(fake: FakeService, *numbers: int, gate: Gate = OPEN) -> list[Delivery]:
    return list(transport(fake).deliver([letter(number) for number in numbers], gate))


class Watched:
    """A gate that notes what it is asked, and says no from some question on."""

    def __init__(self, *, most: int = 10**6) -> None:
        self.left: list[int] = []
        self._most = most

    def may_leave(self, messages: Sequence[Outgoing]) -> bool:
        return True

    def leaves(self, message: Outgoing) -> bool:
        if len(self.left) >= self._most:
            return False
        self.left.append(message.message_id)
        return True

    def leave_together(self, messages: Sequence[Outgoing]) -> frozenset[int]:
        return frozenset(message.message_id for message in messages if self.leaves(message))


def test_words_headers_and_key_arrive(fake: FakeService) -> None:
    assert outcomes(send(fake, 1)) == [SENT]
    (taken,) = fake.taken
    assert (taken.to, taken.subject, taken.key) == ("customer1@example.com", "15 % čaka 🍵", "r1-1-abc")
    assert (taken.text.strip(), taken.html.strip()) == ("Koda: BACK1", "<p>Koda: BACK1</p>")
    assert taken.headers["list-unsubscribe"] == LINK
    assert taken.headers["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert "hello@shop.example" in taken.sender
    assert "Sample Shop" in taken.sender


def test_where_answers_go_is_taken_by_every_service(fake: FakeService) -> None:
    plain = letter(1)
    answered = replace(plain, content=b"Reply-To: answers@shop.example\r\n" + plain.content)
    assert read_letter(answered).reply_to == "answers@shop.example"
    assert "Reply-To" not in dict(read_letter(answered).headers), (
        "services have a field for it, and refuse the header"
    )
    assert outcomes(list(transport(fake).deliver([answered]))) == [SENT]


def test_a_bad_recipient_costs_its_neighbours_nothing(fake: FakeService) -> None:
    deliveries = send(fake, 1, 2, 3, 4)
    assert [one.message_id for one in deliveries] == [1, 2, 3, 4]
    assert outcomes(deliveries) == [SENT, FAILED if fake.refuses_readers else SENT, SENT, SENT]
    assert deliveries[1].trouble is None
    assert len(fake.taken) == (3 if fake.refuses_readers else 4)


def test_a_wrong_key_holds_the_transport_and_is_tried_once(fake: FakeService) -> None:
    wrong = fake.address.replace(fake.key, "another-key-0123456789abcdef")
    deliveries = list(transport(fake, address=wrong).deliver([letter(1), letter(3), letter(4), letter(5)]))
    assert [(one.outcome, one.trouble) for one in deliveries] == [(UNTRIED, Trouble.LOGIN)] * 4
    assert len(fake.asked) == 1
    assert fake.taken == []


def test_a_used_up_quota_holds_the_transport(fake: FakeService) -> None:
    fake.mood = Mood.USED_UP
    assert [(one.outcome, one.trouble) for one in send(fake, 1, 3)] == [(UNTRIED, Trouble.LIMIT)] * 2


def test_a_moment_is_waited_out(fake: FakeService) -> None:
    fake.mood, fake.for_requests, fake.retry_after = Mood.SLOW_DOWN, 2, "3"
    clock = FakeClock()
    began = clock.now()
    assert outcomes(list(transport(fake, clock).deliver([letter(1)]))) == [SENT]
    assert clock.now() - began >= timedelta(seconds=2)
    assert len(fake.taken) == 1


def test_an_hour_is_not_waited_out_but_told(fake: FakeService) -> None:
    fake.mood, fake.retry_after = Mood.SLOW_DOWN, "3600"
    (one, other) = send(fake, 1, 3)
    assert (one.outcome, one.trouble) == (UNTRIED, Trouble.LIMIT)
    assert one.wait == timedelta(hours=1)
    assert other.outcome is UNTRIED
    assert fake.taken == []


@pytest.mark.parametrize("mood", [Mood.BROKEN, Mood.AWAY])
def test_a_service_in_trouble_costs_nobody_anything(fake: FakeService, mood: Mood) -> None:
    fake.mood = mood
    deliveries = send(fake, 1)
    assert [(one.outcome, one.trouble) for one in deliveries] == [(LATER, Trouble.UNREACHABLE)]
    assert fake.taken == []


def test_a_redirect_is_not_followed(fake: FakeService) -> None:
    fake.mood = Mood.MOVED
    assert [(one.outcome, one.trouble) for one in send(fake, 1)] == [(UNTRIED, Trouble.ADDRESS)]


@pytest.mark.parametrize("mood", [Mood.CUT, Mood.BEHIND])
def test_a_lost_answer_never_makes_a_second_e_mail(fake: FakeService, mood: Mood) -> None:
    fake.mood, fake.for_requests = mood, 1
    expected = UNKNOWN if repeats(fake) is KeyMemory.NEVER else SENT
    assert outcomes(send(fake, 1, 3)) in ([expected, expected], [expected, SENT])
    assert sorted(taken.to for taken in fake.taken) == ["customer1@example.com", "customer3@example.com"]


@pytest.mark.parametrize("mood", [Mood.CUT, Mood.BEHIND])
def test_answers_that_stay_lost_are_unknown_unless_the_service_knows_the_e_mail_for_good(
    fake: FakeService, mood: Mood
) -> None:
    fake.mood = mood
    expected = LATER if repeats(fake) is KeyMemory.ALWAYS else UNKNOWN
    deliveries = send(fake, 1)
    assert [(one.outcome, one.trouble) for one in deliveries] == [(expected, Trouble.UNREACHABLE)]
    assert len(fake.taken) == 1


def test_a_service_that_says_nothing_holds_nobody_up(fake: FakeService) -> None:
    fake.mood = Mood.MUTE
    (one,) = send(fake, 1)
    assert one.outcome is (LATER if repeats(fake) is KeyMemory.ALWAYS else UNKNOWN)
    assert len(fake.taken) == 1


def test_a_page_instead_of_an_answer_is_not_taken_for_success(fake: FakeService) -> None:
    fake.mood = Mood.STRANGE
    (one,) = send(fake, 1)
    assert one.outcome is (SENT if fake.says_little else UNKNOWN)


def test_a_service_that_is_not_there_is_trouble_of_nobody() -> None:
    for kind in FAKES:
        fake = kind(port=1)
        deliveries = send(fake, 1, 3)
        assert [(one.outcome, one.trouble) for one in deliveries] == [(UNTRIED, Trouble.UNREACHABLE)] * 2


def test_each_e_mail_is_marked_before_its_request(fake: FakeService) -> None:
    gate = Watched()
    assert outcomes(send(fake, 1, 3, 4, 5, gate=gate)) == [SENT] * 4
    assert gate.left == [1, 3, 4, 5]


def test_nothing_leaves_once_the_gate_is_closed(fake: FakeService) -> None:
    assert send(fake, 1, 3, gate=Watched(most=0)) == []
    assert fake.asked == []


def test_what_may_have_left_stays_unknown_when_the_gate_closes_before_the_repeat(fake: FakeService) -> None:
    fake.mood = Mood.CUT
    deliveries = send(fake, 1, gate=Watched(most=1))
    assert outcomes(deliveries) == [LATER if repeats(fake) is KeyMemory.ALWAYS else UNKNOWN]
    assert len(fake.asked) == 1


def test_an_e_mail_that_cannot_be_read_touches_itself_alone(fake: FakeService) -> None:
    broken = replace(letter(3), sender="nobody at all")
    deliveries = list(transport(fake).deliver([letter(1), broken, letter(4)]))
    assert sorted((one.message_id, one.outcome) for one in deliveries) == [(1, SENT), (3, FAILED), (4, SENT)]


@pytest.mark.parametrize("after", [Mood.SLOW_DOWN, Mood.USED_UP, Mood.BROKEN, Mood.AWAY, Mood.MOVED])
def test_a_refusal_after_a_lost_answer_says_nothing_about_the_e_mail(fake: FakeService, after: Mood) -> None:
    """The first request may have been carried out: whoever forgets that sends a second e-mail."""
    fake.moods, fake.retry_after = [Mood.CUT, after, after], "3600"
    (one,) = send(fake, 1)
    assert one.outcome is (LATER if repeats(fake) is KeyMemory.ALWAYS else UNKNOWN)
    assert len(fake.taken) == 1


def test_requests_are_made_at_once_and_told_in_their_order(fake: FakeService) -> None:
    most = 3 if fake.url.count("batch=3") else 1
    numbers = [number for number in range(1, 4 * most + 2) if number != 2][: 4 * most]
    fake.together = threading.Barrier(4)  # each waits until all four are there
    deliveries = list(transport(fake, connections=4).deliver([letter(number) for number in numbers]))
    assert [one.message_id for one in deliveries] == numbers
    assert outcomes(deliveries) == [SENT] * len(numbers)
    assert len({taken.key for taken in fake.taken}) == len(fake.taken) == len(numbers)


def test_of_requests_at_once_only_the_lost_one_is_unknown(fake: FakeService) -> None:
    fake.moods = [Mood.CUT]
    numbers = [number for number in range(1, 14) if number != 2]
    deliveries = list(transport(fake, connections=4).deliver([letter(number) for number in numbers]))
    lost = [one for one in deliveries if one.outcome is not SENT]
    batch = 3 if fake.url.count("batch=3") else 1
    assert len(lost) == (batch if repeats(fake) is KeyMemory.NEVER else 0)
    assert sorted(taken.key for taken in fake.taken) == sorted(f"r1-{number}-abc" for number in numbers)


def test_no_key_is_shown(fake: FakeService) -> None:
    wired = transport(fake)
    shown = f"{wired!r} {wired._api!r} {from_mapping({'MAIL_URL': fake.address})!r}"
    request = wired._api.request([], FakeClock().now()) if fake.url.count("batch") else None
    assert fake.key not in f"{shown} {request!r}"
    fake.mood = Mood.BROKEN
    assert all(fake.key not in repr(one) for one in send(fake, 1))


@pytest.mark.parametrize("most", [0, 1, 2, 3, 4, 5])
def test_a_request_that_is_refused_whole_is_split_and_a_closed_gate_holds_the_rest(most: int) -> None:
    """The gate is asked for all three, and then for each alone."""
    with serving(WholeRefusal()) as fake:
        gate = Watched(most=most)
        deliveries = list(transport(fake).deliver([letter(1), letter(3), letter(4)], gate))
    expected = {3: [], 4: [1], 5: [1, 3]}.get(most, [])
    assert [one.message_id for one in deliveries] == expected
    assert {one.outcome for one in deliveries} <= {SENT}
    assert len(fake.taken) == len(expected)


def test_a_request_that_is_refused_whole_costs_nobody_but_the_cause() -> None:
    with serving(WholeRefusal(unknown="customer3@example.com")) as fake:
        deliveries = list(transport(fake).deliver([letter(1), letter(3), letter(4)]))
    assert outcomes(deliveries) == [SENT, FAILED, SENT]


class WholeRefusal(FakePostmark):
    """It takes no request with several e-mails, as for one that it can't read."""

    def take(self, asked: Asked) -> Reply:
        if len(asked.values) > 1:
            return Reply(status=422, values={"ErrorCode": 402, "Message": "Invalid JSON"})
        return super().take(asked)
