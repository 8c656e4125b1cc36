"""The library of starter campaigns: each is valid and its e-mails can be sent."""

from __future__ import annotations

from datetime import date

import pytest

from tillroll.campaign import parse_book
from tillroll.campaign.folder.drafts import draft, kinds
from tillroll.campaign.frozen.revision import messages_of
from tillroll.campaign.language.models import Status
from tillroll.errors import NotFound
from tillroll.rendering.compile import compile_message
from tillroll.rendering.facts import StoreFacts, filters_for

TODAY = date(2026, 11, 23)
SHOP = StoreFacts(name="S", url="https://s.example", email="", currency="EUR", timezone="UTC", language="en")


def test_there_are_at_least_twelve() -> None:
    assert len(kinds()) >= 12
    assert all(len(meaning) > 20 for meaning in kinds().values())


@pytest.mark.parametrize("name", ["mine", "spring-26"])
@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_draft_is_valid_under_any_name(kind: str, name: str) -> None:
    files = draft(kind, name=name, today=TODAY)
    book = parse_book({path: text.encode() for path, text in files.items()})
    assert [finding.render() for finding in book.findings] == []
    revision = book.revisions[name]
    assert revision.campaign.status is Status.DRAFT, "nothing runs before somebody has read it"
    for message in messages_of(revision.campaign):
        compiled = compile_message(revision, message, filters_for(SHOP))
        assert compiled.text is not None
    used = {path.split("/")[1] for path in files if path.startswith("templates/")}
    assert used == {message.template for message in messages_of(revision.campaign)}


def test_two_drafts_in_one_folder_are_valid() -> None:
    files: dict[str, str] = {}
    for kind in kinds():
        files |= draft(kind, name=f"my-{kind}", today=TODAY)
    book = parse_book({path: text.encode() for path, text in files.items()})
    assert [finding.render() for finding in book.findings] == []
    assert len(book.revisions) == len(kinds())


def test_an_unknown_kind_suggests_the_nearest() -> None:
    with pytest.raises(NotFound) as missing:
        draft("winbak", name="x", today=TODAY)
    assert "winback" in missing.value.hint
