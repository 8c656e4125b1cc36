"""What `pip install` brings works in any folder: the built wheel holds everything that the commands read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.shop import ROOT


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, as the Makefile installs it, and unpack it where pip would."""
    built, site = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def run(site: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program of the unpacked wheel in a folder outside the repository."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("TILLROLL", "ECWID"))
    }
    environment |= {"PYTHONPATH": str(site), "TILLROLL_LOG_LEVEL": "error"}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_it_is_the_wheel_that_is_tried(unpacked: Path, tmp_path: Path) -> None:
    answer = run(unpacked, tmp_path, "-c", "import tillroll; print(tillroll.__file__)")
    assert Path(answer.stdout.strip()).is_relative_to(unpacked)


def test_a_new_folder_is_sound_and_runs_nothing(unpacked: Path, tmp_path: Path) -> None:
    begun = run(unpacked, tmp_path, "-m", "tillroll", "init", "my-shop")
    assert begun.returncode == 0, begun.stderr
    shop = tmp_path / "my-shop"
    unfilled = run(unpacked, shop, "-m", "tillroll", "check", "--strict")
    assert (unfilled.returncode, "rules/brand.yaml:2:17 postal_address" in unfilled.stdout) == (1, True)
    brand = shop / "rules" / "brand.yaml"
    brand.write_text(brand.read_text("utf-8").replace("[]", "[My shop, 1000 Ljubljana]"), "utf-8")
    checked = run(unpacked, shop, "-m", "tillroll", "check", "--strict")
    assert (checked.returncode, "4 campaigns: no faults" in checked.stdout) == (0, True), checked.stdout
    campaigns = [path.read_text("utf-8") for path in (shop / "campaigns").iterdir()]
    assert all("\nstatus: draft\n" in text for text in campaigns)
    assert {path.name for path in (shop / "schema").iterdir()} == {
        path.name for path in (ROOT / "schema").iterdir()
    }
    again = run(unpacked, shop, "-m", "tillroll", "init")
    assert (again.returncode, "already" in again.stderr) == (1, True)
    drafted = run(unpacked, shop, "-m", "tillroll", "new", "abandoned-cart", "--language", "sl")
    assert drafted.returncode == 0, drafted.stderr
    assert run(unpacked, shop, "-m", "tillroll", "check", "--strict").returncode == 0


def test_the_demo_runs_the_samples_where_there_are_no_campaigns(unpacked: Path, tmp_path: Path) -> None:
    answer = run(unpacked, tmp_path, "-m", "tillroll", "demo", "--once", "--json", "--customers", "40")
    assert answer.returncode == 0, answer.stderr
    result = json.loads(answer.stdout)
    assert result["runs"] == 3
    assert result["messages_sent"] == result["codes_live"] > 0
    assert result["ledger_matches_store"]
    assert "runs the samples" in answer.stderr
