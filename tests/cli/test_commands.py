"""The command as a user runs it: real processes, their output and exit codes."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.accounts import add_account
from tests.cli.command import Answer, break_file, tillroll
from tests.logs import read_now
from tests.shop import ANA, NOW, ROOT, planned_run
from tests.store import running, turn
from tillroll.ledger.engine import open_engine


def test_the_program_can_be_started_as_a_module(home: Path) -> None:
    """The other tests use forked processes (tests/forks.py)."""
    done = subprocess.run(
        [sys.executable, "-m", "tillroll", "check"], cwd=home, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "✓ 4 campaigns: no faults")


def test_the_sample_files_are_valid(home: Path) -> None:
    answer = tillroll(home, "check")
    assert (answer.returncode, answer.stdout.strip()) == (0, "✓ 4 campaigns: no faults")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("owner:", "ownr:", "campaigns/winback.yaml:3:1 ownr: unknown key (did you mean owner?)"),
        (
            "limit: 50000",
            "limit: many",
            "campaigns/winback.yaml:14:10 who.limit: 'many' is not a whole number",
        ),
        ("template: winback", "template: winbak", "there is no template 'winbak'"),
        ("segment: lapsed-90", "segment: lapsed-9", "(did you mean lapsed-90?)"),
        ("value: 15", "value: 120", "120 is more than 100%"),
        ("status: active", "status: actve", "(did you mean active?)"),
        ("{{ customer.first_name", "{{ customer.firstname", "(did you mean first_name?)"),
        ('cron: "0 9 1 * *"', 'cron: "0 9 * * 1"', "write weekdays as MON, TUE"),
        ("title: We miss you", "title: We miss you\ntitle: Again", "this key is given twice"),
    ],
)
def test_a_fault_is_reported_with_its_place_and_a_fix(home: Path, old: str, new: str, message: str) -> None:
    break_file(home, "campaigns/winback.yaml", old, new)
    answer = tillroll(home, "check")
    assert answer.returncode == 1
    assert message in answer.stdout
    assert re.search(r"✗ (1 fault|2 faults) in 1 file; 3 campaigns without faults\n", answer.stdout)


def test_all_faults_are_reported_at_once_also_as_json(home: Path) -> None:
    break_file(home, "campaigns/winback.yaml", "owner:", "ownr:")
    break_file(home, "campaigns/welcome.yaml", "value: 10", "value: ten")
    break_file(home, "templates/seasonal/message.txt.j2", "{{ code.text }}", "{{ code.txt }}")
    report = json.loads(tillroll(home, "check", "--json").stdout)
    assert report["sound"] is False
    assert {finding["file"] for finding in report["findings"]} == {
        "campaigns/welcome.yaml",
        "campaigns/winback.yaml",
        "templates/seasonal/message.txt.j2",
    }


def test_an_unused_file_is_not_reported_as_valid(home: Path) -> None:
    (home / "README.md").write_text("# Ours")
    answer = tillroll(home, "check", "campaigns", "README.md")
    assert answer.returncode == 1
    assert "✓" not in answer.stdout
    assert "Tillroll doesn't read README.md" in answer.stderr


def test_a_mistyped_command_suggests_the_nearest(home: Path) -> None:
    answer = tillroll(home, "statsu")
    assert answer.returncode == 2
    assert "Did you mean 'status'?" in answer.stderr


@pytest.mark.parametrize("family", ["codes", "drift", "store", "catalog", "segment"])
def test_the_help_of_a_command_group_shows_whole_sentences(home: Path, family: str) -> None:
    shown = tillroll(home, family, "--help").stdout
    assert "..." not in shown.partition("Commands:")[2]


def test_a_number_out_of_range_is_wrong_usage(home: Path) -> None:
    for words in (["approve"], ["codes", "export"], ["drift", "fix"], ["catalog", "undo"]):
        answer = tillroll(home, *words, str(10**20), *(["--as", ANA.email] if words[0] != "catalog" else []))
        assert answer.returncode == 2, words
        assert "bug" not in answer.stderr


def test_a_full_disk_is_not_reported_as_a_bug(home: Path) -> None:
    with Path("/dev/full").open("w") as full:
        answer = subprocess.run(
            [sys.executable, "-m", "tillroll", "check"],
            cwd=home,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert answer.returncode == 4
    assert "The disk is full" in answer.stderr


def test_outside_a_campaign_folder_it_says_where_to_start(tmp_path: Path) -> None:
    answer = tillroll(tmp_path, "check")
    assert answer.returncode == 1
    assert "There is no campaigns folder" in answer.stderr
    assert "TILLROLL_FOLDER" in answer.stderr


def test_wrong_settings_are_reported_all_at_once(home: Path) -> None:
    answer = tillroll(home, "status", PORT="eighty", ECWID_STORE_ID="shop", TILLROLL_LOG_LEVEL="loud")
    assert answer.returncode == 4
    for name in ("PORT", "ECWID_STORE_ID", "ECWID_TOKEN", "TILLROLL_LOG_LEVEL"):
        assert name in answer.stderr


def test_an_invalid_sender_or_database_is_reported_at_the_start(home: Path) -> None:
    answer = tillroll(home, "status", TILLROLL_MAIL_FROM="The Tea Table", DATABASE_URL="tillroll.sqlite3")
    assert answer.returncode == 4
    assert "TILLROLL_MAIL_FROM is 'The Tea Table'; write it like Shop <hello@shop.example>" in answer.stderr
    assert "DATABASE_URL is not a database address" in answer.stderr
    assert "TILLROLL_SECRET_KEYS" not in answer.stderr, "there is no telling whether it takes any"
    port = "postgresql://u:hunter2@127.0.0.1:fivefour/d"
    answer = tillroll(home, "status", DATABASE_URL=port, TILLROLL_SECRET_KEYS="x")
    assert answer.returncode == 4
    assert "hunter2" not in answer.stderr


def test_a_database_that_cannot_be_opened_is_reported(home: Path) -> None:
    (home / "var").write_text("a file")
    answer = tillroll(home, "status")
    assert answer.returncode == 4
    assert "can't be opened" in answer.stderr
    lost = tillroll(
        home, "db", "upgrade", DATABASE_URL="postgres://u:hunter2@127.0.0.1:1/d", TILLROLL_SECRET_KEYS="x"
    )
    assert lost.returncode == 4
    assert "hunter2" not in lost.stderr


def test_a_missing_ledger_is_reported_with_the_command_that_creates_it(home: Path) -> None:
    answer = tillroll(home, "worker")
    assert answer.returncode == 4
    assert "tillroll db upgrade" in answer.stderr
    status = tillroll(home, "status")
    assert "The ledger has no tables yet." in status.stderr
    assert "tillroll db upgrade" in status.stderr


def test_without_a_store_it_says_how_to_connect_one(home: Path) -> None:
    assert tillroll(home, "db", "upgrade").returncode == 0
    answer = tillroll(home, "status")
    assert answer.returncode == 1
    assert "tillroll store connect" in answer.stderr


def test_a_port_in_use_is_reported_with_a_free_one(home: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for command in (["web"], ["up"], ["demo"], ["sandbox"]):
            answer = tillroll(home, *command, "--port", str(port))
            assert answer.returncode == 4, command
            assert f"Port {port}" in answer.stderr
            assert f"--port {port + 1}" in answer.stderr


def test_a_foreign_address_and_an_invalid_port_are_reported(home: Path) -> None:
    elsewhere = tillroll(home, "web", "--host", "192.0.2.1")
    assert elsewhere.returncode == 4
    assert "Nothing can listen on 192.0.2.1" in elsewhere.stderr
    for command in ("web", "up", "sandbox"):
        assert tillroll(home, command, "--port", "80000").returncode == 2, command


def test_a_key_and_an_account_are_created(home: Path) -> None:
    key = tillroll(home, "secret", "new").stdout.strip()
    assert len(key) == 44
    assert tillroll(home, "db", "upgrade", TILLROLL_SECRET_KEYS=key).returncode == 0
    made = tillroll(
        home,
        "user",
        "add",
        "ana@shop.example",
        "--role",
        "approver",
        "--password-stdin",
        given="quite long enough\n",
    )
    assert made.returncode == 0
    again = tillroll(home, "user", "add", "ana@shop.example", "--password-stdin", given="quite long enough\n")
    assert again.returncode == 1
    short = tillroll(home, "user", "add", "ben@shop.example", "--password-stdin", given="short\n")
    assert "10 to 256 characters" in short.stderr


@pytest.fixture
def installed(home: Path) -> Path:
    """A folder whose ledger has an approver and a run that awaits approval."""
    assert tillroll(home, "db", "upgrade").returncode == 0
    engine = open_engine(f"sqlite:///{home / 'var' / 'tillroll.sqlite3'}")
    planned_run(engine)
    add_account(engine, email=ANA.email, password="quite long enough", role_names=("approver",), now=NOW)
    add_account(
        engine, email="eve@shop.example", password="quite long enough", role_names=("viewer",), now=NOW
    )
    engine.dispose()
    return home


def read(answer: Answer) -> Any:
    return json.loads(answer.stdout)


def test_status_shows_the_store_and_its_runs(installed: Path) -> None:
    status = read(tillroll(installed, "status", "--json"))
    assert status["store"]["state"] == "connected"
    assert [(run["campaign"], run["state"]) for run in status["runs"]] == [("winback", "waiting")]
    assert "winback" in tillroll(installed, "status").stdout


def test_a_plan_is_shown_and_nothing_is_written(installed: Path) -> None:
    preview = read(tillroll(installed, "plan", "winback", "--json"))
    assert preview["audience"]["count"] > 10
    shown = tillroll(installed, "plan", "winback").stdout
    assert "worst case" in shown
    assert len(read(tillroll(installed, "status", "--json"))["runs"]) == 1


def test_an_unknown_campaign_is_refused(installed: Path) -> None:
    answer = tillroll(installed, "plan", "winbak")
    assert answer.returncode == 1
    assert "There is no campaign 'winbak'" in answer.stderr
    assert tillroll(installed, "run", "winbak").returncode == 1


def test_without_a_terminal_approving_needs_the_digest(installed: Path) -> None:
    refused = tillroll(installed, "approve", "1", "--as", ANA.email)
    assert refused.returncode == 1
    digest = refused.stderr.split("--digest ")[1].split()[0]
    approved = tillroll(installed, "approve", "1", "--as", ANA.email, "--digest", digest, "--json")
    if approved.returncode:  # the sample run was planned in the past, so by now it has expired
        assert "expired" in approved.stderr
    else:
        assert read(approved)["state"] == "approved"


def test_only_accounts_with_permission_approve_reject_or_see_codes(installed: Path) -> None:
    for words in (["approve", "1"], ["reject", "1", "--note", "no"], ["codes", "export", "1"]):
        digest = [] if words[0] == "codes" else ["--digest", "0" * 64]
        for person in ("eve@shop.example", "nobody@shop.example"):
            answer = tillroll(installed, *words, "--as", person, *digest)
            assert answer.returncode == 1, words
    assert tillroll(installed, "codes", "export", "1", "--as", ANA.email).returncode == 0
    assert tillroll(installed, "approve", "99", "--as", ANA.email, "--digest", "x").returncode == 1


def store_environment(store: Any) -> dict[str, str]:
    ready = store.ready
    return {
        "ECWID_STORE_ID": str(ready.store_id),
        "ECWID_TOKEN": ready.token,
        "ECWID_API_URL": ready.base_url,
    }


@pytest.mark.parametrize(
    ("switches", "environment", "message"),
    [
        ({}, {"ECWID_TOKEN": "secret_wrong"}, "refuses the token"),
        ({"plan": "free"}, {}, "has no API"),
        ({}, {"ECWID_STORE_ID": "77"}, "There is no store 77"),
    ],
)
def test_a_store_that_refuses_access_is_shown_in_the_status(
    home: Path, tmp_path: Path, switches: dict[str, Any], environment: dict[str, str], message: str
) -> None:
    with running(tmp_path / "store", customers=5) as store:
        if switches:
            turn(store, **switches)
        given = {**store_environment(store), **environment, "TILLROLL_REQUESTS_PER_MINUTE": "100000"}
        assert tillroll(home, "db", "upgrade").returncode == 0
        worker = subprocess.Popen(
            [sys.executable, "-m", "tillroll", "worker"],
            cwd=home,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **given},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert worker.stderr is not None
        for line in worker.stderr:
            if "store.stopped" in read_now(line):
                break
        worker.terminate()
        read_now(worker.stderr.read())
        assert worker.wait(timeout=60) == 0
        worker.stderr.close()
    answer = tillroll(home, "status")
    assert message in answer.stdout.replace("\n", " ")


def test_the_demo_runs_a_whole_campaign_and_can_be_resumed(home: Path) -> None:
    assert tillroll(home, "new", "abandoned-cart").returncode == 0
    waits = home / "campaigns" / "abandoned-cart.yaml"  # it waits for an event, so it has no manual run
    waits.write_text(waits.read_text().replace("status: draft", "status: active"))
    first = tillroll(home, "demo", "--once", "--json", "--customers", "300", "--dir", "there")
    result = read(first)
    assert first.returncode == 0
    assert "No manual run of abandoned-cart" in first.stderr
    assert result["ledger_matches_store"] is True
    assert result["runs"] == 3
    assert result["codes_live"] == result["messages_sent"] > 50
    assert result["messages_held"] == 0
    assert set(result) == {
        "runs",
        "codes_live",
        "messages_sent",
        "messages_held",
        "store_requests",
        "ledger_matches_store",
        "seconds",
    }
    again = read(tillroll(home, "demo", "--once", "--json", "--customers", "300", "--dir", "there"))
    assert again["codes_live"] == result["codes_live"]
    assert again["messages_sent"] == result["messages_sent"]
    assert tillroll(home, "demo", "--forget", "--dir", "there").returncode == 0
    assert not (home / "there").exists()


def test_the_demo_deletes_only_its_own_folder(home: Path) -> None:
    answer = tillroll(home, "demo", "--forget", "--dir", "campaigns")
    assert answer.returncode == 1
    assert (home / "campaigns" / "winback.yaml").exists()


def test_the_demo_notices_a_code_deleted_in_the_store(home: Path) -> None:
    assert tillroll(home, "demo", "--once", "--json", "--customers", "200", "--dir", "there").returncode == 0
    with closing(sqlite3.connect(home / "there" / "store" / "sandbox.sqlite3")) as store:
        store.execute("delete from coupons where id = (select max(id) from coupons)")
        store.commit()
    answer = tillroll(home, "demo", "--once", "--json", "--customers", "200", "--dir", "there")
    assert answer.returncode == 1
    assert read(answer)["ledger_matches_store"] is False
