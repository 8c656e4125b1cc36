from __future__ import annotations

import json
import stat
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from tests.send.room import message
from tests.shop import NOW
from tillroll.clock import SystemClock
from tillroll.errors import Refused
from tillroll.rendering.compile import Rendered
from tillroll.rendering.mime import build
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transports.outbox import Outbox


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox", SystemClock())


def lines(tmp_path: Path) -> list[dict[str, str]]:
    text = (tmp_path / "outbox" / "messages.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("name", ["Živa Žižek", "محمد الحسن", "山田 さくら", 'O\'Brien, "Ann"', "🍵", ""])
def test_a_message_is_a_readable_file_and_a_line(tmp_path: Path, outbox: Outbox, name: str) -> None:
    sent = list(outbox.deliver([message(name=name)]))
    assert [delivery.outcome for delivery in sent] == [DeliveryOutcome.SENT]
    line = lines(tmp_path)[0]
    read = message_from_bytes((tmp_path / "outbox" / line["file"]).read_bytes(), policy=default)
    assert read["Subject"] == "15 % čaka 🍵"
    assert read["To"].addresses[0].display_name == name
    assert read["Message-ID"] == "<r1-1-abc@shop.example>"
    plain, html = read.get_body(("plain",)), read.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert "Koda: BACK1" in plain.get_content()
    assert "<p>Koda: BACK1</p>" in html.get_content()


def test_only_the_owner_may_read_the_lines(tmp_path: Path, outbox: Outbox) -> None:
    list(outbox.deliver([message()]))
    mode = (tmp_path / "outbox" / "messages.jsonl").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_only_the_line_proves_that_a_message_left(tmp_path: Path, outbox: Outbox) -> None:
    list(outbox.deliver([message(1)]))
    orphan = tmp_path / "outbox" / "run-000001" / "r1-2-abc.eml"
    orphan.write_bytes(b"written, and then the process died")
    assert outbox.delivered(["r1-1-abc", "r1-2-abc"]) == {"r1-1-abc"}


def test_a_line_cut_off_by_a_crash_is_removed(tmp_path: Path, outbox: Outbox) -> None:
    list(outbox.deliver([message(1), message(2)]))
    path = tmp_path / "outbox" / "messages.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert outbox.delivered(["r1-1-abc", "r1-2-abc"]) == {"r1-1-abc"}
    list(outbox.deliver([message(2)]))
    assert [line["key"] for line in lines(tmp_path)] == ["r1-1-abc", "r1-2-abc"]


def test_no_message_is_tried_when_the_outbox_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file where the folder should be")
    outbox = Outbox(tmp_path / "outbox", SystemClock())
    assert [one.outcome for one in outbox.deliver([message()])] == [DeliveryOutcome.UNTRIED]


@pytest.mark.parametrize(
    "address", ["two@@example.com", "a b@example.com", "x@example.com\nBcc: y@example.com"]
)
def test_an_address_that_would_break_the_header_is_refused(address: str) -> None:
    with pytest.raises(Refused):
        build(
            rendered=Rendered(subject="s", html="h", text="t"),
            sender="hello@shop.example",
            to_email=address,
            to_name="",
            key="k",
            at=NOW,
        )
