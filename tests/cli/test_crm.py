"""`tillroll crm`: what was told, what was refused, and pushing again with the same ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.accounts import add_account
from tests.cli.command import tillroll
from tests.crm.receiver import SECRET, Mood, crm_server
from tests.crm.test_push import Shop
from tests.shop import ANA, NOW
from tests.web.site import PASSWORD
from tillroll.campaign.language.crm import CrmKind, CrmRules
from tillroll.ledger.engine import open_engine, reading
from tillroll.ledger.tables import audit


def test_pushed_shown_set_aside_and_pushed_again(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_engine(sqlite_url)
    shop = Shop(engine, tmp_path)
    add_account(engine, email=ANA.email, password=PASSWORD, role_names=("approver",), now=NOW)
    for name in ("campaigns", "rules"):
        (tmp_path / name).mkdir()
    with crm_server() as crm:
        (tmp_path / "rules" / "crm.yaml").write_text(f"webhook: {crm.url}\nwhat: [orders]\n")

        def run(*words: str) -> Any:
            named = () if words[0] == "status" else ("--as", ANA.email)
            answer = tillroll(
                tmp_path, "crm", *words, *named, "--json", DATABASE_URL=sqlite_url, CRM_SECRET=SECRET
            )
            assert answer.returncode == 0, answer.stderr
            return json.loads(answer.stdout)

        assert run("status") == {"crm": None, "set_aside": []}
        shop.order("A1")
        assert run("push") == {"waiting": 0, "trouble": ""}
        assert crm.types() == ["order.changed"], "the history"
        crm.mood = lambda _: Mood(status=400, takes=False)
        shop.order("A2", 2)
        for _ in range(6):
            shop.clock.pass_by(4_000)
            shop.turn(CrmRules(webhook=crm.url, what=(CrmKind.ORDERS,)))
        status = run("status")
        assert (status["crm"]["set_aside"], status["crm"]["waiting"]) == (1, 0)
        assert status["crm"]["target"] == "127.0.0.1", "the rest of the address may be a secret"
        assert [event["subject"] for event in status["set_aside"]] == ["A2"]
        told = tillroll(tmp_path, "status", DATABASE_URL=sqlite_url).stdout
        assert "has refused 1 change for good" in " ".join(told.split())
        crm.mood = lambda _: Mood()
        assert run("replay", "--set-aside") == {"events": 1}
        run("push")
        assert [event["data"]["order"] for event in crm.taken] == ["A1", "A2"]
        assert run("replay", "--from", "2020-01-01") == {"events": 2}
        run("push")
        assert (crm.repeats, len(crm.taken)) == (2, 2), "the same ids"
        assert run("replay", "--from", "start") == {"events": None}
        run("push")
        assert len(crm.taken) == 4, "told anew"
    shown = tillroll(tmp_path, "crm", "status", DATABASE_URL=sqlite_url).stdout
    assert "orders" in shown
    assert "127.0.0.1" in shown
    assert crm.url not in shown
    with reading(engine) as connection:
        acts = set(connection.scalars(sa.select(audit.c.action)))
    assert {"crm.pushed", "crm.replayed"} <= acts
    engine.dispose()


def test_faults_are_said(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_engine(sqlite_url)
    Shop(engine, tmp_path)
    add_account(engine, email=ANA.email, password=PASSWORD, role_names=("approver",), now=NOW)
    engine.dispose()
    for words, said in (
        (("replay",), "--set-aside"),
        (("replay", "--from", "yesterday"), "no moment"),
    ):
        answer = tillroll(tmp_path, "crm", *words, "--as", ANA.email, DATABASE_URL=sqlite_url)
        assert answer.returncode != 0
        assert said in answer.stderr
