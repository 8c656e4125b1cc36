"""A client of the API from PyPI, which nobody here wrote, takes the sandbox for a store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store import turn
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


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client in a folder of its own: it must not touch the project's own packages."""
    folder = tmp_path_factory.mktemp("existing-client")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command = [*install, "--require-hashes", "--target", str(folder), "--requirement", str(_WANTED)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"pip could not install {_WANTED.name}:\n{done.stderr}"
    return folder


def test_a_client_from_pypi_makes_reads_changes_and_deletes_a_coupon(sandbox: Sandbox, library: Path) -> None:
    turn(sandbox, token_in_query=True)
    ready = sandbox.ready
    told = {"token": ready.token, "store": ready.store_id, "base": f"{ready.base_url}/{{0}}/"}
    environment = {**os.environ, "PYTHONPATH": str(library), "NO_PROXY": "*"}
    command = [sys.executable, "-c", _STORY, json.dumps(told)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environment, cwd=library
    )
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


def test_without_the_switch_such_an_old_client_is_refused_as_by_the_store(
    sandbox: Sandbox, library: Path
) -> None:
    ready = sandbox.ready
    told = {"token": ready.token, "store": ready.store_id, "base": f"{ready.base_url}/{{0}}/"}
    environment = {**os.environ, "PYTHONPATH": str(library), "NO_PROXY": "*"}
    command = [sys.executable, "-c", _STORY, json.dumps(told)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environment, cwd=library
    )
    assert done.returncode != 0
    assert "403" in done.stderr
