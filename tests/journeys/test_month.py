"""A month of a shop with ten campaigns and 5,000 people: nobody gets an e-mail who shouldn't, or when they shouldn't.

What is allowed is read by the test itself: the customers from the store's API before the first e-mail, what people said from the
calls that said it, and the e-mails from the outbox.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from shutil import copytree
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
import sqlalchemy as sa
from flask.testing import FlaskClient

from tests.clocks import days_from
from tests.journeys.path import outbox
from tests.journeys.shop import MINUTE, Shop
from tests.shop import PUBLIC_URL, ROOT
from tests.store import running, working_for
from tests.web.site import LEAST_COST
from tillroll.campaign import read_book
from tillroll.campaign.text.addresses import same_address
from tillroll.ledger.consent.listed import add_addresses
from tillroll.ledger.engine import reading
from tillroll.ledger.tables import consents, customers, suppressions
from tillroll.loop.advance import advance
from tillroll.loop.worker import SLICE
from tillroll.sandbox.serve import Sandbox
from tillroll.web.app import create_app

PEOPLE, LIMIT_A_WEEK = 5_000, 2
HOME = ZoneInfo("Europe/Ljubljana")
START = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)  # a Monday, 07:00 in Ljubljana
DAYS = (
    0,
    1,
    2,
    3,
    4,
    5,
    8,
    9,
    10,
    15,
    16,
    17,
    22,
    23,
    24,
    25,
    29,
)  # on which the worker works, from the first one on
NIGHTS = (2, 4, 16, 23)  # of these, on which something begins in the evening or at night
SAY_NO = (8, 9, 10, 15, 16)  # on which twenty readers each want no more e-mails
COME = (0, 9, 16)  # on which somebody becomes a customer
ZONES = {
    "SI": ["Europe/Ljubljana"], "AT": ["Europe/Vienna"], "DE": ["Europe/Berlin"], "IT": ["Europe/Rome"],
    "GB": ["Europe/London"], "NO": ["Europe/Oslo"], "AE": ["Asia/Dubai"],
    "US": ["America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Anchorage",
           "Pacific/Honolulu"],
    "US-NY": ["America/New_York"],
}  # fmt: skip
NEWS = """title: {name}
owner: ana@shop.example
status: active
when: {{cron: "{cron}"}}
who: {{segment: {who}, limit: {limit}}}
{offer}message: {{template: {template}, subject: "{name}", send: {{quiet_hours: 21:00-08:00}}}}
approval: {{by: 1, auto_when: {{codes: 1000, worst_case: 100000}}}}
"""
PLAIN, CODES = {"template": "note", "limit": 160}, {"template": "coupon", "limit": 60}
OFFER = "offer: {kind: percent, value: 10, valid: {for: 5d}}\n"
CAMPAIGNS = {  # three begin at the same moment, twice, and some in the night
    "one": ("0 9 1,15 * *", "all", ""),
    "two": ("0 9 1,15 * *", "all", ""),
    "three": ("0 9 1 * *", "abroad", ""),
    "late": ("30 23 2,16 * *", "all", ""),
    "evening": ("5 20 4,23 * *", "overseas", ""),
    "codes": ("0 9 8,22 * *", "buyers", OFFER),
    "early": ("30 7 9 * *", "abroad", ""),
    "buyers": ("0 9 15 * *", "buyers", ""),
    "news": ("0 9 22 * *", "all", ""),
}
SEGMENTS = {
    "all": "registered: {more_than: 1d ago}",
    "abroad": "not: {country: {in: [SI]}}",
    "overseas": "country: {in: [US, GB, AE]}",
    "buyers": "orders: {at_least: 1}",
}
WELCOME = """title: Welcome
owner: ana@shop.example
status: active
when: {on: customer_created, after: 10m}
message: {template: note, subject: Welcome, send: {quiet_hours: 21:00-08:00}}
approval: {by: 1, auto_when: {codes: 1, worst_case: 100}}
"""


def write_files(folder: Path) -> None:
    files = {
        f"campaigns/{name}.yaml": NEWS.format(
            name=name, cron=cron, who=who, offer=offer, **(CODES if offer else PLAIN)
        )
        for name, (cron, who, offer) in CAMPAIGNS.items()
    }
    files |= {
        f"rules/segments/{name}.yaml": f"title: {name}\nwhere: {{{where}}}\n"
        for name, where in SEGMENTS.items()
    }
    files |= {
        "campaigns/welcome.yaml": WELCOME,
        "rules/guardrails.yaml": f"messages_per_person_per_week: {LIMIT_A_WEEK}\n",
        "templates/note/message.html.j2": "<p>News {{ unsubscribe_link }}</p>",
        "templates/coupon/message.html.j2": "<p>{{ code.text }} {{ unsubscribe_link }}</p>",
    }
    copytree(ROOT / "rules" / "codes", folder / "rules" / "codes")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    assert [finding.render() for finding in read_book(folder).findings] == []
    assert len(files) - len(SEGMENTS) - 3 == 10


def store_customers(sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    """Yield the store's customers, as its API has them."""
    ready = sandbox.ready
    for offset in range(0, PEOPLE + 100, 100):
        answer = requests.get(
            f"{ready.base_url}/{ready.store_id}/customers",
            params={"offset": offset, "limit": 100},
            headers={"Authorization": f"Bearer {ready.token}"},
            timeout=10,
        )
        answer.raise_for_status()
        yield from answer.json()["items"]


