"""A process that pushes to a CRM is killed at every point between two commits: each change arrives once, none is lost."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.accounts import add_account
from tests.crash.points import Point
from tests.crm.receiver import SECRET, crm_server
from tests.crm.test_push import Shop
from tests.forks import forks
from tests.shop import ANA, NOW, PUBLIC_URL
from tests.web.site import PASSWORD
from tillroll.ledger.engine import open_engine
from tillroll.settings import child_environment

POINTS = (
    Point(name="recorded, not committed", function="tillroll.crm.push:_record", when="left"),
    Point(name="recorded", function="tillroll.crm.receivers.webhook:CrmWebhook.take", when="entered"),
    Point(
        name="posted, answer not recorded",
        function="tillroll.crm.receivers.webhook:CrmWebhook.take",
        when="left",
    ),
    Point(name="settled, not committed", function="tillroll.crm.settle:settle_batch", when="left"),
    Point(name="settled", function="tillroll.crm.push:_hand_over", when="left"),
)
DROPS = (
    Point(name="written", function="tillroll.crm.receivers.drop:CrmFolder._write", when="left"),
    Point(name="settled, not committed", function="tillroll.crm.settle:settle_batch", when="left"),
)


class Pusher:
    """Starts `tillroll crm push`, which may be killed at a point."""

    def __init__(self, url: str, home: Path, **also: str) -> None:
        self._home = home
        names = {
            "DATABASE_URL": url,
            "TILLROLL_HOME": str(home),
            "TILLROLL_FOLDER": str(home),
            "CRM_SECRET": SECRET,
        }
        more = {"TILLROLL_ENVIRONMENT": "sandbox", "TILLROLL_URL": PUBLIC_URL, "MAIL_URL": "outbox:"}
        secret = {"TILLROLL_SECRET_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}
        self._environment = child_environment({**names, **more, **secret, **also})

    def push(self, point: Point | None = None) -> int:
        log = self._home / "push.log"
        child = forks().start(
            *("crm", "push", "--as", ANA.email),
            cwd=self._home,
            environment=self._environment,
            output=log,
            troubles=log,
            **({"first": point.trap} if point else {}),
        )
        return child.wait(timeout=60)


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Shop:
    made = Shop(open_engine(database_url), tmp_path)
    add_account(made.ledger, email=ANA.email, password=PASSWORD, role_names=("approver",), now=NOW)
    for name in ("campaigns", "rules"):
        (tmp_path / name).mkdir()
    return made


@pytest.mark.slow
def test_a_webhook_gets_each_change_once_though_the_pusher_dies(
    shop: Shop, database_url: str, tmp_path: Path
) -> None:
    pusher = Pusher(database_url, tmp_path)
    with crm_server() as crm:
        (tmp_path / "rules" / "crm.yaml").write_text(f"webhook: {crm.url}\nwhat: [orders]\nbatch: 2\n")
        assert pusher.push() == 0, (tmp_path / "push.log").read_text()
        made = []
        for number, point in enumerate(POINTS):
            for customer in (1, 2, 3):
                made.append((f"A{number}", customer))
                shop.order(f"A{number}", customer, total=number + 1)
            assert pusher.push(point) == -signal.SIGKILL, (tmp_path / "push.log").read_text()
        assert pusher.push() == 0
        told = [(event["data"]["order"], event["customer"]["id"]) for event in crm.taken]
        assert sorted(told) == sorted(made)
        for customer in (1, 2, 3):
            assert [one for one in told if one[1] == customer] == [one for one in made if one[1] == customer]
        assert crm.repeats > 0
        posts = dict[str, set[bytes]]()
        for key, body in crm.posts:
            posts.setdefault(key, set()).add(body)
        assert all(len(bodies) == 1 for bodies in posts.values()), "a batch that is posted again is the same"
    shop.ledger.dispose()


@pytest.mark.slow
def test_files_hold_each_change_once_though_the_pusher_dies(
    shop: Shop, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "rules" / "crm.yaml").write_text("folder: crm\nwhat: [orders]\nbatch: 2\n")
    pusher = Pusher(database_url, tmp_path)
    assert pusher.push() == 0, (tmp_path / "push.log").read_text()
    for number, point in enumerate(DROPS):
        for place in range(3):
            shop.order(f"A{number}{place}")
        assert pusher.push(point) == -signal.SIGKILL
    assert pusher.push() == 0
    files = sorted((tmp_path / "crm").glob("*.jsonl"))
    lines = [json.loads(line)["data"]["order"] for file in files for line in file.read_text().splitlines()]
    assert lines == ["A00", "A01", "A02", "A10", "A11", "A12"]
    assert [file.name for file in files] == [
        f"crm-1003-{number + 1:012}.jsonl" for number in range(len(files))
    ]
    shop.ledger.dispose()
