"""The folder that most tests of the command start from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.shop import ROOT


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a copy of the sample files."""
    for name in ("campaigns", "rules", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path
