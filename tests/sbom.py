"""The software bill of materials, in CycloneDX 1.6 (https://cyclonedx.org). `python -m tests.sbom` writes it from the lock."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SBOM = ROOT / "sbom.cdx.json"
LOCK = ROOT / "requirements.txt"

_PACKAGE = re.compile(r"^(?P<name>[A-Za-z0-9_.-]+)(?:\[[^]]*\])?==(?P<version>[^\s;]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True)
class Locked:
    """A package of a lock file, with the hashes of the files that may be installed for it."""

    name: str
    version: str
    hashes: tuple[str, ...]


def locked(lock: Path) -> Iterator[Locked]:
    """Yield the packages of a lock file; a line that continues ends in a backslash."""
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if found := _PACKAGE.match(line):
            yield Locked(
                name=found["name"].lower(),
                version=found["version"],
                hashes=tuple(sorted(_HASH.findall(line))),
            )


def bill() -> str:
    """Return the bill as it must lie in the repository: the same text for the same lock file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": project["name"],
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": [_component(package) for package in locked(LOCK)],
    }
    return json.dumps(content, indent=1) + "\n"


def _component(package: Locked) -> dict[str, Any]:
    address = f"pkg:pypi/{package.name}@{package.version}"
    return {
        "type": "library",
        "bom-ref": address,
        "name": package.name,
        "version": package.version,
        "purl": address,
        "externalReferences": [
            {
                "type": "distribution",
                "url": f"https://pypi.org/project/{package.name}/{package.version}/",
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in package.hashes],
            }
        ],
    }


if __name__ == "__main__":
    SBOM.write_text(bill(), encoding="utf-8")
