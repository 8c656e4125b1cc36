"""The sample campaigns check cleanly, each by its name."""

from __future__ import annotations

import pytest

from tests.house.source import ROOT
from tillroll.campaign import read_book

NAMES = sorted(path.stem for path in (ROOT / "campaigns").glob("*.yaml"))


def test_there_are_samples() -> None:
    assert NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_campaign_checks_cleanly(name: str) -> None:
    book = read_book(ROOT)
    assert [str(finding) for finding in book.findings] == []
    assert name in book.revisions
