"""Who may approve what they asked for, how commands know their person, and what the audit says of both."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.accounts import add_account
from tests.cli.command import Answer, tillroll
from tests.shop import ANA, BEN, EVE, NOW, SHOP, campaign_text, sample_book
from tests.web.site import PASSWORD, app_for, digest_of, open_shop, plan_run, send_form, sign_in
from tillroll.approve.act import approve, reject
from tillroll.approve.decide import OwnPlans, Person, people_not_enough
from tillroll.campaign.states import RunState
from tillroll.errors import Misconfigured, NotAllowed, Refused
from tillroll.ledger.engine import open_engine, writing
from tillroll.ledger.tables import audit, personal_keys, runs, stores, users
from tillroll.settings import from_mapping
from tillroll.web.accounts.personal_keys import end_key, make_key, person_with_key
from tillroll.web.accounts.users import set_password

CY = Person(email="cy@shop.example", roles=frozenset({"admin"}))


def add_people(engine: Engine, *people: Person) -> None:
    for person in people:
        add_account(engine, email=person.email, password=PASSWORD, role_names=person.roles, now=NOW)


def decide(engine: Engine, run_id: int, person: Person, own_plans: OwnPlans = OwnPlans.AUTO) -> RunState:
    digest = digest_of(engine, run_id)
    return approve(engine, run_id=run_id, digest=digest, person=person, note="", now=NOW, own_plans=own_plans)


def ways(engine: Engine, action: str) -> list[tuple[str, str]]:
    """Return who did something, and by which way."""
    with engine.connect() as connection:
        query = sa.select(audit.c.actor, audit.c.way).where(audit.c.action == action)
        return [(row.actor, row.way) for row in connection.execute(query.order_by(audit.c.id))]


# --- who asked for it


def test_the_asker_alone_does_not_approve_once_there_is_a_second_approver(ledger: Engine) -> None:
    run_id = plan_run(ledger, open_shop(ledger, customers=60))  # Ana started it
    add_people(ledger, ANA, BEN)
    with pytest.raises(Refused, match="somebody else must approve it"):
        decide(ledger, run_id, ANA)
    assert decide(ledger, run_id, BEN) is RunState.APPROVED


def test_a_lone_approver_still_works(ledger: Engine) -> None:
    run_id = plan_run(ledger, open_shop(ledger, customers=60))
    add_people(ledger, ANA, EVE)  # a viewer is no second approver
    assert decide(ledger, run_id, ANA) is RunState.APPROVED


def test_an_account_that_is_closed_is_no_second_approver(ledger: Engine) -> None:
    run_id = plan_run(ledger, open_shop(ledger, customers=60))
    add_people(ledger, ANA, BEN)
    with writing(ledger) as connection:
        connection.execute(sa.update(users).where(users.c.email == BEN.email).values(active=False))
    assert decide(ledger, run_id, ANA) is RunState.APPROVED


def test_the_owner_does_not_approve_a_scheduled_run_alone(ledger: Engine) -> None:
    run_id = plan_run(ledger, open_shop(ledger, customers=60))
    add_people(ledger, ANA, BEN)
    with writing(ledger) as connection:  # Ana is the owner in the campaign's file
        connection.execute(sa.update(runs).values(started_by="schedule"))
    with pytest.raises(Refused, match="owns its campaign"):
        decide(ledger, run_id, ANA)
    assert decide(ledger, run_id, BEN) is RunState.APPROVED


def test_the_asker_may_reject(ledger: Engine) -> None:
    run_id = plan_run(ledger, open_shop(ledger, customers=60))
    add_people(ledger, ANA, BEN)
    reject(ledger, run_id=run_id, digest=digest_of(ledger, run_id), person=ANA, note="no", now=NOW)


def test_with_two_approvers_needed_the_asker_is_one_of_them(ledger: Engine) -> None:
    book = sample_book(winback=campaign_text("winback").replace("approval: {by: 1", "approval: {by: 2"))
    run_id = plan_run(ledger, open_shop(ledger, customers=60, book=book))
    add_people(ledger, ANA, BEN)
    assert decide(ledger, run_id, ANA) is RunState.WAITING
    assert decide(ledger, run_id, BEN) is RunState.APPROVED


@pytest.mark.parametrize(
    ("asker", "owner", "approvers", "needed", "own_plans", "expected"),
    [
        ("ana", "ben", {"ana", "ben", "cy"}, 1, OwnPlans.AUTO, {"ana", "ben"}),
        ("ana", "ben", {"ana", "ben"}, 1, OwnPlans.AUTO, {"ana"}),
        ("schedule", "ana", {"ana", "ben"}, 1, OwnPlans.AUTO, {"schedule", "ana"}),
        ("ana", "ana", {"ana"}, 1, OwnPlans.AUTO, set()),
        ("ana", "ana", {"ana"}, 1, OwnPlans.NO, {"ana"}),
        ("ana", "ana", {"ana", "ben"}, 1, OwnPlans.YES, set()),
        ("ana", "ana", {"ana", "ben"}, 2, OwnPlans.AUTO, set()),
    ],
)
def test_whose_word_alone_is_not_enough(
    asker: str, owner: str, approvers: set[str], needed: int, own_plans: OwnPlans, expected: set[str]
) -> None:
    behind = people_not_enough(
        asker=asker, owner=owner, approvers=approvers, needed=needed, own_plans=own_plans
    )
    assert behind == expected


def test_the_setting_is_read_from_the_environment() -> None:
    assert from_mapping({}).own_plans is OwnPlans.AUTO
    assert from_mapping({"TILLROLL_OWN_PLANS": "no"}).own_plans is OwnPlans.NO
    with pytest.raises(Misconfigured, match="TILLROLL_OWN_PLANS"):
        from_mapping({"TILLROLL_OWN_PLANS": "maybe"})


def test_the_page_says_why_the_asker_cannot_approve(ledger: Engine, tmp_path: Path) -> None:
    run_id = plan_run(ledger, open_shop(ledger, customers=60))
    app = app_for(ledger, tmp_path)  # with Ana
    add_people(ledger, BEN)
    ana, ben = app.test_client(), app.test_client()
    sign_in(ana)
    sign_in(ben, BEN.email)
    page = ana.get(f"{SHOP}/runs/{run_id}").text
    assert "somebody else must approve it" in page
    assert "Approve this plan" not in page
    answer = send_form(ana, run_id, "approve", digest=digest_of(ledger, run_id))
    assert "somebody else must approve it" in answer.text
    answer = send_form(ben, run_id, "approve", digest=digest_of(ledger, run_id))
    assert "Approved. The codes are created next." in answer.text
    assert ways(ledger, "plan.approved") == [(BEN.email, "page")]


# --- how commands know their person


@pytest.fixture
def shop(tmp_path: Path, sqlite_url: str) -> Path:
    """A folder whose ledger has a run that waits for approval, and accounts for Ben and Eve."""
    engine = open_engine(sqlite_url)
    plan_run(engine, open_shop(engine, customers=60))
    with writing(engine) as connection:  # the commands use the real clock
        connection.execute(sa.text("update plans set expires_at = '2099-01-01 00:00:00.000000'"))
    add_people(engine, BEN, EVE)
    engine.dispose()
    return tmp_path


def command(shop: Path, url: str, *words: str, given: str = "", **environment: str) -> Answer:
    """Run a command outside the sandbox environment, with the folder as the person's home."""
    live = {"TILLROLL_ENVIRONMENT": "live", "HOME": str(shop), "XDG_CONFIG_HOME": str(shop / "config")}
    null = "keyring.backends.null.Keyring"  # the keyring of whoever runs the tests is left alone
    environment = {**live, "PYTHON_KEYRING_BACKEND": null, **environment}
    return tillroll(shop, *words, given=given, DATABASE_URL=url, **environment)


