"""What Tillroll is made of is pinned by hash, listed in a bill of materials, and under licences that fit Apache-2.0."""

from __future__ import annotations

import json
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from tests.sbom import LOCK, ROOT, SBOM, bill, locked

LOCKS = (LOCK, ROOT / "requirements-test.lock", ROOT / "requirements-build.lock")
ALLOWED = {
    "APACHE", "APACHE-2.0", "BSD", "BSD-2-CLAUSE", "BSD-3-CLAUSE", "ISC", "MIT", "MIT-0", "PSF-2.0", "UNLICENSE", "ZPL-2.1",
    "0BSD", "CC0-1.0", "ZLIB",  # parts of numpy: no conditions but that one doesn't claim to have written them
    "MPL-2.0",  # its files stay as they are, and we change none
    "LGPL-3.0-ONLY",  # psycopg: loaded as a library that anybody may replace
}  # fmt: skip
SPELLINGS = {
    "Apache Software License": "APACHE",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The Unlicense (Unlicense)": "UNLICENSE",
    "Zope Public License": "ZPL-2.1",
}
"""Classifiers of packages that name no SPDX expression."""
READ = {"qrcode": "BSD-3-CLAUSE"}
"""Packages whose classifiers contradict each other, with the licence that their own LICENSE file holds."""


def licences(name: str) -> set[str]:
    """Return the licences that an installed package names, the most precise way it does."""
    if name in READ:
        return {READ[name]}
    about = metadata.metadata(name)
    expression = about.get("License-Expression") or ""
    if expression:
        return {word.upper() for word in re.findall(r"[\w.+-]+", expression)} - {"OR", "AND", "WITH"}
    named = [
        line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or () if line.startswith("License")
    ]
    known = {SPELLINGS.get(one, one.upper()) for one in named if one != "OSI Approved"}
    return known or {(about.get("License") or "none named").strip().upper()}


def installed(lock: Path) -> list[str]:
    """Return the packages of a lock file that are installed here; some are for other systems, or only for building."""
    here = {re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower() for found in metadata.distributions()}
    return [package.name for package in locked(lock) if re.sub(r"[-_.]+", "-", package.name) in here]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_package_has_a_hash(lock: Path) -> None:
    packages = list(locked(lock))
    assert packages
    assert [package.name for package in packages if not package.hashes] == []
    lines = re.sub(r"\\\n", " ", lock.read_text(encoding="utf-8")).splitlines()
    assert len(packages) == sum(bool(line) and not line.lstrip().startswith("#") for line in lines)


def test_what_builds_the_package_is_locked_and_not_fetched_anew() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pinned = {f"{package.name}=={package.version}" for package in locked(LOCKS[2])}
    assert set(project["build-system"]["requires"]) <= pinned
    assert set(project["build-system"]["requires"]) <= set(project["dependency-groups"]["build"])
    installs = [
        line
        for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
        if "pip install" in line and not line.startswith("#")
    ]
    assert installs
    for line in installs:
        assert "--require-hashes" in line or {"--no-build-isolation", "--no-index", "--no-deps"} <= set(
            line.split()
        )


def test_the_bill_of_materials_is_current() -> None:
    assert SBOM.read_text(encoding="utf-8") == bill(), "write it anew: python -m tests.sbom"
    listed = {component["purl"] for component in json.loads(bill())["components"]}
    assert {f"pkg:pypi/{package.name}@{package.version}" for package in locked(LOCK)} == listed


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_licence_fits(lock: Path) -> None:
    names = installed(lock)
    if lock != LOCKS[2]:
        assert len(names) > 0.9 * len(list(locked(lock)))
    unfit = {name: licences(name) - ALLOWED for name in names if licences(name) - ALLOWED}
    assert unfit == {}
