"""The sandbox works with an independent API client from PyPI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store import CUSTOMERS, turn
from tillroll.sandbox.serve import Sandbox

_WANTED = Path(__file__).with_name("existing_client.txt")
_STORY = """
import json, sys
from pyecwid import EcwidAPI, Coupons

told = json.loads(sys.argv[1])
api = EcwidAPI(told["token"], told["store"], base_url=told["base"])
coupons = Coupons(api)
made = coupons.add({"name": "From PyPI", "code": "PYECWID", "discountType": "PERCENT", "discount": 10})
read = coupons.get_by_id(made)
changed = coupons.update(made, {"discount": 15}).json()
again = coupons.get_by_id(made)
found = [one["code"] for one in coupons.get_by_params({"code": "PYECWID"})]
deleted = coupons.delete(made)
print(json.dumps([read["code"], read["discount"], changed, again["discount"], found, deleted, len(coupons.get())]))
"""


_EVERYTHING = """
import json, sys
from pyecwid import Ecwid

told = json.loads(sys.argv[1])
store = Ecwid(told["token"], told["store"], base_url=told["base"])
customer = store.customers.add({"email": "py@example.com", "name": "Py Client"})
order = store.orders.add({"email": "py@example.com", "total": 7, "items": [{"name": "x", "price": 7, "quantity": 1}]})
product = store.products.add({"name": "Py tea", "price": 5, "sku": "PY-1"})
kind = store.producttypes.add({"name": "Py type", "attributes": [{"name": "Origin"}]})
names = [
    store.customers.get_by_id(customer)["name"], store.customers.get_by_email("py@example.com")[0]["name"],
    store.customers.get_by_keyword("py@example.com")[0]["name"], store.products.get_by_id(product)["name"],
    store.products.get_by_keyword("Py")[0]["name"], store.producttypes.get_by_id(kind)["name"],
    store.orders.get_by_id(order)["items"][0]["name"],
]
counts = [len(each.get()) for each in (store.customers, store.orders, store.products, store.producttypes)]
made = ((store.customers, customer), (store.orders, order), (store.products, product), (store.producttypes, kind))
changes = ({"lang": "sl"}, {"fulfillmentStatus": "SHIPPED"}, {"price": 6}, {"name": "Changed"})
changed = [each.update(one, change).json()["updateCount"] for (each, one), change in zip(made, changes)]
found = store.orders.get_by_params({"email": "py@example.com", "fulfillmentStatus": "SHIPPED"})
deleted = [each.delete(one) for each, one in made]
print(json.dumps([names, counts, changed, len(found), deleted]))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the client in a folder of its own, away from the project's packages."""
    folder = tmp_path_factory.mktemp("existing-client")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command = [*install, "--require-hashes", "--target", str(folder), "--requirement", str(_WANTED)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"pip could not install {_WANTED.name}:\n{done.stderr}"
    return folder


def told_by(sandbox: Sandbox, library: Path, story: str) -> subprocess.CompletedProcess[str]:
    """Run a story with the client against the store, in a process of its own."""
    ready = sandbox.ready
    told = {"token": ready.token, "store": ready.store_id, "base": f"{ready.base_url}/{{0}}/"}
    environment = {**os.environ, "PYTHONPATH": str(library), "NO_PROXY": "*"}
    command = [sys.executable, "-c", story, json.dumps(told)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environment, cwd=library
    )


def test_a_client_from_pypi_makes_reads_changes_and_deletes_a_coupon(sandbox: Sandbox, library: Path) -> None:
    turn(sandbox, token_in_query=True)
    done = told_by(sandbox, library, _STORY)
    assert done.returncode == 0, done.stderr
    hand_made = 3
    assert json.loads(done.stdout) == [
        "PYECWID",
        10,
        {"updateCount": 1},
        15,
        ["PYECWID"],
        1,
        hand_made,
    ]


def test_a_client_from_pypi_does_all_it_can_with_people_orders_and_goods(
    sandbox: Sandbox, library: Path
) -> None:
    turn(sandbox, token_in_query=True)
    done = told_by(sandbox, library, _EVERYTHING)
    assert done.returncode == 0, done.stderr
    names, counts, changed, found, deleted = json.loads(done.stdout)
    assert names == [*["Py Client"] * 3, *["Py tea"] * 2, "Py type", "x"]
    assert (counts[0], counts[2:]) == (CUSTOMERS + 1, [27, 2])
    assert (changed, found, deleted) == ([1] * 4, 1, [1] * 4)


def test_without_the_switch_such_an_old_client_is_refused_as_by_the_store(
    sandbox: Sandbox, library: Path
) -> None:
    done = told_by(sandbox, library, _STORY)
    assert done.returncode != 0
    assert "403" in done.stderr