def log_in(shop: Path, url: str, *words: str, password: str = PASSWORD) -> Answer:
    return command(
        shop, url, "login", "--email", BEN.email, "--password-stdin", *words, given=f"{password}\n"
    )


def approve_1(shop: Path, url: str, *words: str, **environment: str) -> Answer:
    engine = open_engine(url)
    digest = digest_of(engine, 1)
    engine.dispose()
    return command(shop, url, "approve", "1", "--digest", digest, *words, **environment)


def test_a_name_is_not_enough_outside_the_sandbox(shop: Path, sqlite_url: str) -> None:
    refused = approve_1(shop, sqlite_url, "--as", BEN.email)
    assert refused.returncode == 1
    assert "--as is accepted only in the sandbox environment" in refused.stderr
    nobody = approve_1(shop, sqlite_url)
    assert (nobody.returncode, "tillroll login" in nobody.stderr) == (1, True)


def test_the_variable_alone_does_not_make_it_a_sandbox(shop: Path, sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with writing(engine) as connection:
        connection.execute(sa.update(stores).values(base_url="https://app.ecwid.com/api/v3"))
    engine.dispose()
    refused = approve_1(shop, sqlite_url, "--as", BEN.email, TILLROLL_ENVIRONMENT="sandbox")
    assert (refused.returncode, "a store of this ledger is at Ecwid" in refused.stderr) == (1, True)


def test_a_key_is_got_used_listed_and_revoked(shop: Path, sqlite_url: str) -> None:
    wrong = log_in(shop, sqlite_url, password="not the one at all")
    assert (wrong.returncode, "Wrong e-mail address or password" in wrong.stderr) == (1, True)
    assert "Signed in as ben@shop.example" in log_in(shop, sqlite_url).stdout
    (kept,) = (shop / "config").rglob("keys.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert BEN.email in command(shop, sqlite_url, "key", "list").stdout
    approved = approve_1(shop, sqlite_url)
    assert (approved.returncode, "ben@shop.example approved run 1" in approved.stdout) == (0, True)
    assert "Key 1 is revoked" in command(shop, sqlite_url, "logout").stdout
    assert not list((shop / "config").rglob("keys.json"))
    assert "who you are" in command(shop, sqlite_url, "halt", "1").stderr
    engine = open_engine(sqlite_url)
    assert ways(engine, "plan.approved") == [(BEN.email, "key")]
    assert ways(engine, "key.made") == [(BEN.email, "command")]
    assert ways(engine, "key.revoked") == [(BEN.email, "key")]
    with engine.connect() as connection:
        digests = list(connection.scalars(sa.select(personal_keys.c.digest)))
    engine.dispose()
    assert [len(digest) for digest in digests] == [64]


def test_a_key_may_come_from_the_environment(shop: Path, sqlite_url: str) -> None:
    key = log_in(shop, sqlite_url, "--print").stdout.strip()
    assert not list((shop / "config").rglob("keys.json"))
    assert command(shop, sqlite_url, "halt", "1", TILLROLL_KEY=key).returncode == 0
    assert "not valid" in command(shop, sqlite_url, "halt", "1", TILLROLL_KEY=key + "x").stderr
    sandboxed = tillroll(shop, "run", "winback", "--as", "ana", DATABASE_URL=sqlite_url)
    engine = open_engine(sqlite_url)
    assert ways(engine, "run.halted") == [(BEN.email, "key")]
    engine.dispose()
    assert sandboxed.returncode in {0, 1}


def test_a_key_ends_by_time_by_revoking_by_a_new_password_and_with_its_account(ledger: Engine) -> None:
    add_people(ledger, BEN)

    def a_key() -> tuple[int, str]:
        made = make_key(ledger, email=BEN.email, machine="desk", lasts=timedelta(days=30), now=NOW)
        return made.number, made.text

    _, text = a_key()
    assert person_with_key(ledger, text, NOW).email == BEN.email
    with pytest.raises(NotAllowed):
        person_with_key(ledger, text, NOW + timedelta(days=30))
    number, text = a_key()
    end_key(ledger, number=number, now=NOW, actor="command")
    with pytest.raises(NotAllowed):
        person_with_key(ledger, text, NOW)
    _, text = a_key()
    set_password(ledger, email=BEN.email, password="another long password", now=NOW)
    with pytest.raises(NotAllowed):
        person_with_key(ledger, text, NOW)
    _, text = a_key()
    with writing(ledger) as connection:
        connection.execute(sa.update(users).values(active=False))
    with pytest.raises(NotAllowed):
        person_with_key(ledger, text, NOW)