@dataclass
class Oracle:
    """Who may get an e-mail when, by the test's own reading."""

    agreed: set[str]  # who agreed before the first e-mail
    zones: Mapping[str, list[ZoneInfo]]
    no_since: dict[str, datetime] = field(default_factory=dict)  # when somebody said no

    @classmethod
    def reading(cls, people: list[dict[str, Any]]) -> Oracle:
        agreed, zones = set(), {}
        for person in people:
            address, lives = person["email"].lower(), person.get("billingPerson") or {}
            if person.get("acceptMarketing"):
                agreed.add(address)
            country = lives.get("countryCode", "SI")
            state = lives.get("stateOrProvinceCode", "")
            names = ZONES[f"{country}-{state}" if f"{country}-{state}" in ZONES else country]
            zones[address] = [ZoneInfo(name) for name in names]
        return cls(agreed=agreed, zones=zones)

    def faults(self, lines: list[dict[str, Any]]) -> Iterator[str]:
        """Yield what is wrong with e-mails."""
        moments: dict[str, list[datetime]] = defaultdict(list)
        for line in sorted(lines, key=lambda each: str(each["at"])):
            address, at = line["to"].lower(), datetime.fromisoformat(line["at"])
            if address not in self.agreed:
                yield f"{address} never agreed: {line}"
            if at > self.no_since.get(address, at):
                yield f"{address} said no before: {line}"
            if any(not 8 <= at.astimezone(zone).hour < 21 for zone in self.zones[address]):
                yield f"it was quiet where {address} lives: {line}"
            moments[address].append(at)
            if sum(each > at - timedelta(days=7) for each in moments[address]) > LIMIT_A_WEEK:
                yield f"{address} got too many in a week: {line}"


def let_it_work(shop: Shop) -> None:
    """Do what has become due, until nothing is due within a minute."""
    clock = shop.services.clock
    while (next_at := advance(shop.worker, until=clock.now() + SLICE)) is not None:
        wait = next_at - clock.now()
        if wait > MINUTE:
            return
        clock.sleep(max(0.0, min(0.1, wait.total_seconds())))


def looks() -> Iterator[tuple[int, datetime]]:
    """Yield the moments at which the worker works, each with the number of its day."""
    for day in DAYS:
        walls = ["09:05", *(["09:20"] if day in COME else []), *(["20:10", "23:35"] if day in NIGHTS else [])]
        for wall in walls:
            hour, minute = map(int, wall.split(":"))
            local = START.astimezone(HOME).replace(hour=hour, minute=minute) + timedelta(days=day)
            yield day, local.astimezone(UTC)


def link_of(shop: Shop, line: dict[str, Any]) -> str:
    """Return the path of the address at which an e-mail says that its reader unsubscribes."""
    content = (shop.services.settings.outbox / line["file"]).read_bytes()
    header = str(message_from_bytes(content, policy=policy.default)["List-Unsubscribe"])
    (link,) = [each.strip(" <>") for each in header.split(",") if PUBLIC_URL in each]
    return link.removeprefix(PUBLIC_URL)


