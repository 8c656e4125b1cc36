"""E-mails are valid for any mail server: in every language no line is too long, and no text is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from tillroll.rendering.compile import Rendered
from tillroll.rendering.mime import build

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SUBJECTS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=200)
BODIES = st.text(st.sampled_from("Živa novak €שלום🎉.=\n "), min_size=1, max_size=2_000)


def written(subject: str, text: str, *, key: str = "r1-1-abcdef012345") -> bytes:
    rendered = Rendered(subject=subject, text=text, html=f"<p>{text}</p>")
    sender = "Čajnica pri Živi <hello@shop.example>"
    return build(
        rendered=rendered, sender=sender, to_email="ziva@mail.example", to_name="Živa 🎉", key=key, at=AT
    )


@given(SUBJECTS, BODIES)
def test_no_line_is_too_long_and_no_text_is_lost(subject: str, text: str) -> None:
    """RFC 2045, section 6.7 and RFC 2047, section 2: 76 characters."""
    content = written(subject, text)
    assert max(map(len, content.split(b"\r\n"))) <= 76
    read = cast(EmailMessage, message_from_bytes(content, policy=policy.default))
    assert read["Subject"] == subject
    body = read.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")


def test_a_message_id_stays_on_one_line() -> None:
    key = "r1-1-" + "a" * 120
    lines = written("Hello", "Hello", key=key).split(b"\r\n")
    assert f"Message-ID: <{key}@shop.example>".encode() in lines


def test_every_attempt_gives_the_same_bytes() -> None:
    assert written("Živa", "Živa") == written("Živa", "Živa")
