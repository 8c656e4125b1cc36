"""All files together: references between files, digests of revisions, and misplaced files."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.campaign.files import WINBACK, Content, changed, only, with_files
from tests.shop import sample_book, sample_files
from tillroll.campaign import parse_book, revision_of
from tillroll.campaign.figures.holdout import is_held_back
from tillroll.campaign.folder.folder_reader import CALENDAR, GUARDRAILS
from tillroll.campaign.segments.segment import Segment
from tillroll.campaign.segments.sentence import say_segment
from tillroll.errors import FaultyFiles

SEGMENT = "rules/segments/lapsed-90.yaml"
TEMPLATE = "templates/winback/message.mjml.j2"


def test_the_samples_are_four_campaigns_without_a_fault() -> None:
    book = sample_book()
    assert book.findings == ()
    assert set(book.revisions) == {"welcome", "winback", "seasonal", "vip-thanks"}
    assert book.faulty == frozenset()


USED = [
    WINBACK,
    SEGMENT,
    "rules/segments/staff.yaml",
    "rules/codes/short.yaml",
    GUARDRAILS,
    CALENDAR,
    TEMPLATE,
]


@pytest.mark.parametrize("file", USED)
def test_every_file_that_a_campaign_uses_is_part_of_its_digest(file: str) -> None:
    before = sample_book().revisions
    after = with_files({file: sample_files()[file] + b"\n# a word more\n"}).revisions
    if file == TEMPLATE:
        after = with_files({file: sample_files()[file] + b"<!-- more -->"}).revisions
    assert after["winback"].digest != before["winback"].digest


@pytest.mark.parametrize(
    "file", ["campaigns/welcome.yaml", "rules/segments/newcomers.yaml", "rules/codes/long.yaml"]
)
def test_unused_files_do_not_change_a_campaigns_digest(file: str) -> None:
    before = sample_book().revisions
    after = with_files({file: sample_files()[file] + b"\n# a word more\n"}).revisions
    assert after["winback"].digest == before["winback"].digest


def test_a_revision_can_be_read_again_from_what_the_ledger_keeps() -> None:
    kept = sample_book().revisions["winback"]
    assert revision_of("winback", kept.files) == kept


def test_recorded_files_that_are_no_longer_valid_are_refused() -> None:
    kept = dict(sample_book().revisions["winback"].files)
    kept[WINBACK] = kept[WINBACK].replace("kind: percent", "kind: gold")
    with pytest.raises(FaultyFiles):
        revision_of("winback", kept)


@pytest.mark.parametrize(
    "file", [SEGMENT, "rules/segments/staff.yaml", "rules/codes/short.yaml", GUARDRAILS, CALENDAR]
)
def test_a_fault_in_a_used_file_makes_the_campaign_faulty(file: str) -> None:
    book = with_files({file: "titel: x\n"})
    assert "winback" in book.faulty
    assert "winback" not in book.revisions
    assert {finding.file for finding in book.findings} == {file}


@pytest.mark.parametrize(
    ("files", "says", "suggests"),
    [
        ({"rules/guardrail.yaml": "largest_percent: 5\n"}, "nothing reads this file", GUARDRAILS),
        ({"rules/guardrails.yml": "largest_percent: 5\n"}, "nothing reads this file", GUARDRAILS),
        ({"rules/segment/vips.yaml": "title: x\n"}, "nothing reads this file", "rules/segments/vips.yaml"),
        ({"rules/segments/lapsed-90.yml": sample_files()[SEGMENT]}, "has the same name", ""),
        ({"campaigns/winback.yml": sample_files()[WINBACK]}, "has the same name", ""),
        ({"campaigns/Win Back.yaml": sample_files()[WINBACK]}, "lower-case letters", ""),
        ({"templates/Win/message.txt.j2": "x"}, "the name of a folder has only lower-case letters", ""),
    ],
)
def test_a_misplaced_file_is_reported(files: dict[str, Content], says: str, suggests: str) -> None:
    findings = with_files(files).findings
    assert says in findings[-1].problem, [finding.render() for finding in findings]
    assert suggests in {finding.suggestion for finding in findings}


def test_a_rule_with_a_misspelt_name_makes_every_campaign_faulty() -> None:
    book = with_files({GUARDRAILS: None, "rules/guardrail.yaml": "largest_percent: 5\n"})
    assert book.revisions == {}


def test_two_files_with_one_name_make_the_campaign_faulty() -> None:
    book = with_files({"campaigns/winback.yml": sample_files()[WINBACK]})
    assert "winback" in book.faulty
    assert len(book.findings) == 2


def test_unreadable_files_are_reported_and_make_campaigns_faulty() -> None:
    book = parse_book(sample_files(), unreadable={SEGMENT: "Permission denied"})
    assert only(book).problem == "the file can't be read: Permission denied"
    assert book.faulty == {"winback"}


CONDITIONS: list[tuple[dict[str, object], str]] = [
    ({"orders": {"at_most": 0}}, "Customers who never ordered."),
    ({"orders": {"at_least": 1}}, "Customers who ordered at least once."),
    ({"orders": {"at_least": 2, "at_most": 2}}, "Customers who ordered exactly 2 times."),
    ({"orders": {"at_least": 2, "at_most": 5}}, "Customers who ordered 2 to 5 times."),
    ({"spent": {"at_least": "7.50"}}, "Customers who spent at least 7.50 in total."),
    ({"last_order": {"more_than": "90d ago"}}, "Customers who last ordered more than 90 days ago."),
    ({"last_order": {"never": True}}, "Customers who never ordered."),
    ({"not": {"country": {"in": ["US"]}}}, "Customers who are not among those who live in US."),
    ({"accepts_marketing": False}, "Customers who did not agree to e-mails."),
    (
        {"any": [{"group": {"in": ["Staff"]}}, {"language": {"in": ["sl", "de"]}}]},
        "Customers who either are in the group Staff, or read sl or de.",
    ),
]


@pytest.mark.parametrize(("where", "sentence"), CONDITIONS, ids=[case[1] for case in CONDITIONS])
def test_a_segment_reads_as_a_sentence(where: dict[str, object], sentence: str) -> None:
    assert say_segment(Segment.model_validate({"title": "t", "where": where})) == sentence


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("{orders: {at_least: 3, at_most: 2}}", "more than at_most:, so nobody matches"),
        ("{orders: {}}", "give at_least:, at_most:, or both"),
        ("{last_order: {more_than: 90d}}", "write it like 90d ago"),
        ("{last_order: {more_than: 90d ago, less_than: 30d ago}}", "longer ago than more_than:"),
        ("{orders: {at_least: 1}, country: {in: [SI]}}", "exactly one key; found: country and orders"),
        ("{}", "exactly one key; found: none"),
        ("{all: []}", "the list is empty"),
        ("{country: {in: [si]}}", "a country is two capital letters"),
        ("{ordres: {at_least: 1}}", "unknown key"),
    ],
)
def test_an_impossible_or_invalid_condition_is_reported(where: str, says: str) -> None:
    book = with_files({SEGMENT: f"title: x\nwhere: {where}\n"})
    assert any(says in finding.problem for finding in book.findings), [
        each.render() for each in book.findings
    ]
    assert {finding.line for finding in book.findings} == {2}


def test_a_code_format_of_digits_only_is_refused() -> None:
    book = with_files({"rules/codes/short.yaml": 'title: x\nalphabet: "0123456789"\n'})
    assert "mistaken for a coupon id" in only(book).problem


def test_the_control_group_has_its_share_is_stable_and_differs_between_campaigns() -> None:
    def kept(campaign: str, key: bytes) -> set[int]:
        share = Decimal("0.10")
        people = range(1, 20_001)
        return {
            person
            for person in people
            if is_held_back(campaign=campaign, customer_id=person, share=share, key=key)
        }

    winback = kept("winback", b"a key")
    assert 1_850 < len(winback) < 2_150  # 2,000 and 3.5 standard deviations
    assert winback == kept("winback", b"a key")
    for other in (kept("welcome", b"a key"), kept("winback", b"another key")):
        assert 130 < len(winback & other) < 270  # independent: a tenth of a tenth
    everybody = range(500)
    assert not any(
        is_held_back(campaign="x", customer_id=person, share=Decimal(0), key=b"k") for person in everybody
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda files: files.update({WINBACK: files[WINBACK].replace(b"\n", b"\r\n")}),
        lambda files: files.update({WINBACK: b"\xef\xbb\xbf" + files[WINBACK]}),
    ],
    ids=["line ends of Windows", "a byte order mark"],
)
def test_files_written_on_windows_are_read(change: Callable[[dict[str, bytes]], None]) -> None:
    files = sample_files()
    change(files)
    book = parse_book(files)
    assert book.findings == ()
    assert book.revisions["winback"].campaign == sample_book().revisions["winback"].campaign


def test_names_in_any_script_are_kept() -> None:
    files = changed(("title: We miss you", 'title: "חזרו אלינו 🎁 Pridi nazaj"'))
    assert parse_book(files).revisions["winback"].campaign.title == "חזרו אלינו 🎁 Pridi nazaj"


def test_the_control_group_of_all_campaigns_names_campaigns_that_exist() -> None:
    rules = b"share: 5%\nsince: 2026-12-01\nexempt: [winback, order-thank]\n"
    files = {**sample_files(), "rules/holdout.yaml": rules}
    (finding,) = [each for each in parse_book(files).findings if each.file == "rules/holdout.yaml"]
    assert (finding.line, finding.problem) == (3, "there is no campaign order-thank")
