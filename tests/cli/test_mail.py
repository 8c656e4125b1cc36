"""`tillroll bounces` and `tillroll doctor`: what comes back, and whether the sender is believed."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from tests.cli.command import Answer, tillroll
from tests.cli.plans import installed
from tests.send.dns import dns_server
from tests.send.test_doctor import WHOLE
from tests.track.mail.reports import report, vacation

__all__ = ["installed"]


def run(installed: Path, url: str, *words: str, **environment: str) -> Answer:
    return tillroll(installed, *words, DATABASE_URL=url, **environment)


def test_the_sender_is_looked_at_and_a_fault_ends_with_1(installed: Path, sqlite_url: str) -> None:
    names = {"TILLROLL_MAIL_FROM": "Shop <hello@shop.example>", "MAIL_URL": "smtp://mail.shop.example"}
    with dns_server(WHOLE) as port:
        words = ["doctor", "mail", "--selector", "s1", "--dns", f"127.0.0.1:{port}"]
        good = run(installed, sqlite_url, *words, **names)
        assert (good.returncode, good.stdout.count(": ok. ")) == (0, 5), good.stdout + good.stderr
        other = {**names, "TILLROLL_MAIL_FROM": "hello@nothing.example"}
        bad = run(installed, sqlite_url, *words, "--json", **other)
        assert bad.returncode == 1
        findings: list[dict[str, Any]] = json.loads(bad.stdout)["findings"]
        assert {one["check"] for one in findings if one["health"] == "fault"} == {
            "MX",
            "SPF",
            "DKIM",
            "DMARC",
        }
    wrong = run(installed, sqlite_url, "doctor", "mail", "--selector", "a b", **names)
    assert (wrong.returncode, "no DKIM selector" in wrong.stderr) == (1, True)


def test_bounces_are_looked_for_with_an_address_that_they_come_back_to(
    installed: Path, sqlite_url: str
) -> None:
    mails = installed / "mails"
    mails.mkdir()
    (mails / "1.eml").write_bytes(report("bounce+r1-1-9f-0123456789abcdef@mail.shop.example"))
    (mails / "2.eml").write_bytes(vacation("bounce@mail.shop.example"))
    words = ["bounces", "read", str(mails), "--as", "ana@shop.example"]
    without = run(installed, sqlite_url, *words)
    assert (without.returncode, "Bounces were not looked for: set MAIL_BOUNCES" in without.stdout) == (
        0,
        True,
    )
    done = run(installed, sqlite_url, *words, "--json", MAIL_BOUNCES="bounce@mail.shop.example")
    counts = json.loads(done.stdout)
    assert counts == {"read": 2, "reports": 0, "new": 0, "wishes": 0, "stopped": 0, "forged": 0}, done.stderr


def test_the_address_of_events_is_shown_and_that_is_audited(installed: Path, sqlite_url: str) -> None:
    words = ["bounces", "hook", "--as", "ana@shop.example"]
    names = {"MAIL_URL": "postmark://TOKEN@", "TILLROLL_URL": "https://tillroll.shop.example"}
    none = run(installed, sqlite_url, *words, **{**names, "MAIL_URL": "smtp://mail.shop.example"})
    assert (none.returncode, "no mail service" in none.stderr) == (1, True)
    shown = run(installed, sqlite_url, *words, **names)
    assert shown.stdout.startswith("https://tillroll.shop.example/hooks/mail/postmark/"), shown.stderr
    assert "TOKEN" not in shown.stdout
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as ledger:
        noted = "select count(*) from audit where action = 'mail.hook_shown'"
        assert ledger.execute(noted).fetchone() == (1,)