def say_no(shop: Shop, site: FlaskClient, oracle: Oracle, ids: Mapping[str, int], part: int) -> None:
    """Let twenty readers say no, in turn by their mail program's button, the page of the link, and in the store."""
    readers: dict[str, dict[str, Any]] = {}
    for line in outbox(shop.services):
        if line["to"].lower() not in oracle.no_since:
            readers.setdefault(line["to"].lower(), line)
    for number, (address, line) in enumerate(sorted(readers.items())[:20], part):
        if number % 3 == 0:
            answer = site.post(link_of(shop, line), data={"List-Unsubscribe": "One-Click"})
            assert answer.status_code == 200
        elif number % 3 == 1:
            path = link_of(shop, line)
            assert site.get(path).status_code == 200
            assert site.post(path, data={"choice": "all"}).status_code == 303
        else:
            shop.client.customers.set_consent(ids[address], False)
        oracle.no_since[address] = shop.services.clock.now()


@pytest.mark.slow
def test_nobody_gets_what_they_should_not_get(sqlite_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "marketing"
    write_files(folder)
    with days_from(START) as days, running(tmp_path / "store", customers=PEOPLE) as sandbox:
        sandbox.store.state.rows("delete from orders")  # of years, which nothing here is about
        people = list(store_customers(sandbox))
        assert len(people) == PEOPLE
        oracle, ids = Oracle.reading(people), {each["email"].lower(): each["id"] for each in people}
        with working_for(sandbox, database_url=sqlite_url, home=tmp_path, folder=folder) as worker:
            shop = Shop(worker=worker, sandbox=sandbox, days=days)
            site = create_app(shop.services, testing=True, password_cost=LEAST_COST).test_client()
            suppressed = sorted(oracle.agreed, key=ids.__getitem__)[:40]
            engine, now = shop.services.engine, shop.services.clock.now()
            let_it_work(shop)
            add_addresses(engine, 1, suppressed, file="old list", actor="ana", now=now)
            oracle.no_since |= dict.fromkeys(suppressed, now)
            for day, moment in looks():
                days.move_to(moment)
                is_first = moment.astimezone(HOME).minute == 5
                if is_first and day in SAY_NO:
                    say_no(shop, site, oracle, ids, day)
                if is_first and day in COME:
                    shop.comes(f"newcomer{day}@example.org", "Nina Kos")
                    oracle.agreed.add(f"newcomer{day}@example.org")
                    oracle.zones = {**oracle.zones, f"newcomer{day}@example.org": [HOME]}
                let_it_work(shop)
            lines = outbox(shop.services)
            assert list(oracle.faults(lines))[:5] == []
            it_was_a_month(lines, oracle)
            everybody_knows(shop, sandbox, oracle, set(suppressed))


def it_was_a_month(lines: list[dict[str, Any]], oracle: Oracle) -> None:
    """Assert that the month put everything to the test."""
    by_campaign = Counter(line["campaign"] for line in lines)
    assert by_campaign.keys() == CAMPAIGNS.keys() | {"welcome"}
    assert by_campaign["welcome"] == 3
    assert len(lines) > 1_500
    in_the_night = [line for line in lines if not 8 <= _hour(line) < 21]
    assert in_the_night, "e-mails left in the shop's night, to places where it was day"
    assert max(Counter(line["to"] for line in lines).values()) >= 3
    assert len(oracle.no_since) == 140


def _hour(line: dict[str, Any]) -> int:
    return datetime.fromisoformat(line["at"]).astimezone(HOME).hour


def everybody_knows(shop: Shop, sandbox: Sandbox, oracle: Oracle, suppressed: set[str]) -> None:
    """Assert that each of the hundred is known everywhere: in the store, in the mirror and in the ledger."""
    hundred = oracle.no_since.keys() - suppressed
    assert len(hundred) == 100
    in_store = {each["email"].lower(): each.get("acceptMarketing") for each in store_customers(sandbox)}
    assert {in_store[address] for address in hundred} == {False}
    with reading(shop.services.engine) as connection:
        mirrored = sa.select(sa.func.lower(customers.c.email)).where(
            customers.c.accepts_marketing.is_(sa.true())
        )
        assert not hundred & set(connection.scalars(mirrored))
        proofs = connection.scalars(sa.select(consents.c.address).where(consents.c.agreed.is_(sa.false())))
        stopped = connection.scalars(
            sa.select(suppressions.c.address).where(suppressions.c.lifted_at.is_(None))
        )
        known = {*proofs, *stopped}
    assert {same_address(address) for address in hundred} <= known
