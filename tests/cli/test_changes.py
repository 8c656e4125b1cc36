"""`tillroll codes pause` and similar commands, `halt`, `restart`, `drift`: their output, questions and refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.accounts import add_account
from tests.cli.command import tillroll
from tests.shop import ANA, EVE, NOW
from tests.web.site import PASSWORD, open_shop, plan_run, put_under_way
from tillroll.campaign.states import RunState
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.tables import changes, runs


@pytest.fixture
def shop(tmp_path: Path, sqlite_url: str) -> Path:
    """A folder whose ledger has a run that was sent."""
    engine = open_engine(sqlite_url)
    run_id = plan_run(engine, open_shop(engine, customers=60))
    put_under_way(engine, run_id, RunState.TRACKING, live=1_000)
    with writing(engine) as connection:  # the commands use the real clock, so the codes must still be valid
        later = datetime.now(UTC) + timedelta(days=14)
        connection.execute(sa.update(runs).values(valid_until=later))
    for person, role in ((ANA, "approver"), (EVE, "viewer")):
        add_account(engine, email=person.email, password=PASSWORD, role_names=(role,), now=NOW)
    engine.dispose()
    return tmp_path


def run_as(shop: Path, url: str, *words: str, who: str = ANA.email) -> tuple[int, str, str]:
    answer = tillroll(shop, *words, "--as", who, DATABASE_URL=url)
    return answer.returncode, answer.stdout, answer.stderr


def test_a_change_is_shown_confirmed_and_recorded(shop: Path, sqlite_url: str) -> None:
    code, out, err = run_as(shop, sqlite_url, "codes", "pause", "winback")
    assert code == 1
    assert "codes of campaign winback" in out
    assert "would be switched off in the store" in out
    assert "with --yes" in err
    code, out, _ = run_as(shop, sqlite_url, "codes", "pause", "winback", "--yes", "--note", "price")
    assert (code, "Change 1 is queued" in out) == (0, True)
    code, out, _ = run_as(shop, sqlite_url, "codes", "extend", "1", "--until", "60d", "--yes", "--json")
    assert (code, json.loads(out)["kind"]) == (0, "extend")
    listed = tillroll(shop, "codes", "changes", "--json", DATABASE_URL=sqlite_url)
    rows = json.loads(listed.stdout)["changes"]
    assert [(row["change"], row["kind"], row["note"]) for row in rows] == [
        (2, "extend", ""),
        (1, "pause", "price"),
    ]


@pytest.mark.parametrize(
    ("words", "who", "expected"),
    [
        (("codes", "pause", "winback", "--yes"), EVE.email, "has no approver role"),
        (("codes", "resume", "1", "--yes"), ANA.email, "there is no code to resume"),
        (
            ("codes", "extend", "1", "--until", "soon", "--yes"),
            ANA.email,
            "neither a day nor a length of time",
        ),
        (("codes", "extend", "1", "--until", "2020-01-01", "--yes"), ANA.email, "must be in the future"),
        (("codes", "revoke", "nothing", "--yes"), ANA.email, "No campaign 'nothing' has had a run"),
        (("codes", "revoke", "99", "--yes"), ANA.email, "There is no run 99"),
        (("halt", "nothing"), ANA.email, "There is no campaign 'nothing'"),
        (("halt", "winback"), EVE.email, "has no approver role"),
        (("restart", "winback"), ANA.email, "isn't halted"),
        (("restart", "1"), ANA.email, "Run 1 is tracking, not halted"),
        (("drift", "fix"), ANA.email, "Say which"),
        (("drift", "accept", "5"), ANA.email, "There is no drift 5"),
        (("adopt",), EVE.email, "has no approver role"),
    ],
)
def test_an_impossible_change_is_refused_with_a_message(
    shop: Path, sqlite_url: str, words: tuple[str, ...], who: str, expected: str
) -> None:
    code, _, err = run_as(shop, sqlite_url, *words, who=who)
    assert code == 1
    assert expected in err
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(changes)) == 0
    engine.dispose()


def test_a_halted_campaign_is_shown_as_halted_until_it_is_restarted(shop: Path, sqlite_url: str) -> None:
    assert run_as(shop, sqlite_url, "halt", "winback", "--note", "wrong price")[0] == 0
    status = json.loads(tillroll(shop, "status", "--json", DATABASE_URL=sqlite_url).stdout)
    assert {campaign["name"]: campaign["status"] for campaign in status["campaigns"]}["winback"] == "halted"
    code, _, err = run_as(shop, sqlite_url, "run", "winback")
    assert code == 1
    assert "halted" in err
    code, out, _ = run_as(shop, sqlite_url, "restart", "winback", "--json")
    assert (code, json.loads(out)) == (0, {"restarted": "winback", "runs": [1]})


def test_drift_before_the_first_comparison_says_when_it_will_be_made(shop: Path, sqlite_url: str) -> None:
    text = tillroll(shop, "drift", "--known", DATABASE_URL=sqlite_url).stdout
    assert text.startswith("No comparison has been made yet. The worker makes the first one as soon as")
    report = json.loads(tillroll(shop, "drift", "--known", "--json", DATABASE_URL=sqlite_url).stdout)
    assert report == {"looked_at": None, "drifts": []}
