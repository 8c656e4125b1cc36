"""`tillroll proof` and `tillroll send test`: an e-mail as it would leave, to be looked at and sent to the shop's own people."""

from __future__ import annotations

import json
from email import message_from_bytes
from email.policy import default as modern
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.accounts import add_account
from tests.cli.command import Answer, tillroll
from tests.cli.plans import counts, installed
from tests.shop import ANA, NOW
from tests.web.site import PASSWORD
from tillroll.clock import SystemClock
from tillroll.ledger.audit import record
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.tables import audit
from tillroll.rendering.facts import EXAMPLE_CODE
from tillroll.send.proof import MOST_AN_HOUR

__all__ = ["installed"]


def proof(installed: Path, url: str, *words: str) -> Answer:
    return tillroll(installed, "proof", *words, DATABASE_URL=url)


def send_test(installed: Path, url: str, *words: str, **environment: str) -> Answer:
    names = {"DATABASE_URL": url, "TILLROLL_ENVIRONMENT": "sandbox", **environment}
    return tillroll(installed, "send", "test", *words, "--as", "ana@shop.example", **names)


def _ana(url: str) -> Engine:
    engine = open_engine(url)
    add_account(engine, email=ANA.email, password=PASSWORD, role_names=("approver",), now=NOW)
    return engine


def outbox(installed: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((installed / "var/outbox").rglob("*.eml"))]


def test_an_e_mail_is_shown_in_every_form_and_nothing_is_written(installed: Path, sqlite_url: str) -> None:
    before = counts(sqlite_url)
    lint = proof(installed, sqlite_url, "winback")
    assert lint.returncode == 0, lint.stderr
    assert lint.stdout.startswith("100 of 100 points: ")
    text = proof(installed, sqlite_url, "winback", "--show", "text").stdout
    assert EXAMPLE_CODE in text
    assert "Unsubscribe: https://shop.example/unsubscribe/EXAMPLE" in text
    headers = proof(installed, sqlite_url, "winback", "--show", "headers").stdout
    assert "\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n" in headers
    light, dark = (
        proof(installed, sqlite_url, "winback", "--show", form).stdout for form in ("html", "dark")
    )
    assert "@media (prefers-color-scheme: dark)" in light
    assert "prefers-color-scheme: dark" not in dark
    told = json.loads(proof(installed, sqlite_url, "winback", "--json").stdout)
    assert (told["score"], told["notes"], told["language"]) == (100, [], "en")
    proof(installed, sqlite_url, "winback", "--show", "raw", "--file", "mail.eml")
    parsed = message_from_bytes((installed / "mail.eml").read_bytes(), policy=modern)
    assert (parsed.defects, EXAMPLE_CODE in parsed.get_body(("plain",)).get_content()) == ([], True)
    assert counts(sqlite_url) == before
    assert outbox(installed) == []


def test_an_e_mail_that_is_not_there_is_refused(installed: Path, sqlite_url: str) -> None:
    for words, reason in (
        (("winbak",), "did you mean winback"),
        (("winback", "--arm", "b"), "There is no variant 'b'"),
        (("winback", "--step", "2"), "has no step 2"),
        (("winback", "--to", "nobody@mail.example"), "nobody@mail.example"),
    ):
        answer = proof(installed, sqlite_url, *words)
        assert answer.returncode == 1
        assert reason in answer.stderr


def test_a_proof_goes_to_people_of_the_shop_and_is_audited(installed: Path, sqlite_url: str) -> None:
    engine = _ana(sqlite_url)
    sent = send_test(installed, sqlite_url, "Ana@shop.example", "--campaign", "winback")
    assert sent.returncode == 0, sent.stderr
    (content,) = outbox(installed)
    parsed = message_from_bytes(content, policy=modern)
    assert parsed["Subject"].startswith("[Proof] ")
    assert parsed["To"] == "Ana@shop.example"
    assert EXAMPLE_CODE in parsed.get_body(("plain",)).get_content()
    with engine.connect() as connection:
        row = connection.execute(sa.select(audit).where(audit.c.action == "proof.send")).one()
    assert (row.actor, "winback" in row.body) == ("ana@shop.example", True)
    assert "Ana@shop.example" not in row.body, "addresses are masked in it"


def test_a_proof_goes_to_nobody_else(installed: Path, sqlite_url: str) -> None:
    _ana(sqlite_url)
    for address in ("eva@mail.example", "ana@shop.example.evil", "ana@shop.example\nBcc: eve@evil.example"):
        refused = send_test(installed, sqlite_url, address, "--campaign", "winback")
        assert refused.returncode in {1, 2}, address
    assert outbox(installed) == []
    allowed = send_test(
        installed,
        sqlite_url,
        "agency@mail.example",
        "--campaign",
        "winback",
        TILLROLL_PROOF_TO="agency@mail.example",
    )
    assert allowed.returncode == 0, allowed.stderr
    assert len(outbox(installed)) == 1


def test_after_many_within_an_hour_no_more_are_sent(installed: Path, sqlite_url: str) -> None:
    engine = _ana(sqlite_url)
    now = SystemClock().now()
    with writing(engine) as connection:
        for _ in range(MOST_AN_HOUR):
            words = {"actor": ANA.email, "action": "proof.send", "subject": "store 1", "body": {}}
            record(connection, at=now, **words)
    stopped = send_test(installed, sqlite_url, ANA.email, "--campaign", "winback")
    assert (stopped.returncode, "30 is the most" in stopped.stderr) == (3, True)
    assert outbox(installed) == []
