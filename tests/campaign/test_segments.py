"""Segments: the sentence of every condition, contradictions, and uploaded lists."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.campaign.files import only, place, with_files
from tests.shop import sample_files
from tillroll.campaign import parse_book, read_book, revision_of
from tillroll.campaign.segments.lists import MOST_LIST_BYTES, MOST_MEMBERS, read_list, recorded_list
from tillroll.campaign.segments.segment import Condition, Segment
from tillroll.campaign.segments.sentence import say_segment
from tillroll.campaign.sentences.changes import compare_revisions

DOCS = Path(__file__).parents[2] / "docs" / "segments.md"
SEGMENT = "rules/segments/lapsed-90.yaml"
LIST = "rules/lists/friends.csv"
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split(" | "))
    for line in DOCS.read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]


@pytest.mark.parametrize(("condition", "sentence"), ROWS, ids=[row[0] for row in ROWS])
def test_a_condition_reads_as_documented(condition: str, sentence: str) -> None:
    where = yaml.safe_load(condition.strip("`"))
    assert say_segment(Segment.model_validate({"title": "t", "where": where})) == f"Customers who {sentence}."


def test_every_condition_is_documented() -> None:
    documented = {next(iter(yaml.safe_load(condition.strip("`")))) for condition, _ in ROWS}
    assert documented == {field.alias or name for name, field in Condition.model_fields.items()}


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("{all: [{orders: {at_least: 2}}]}", "ordered at least 2 times"),
        (
            "{all: [{accepts_marketing: true}, {any: [{spent: {at_least: 5}}, {orders: {at_most: 0}}]}]}",
            "agreed to e-mails, and (spent at least 5 in total or never ordered)",
        ),
        (
            "{not: {all: [{orders: {at_least: 2}}, {country: {in: [SI]}}]}}",
            "are not among those who (ordered at least 2 times and live in SI)",
        ),
        ("{orders: {at_least: 2, at_most: 5, within: 30d}}", "ordered 2 to 5 times within the last 30 days"),
        ("{spent: {at_most: 7.5}}", "spent at most 7.5 in total"),
        ("{favourite: {}}", "marked a favourite"),
        ("{reviewed: {}}", "left a review"),
        ("{reviewed: {rating_at_least: 5, rating_at_most: 5}}", "left a review of 5 stars"),
        ("{reviewed: {rating_at_least: 4}}", "left a review of at least 4 stars"),
        ("{reviewed: {rating_at_least: 2, rating_at_most: 3}}", "left a review of 2 to 3 stars"),
        ("{reviewed: {rating_at_most: 1}}", "left a review of at most 1 star"),
        ("{rfm: {recency: {at_least: 2, at_most: 4}}}", "score 2 to 4 of 5 for recency"),
        ("{rfm: {monetary: {top: 5%}}}", "are among the top 5% by money"),
        (
            "{rfm: {recency: {top: 10%}, frequency: {at_least: 4}}}",
            "are among the top 10% by recency and score at least 4 of 5 for frequency",
        ),
        ("{rfm: {recency: {at_most: 1}}}", "score 1 of 5 for recency"),
        (
            "{rfm: {recency: {at_least: 4}, frequency: {at_least: 5}, monetary: {at_most: 2}}}",
            "score at least 4 of 5 for recency, 5 of 5 for frequency and at most 2 of 5 for money",
        ),
        ("{used_code: {}}", "used a code from us"),
        ("{got_email: {campaigns: [a, b, c]}}", "got an e-mail of a, b or c"),
    ],
)
def test_sentences_group_joined_conditions(where: str, sentence: str) -> None:
    segment = Segment.model_validate({"title": "t", "where": yaml.safe_load(where)})
    assert say_segment(segment) == f"Customers who {sentence}."


# -- contradictions


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("country: {in: [SI]}", "country: {in: [AT, DE]}"),
        ("city: {in: [Graz]}", "city: {in: [Wien]}"),
        ("accepts_marketing: true", "accepts_marketing: false"),
        ("orders: {at_least: 3}", "orders: {at_most: 2}"),
        ("spent: {at_least: 3, within: 9d}", "spent: {at_most: 2, within: 9d}"),
        ("average_order: {at_least: 3}", "average_order: {at_most: 2.5}"),
        ("last_order: {more_than: 90d ago}", "last_order: {less_than: 30d ago}"),
        ("last_order: {never: true}", "last_order: {less_than: 30d ago}"),
        ("first_order: {less_than: 30d ago}", "last_order: {more_than: 30d ago}"),
        ("last_order: {more_than: 30d ago}", "first_order: {less_than: 30d ago}"),
        ("first_order: {never: true}", "last_order: {more_than: 30d ago}"),
        ("orders: {at_most: 0}", "bought: {products: [TEA-01]}"),
        ("rfm: {recency: {at_least: 4}}", "orders: {at_most: 0}"),
        ("rfm: {recency: {at_least: 4}}", "rfm: {recency: {at_most: 2}, frequency: {at_least: 1}}"),
        ("group: {in: [Staff]}", "not: {group: {in: [Staff]}}"),
        ("not: {group: {in: [Staff]}}", "group: {in: [Staff]}"),
    ],
)
@pytest.mark.parametrize("around", ["{}", "any: [{{not: {{{}}}}}]"])
def test_contradicting_conditions_are_reported_at_the_later_one(first: str, second: str, around: str) -> None:
    inner = f"all: [{{{first}}}, {{all: [{{{second}}}]}}]"
    text = f"title: x\nwhere: {{{around.format(inner)}}}\n"
    finding = only(with_files({SEGMENT: text}))
    at = text.rindex(f"[{{{second}}}]") + 2
    assert (finding.line, finding.column) == (2, at - text.index("\n"))
    assert finding.problem.startswith("nobody can match both this and where.")


@pytest.mark.parametrize(
    "where",
    [
        "all: [{country: {in: [SI, AT]}}, {country: {in: [AT]}}]",
        "all: [{orders: {at_least: 3}}, {orders: {at_most: 2, within: 90d}}]",
        "any: [{country: {in: [SI]}}, {country: {in: [AT]}}]",
        "all: [{last_order: {more_than: 30d ago}}, {last_order: {less_than: 90d ago}}]",
        "all: [{first_order: {more_than: 90d ago}}, {last_order: {less_than: 30d ago}}]",
        "all: [{orders: {at_most: 0}}, {not: {bought: {products: [TEA-01]}}}]",
        "all: [{orders: {at_most: 0}}, {last_order: {never: true}}]",
        "all: [{rfm: {recency: {at_least: 3}}}, {rfm: {frequency: {at_most: 2}}}]",
    ],
)
def test_conditions_that_can_match_are_accepted(where: str) -> None:
    assert with_files({SEGMENT: f"title: x\nwhere: {{{where}}}\n"}).findings == ()


@pytest.mark.parametrize(
    ("where", "word", "says"),
    [
        ("{bought: {within: 9d}}", "{within", "give products: (SKUs), categories:, or both"),
        ("{bought: {products: [A], at_least: 0}}", "0", "must be at least 1"),
        ("{orders: {at_least: 10000000000}}", "10000000000", "must be at most 1000000000"),
        ("{average_order: {at_most: 99999999999}}", "99999999999", "must be at most 10000000000"),
        ("{bought: {products: []}}", "{products", "give products:"),
        ("{rfm: {}}", "{}", "give recency:, frequency: or monetary:"),
        ("{rfm: {recency: {at_least: 6}}}", "6", "must be at most 5"),
        ("{rfm: {recency: {at_least: 3, at_most: 2}}}", "3", "more than at_most:, so nobody matches"),
        ("{field: {title: Club}}", "{title", "give one of in:, includes: and filled: true"),
        ("{field: {title: Club, includes: ['a,b']}}", "['a,b']", "contains a comma"),
        ("{field: {title: Club, filled: false}}", "false", "write true, or leave the key out"),
        ("{reviewed: {rating_at_least: 3, rating_at_most: 2}}", "3", "so nobody matches"),
        ("{orders: {at_least: 1, within: 90}}", "90", "not a duration"),
        ("{got_code: {campaign: winback}}", "campaign", "unknown key"),
        ("{got_code: {campaigns: [winbak]}}", "winbak", "there is no campaign 'winbak'"),
        ("{list: {in: [freinds]}}", "freinds", "there is no list 'freinds'"),
        ("{got_code: ~}", "{got", "exactly one key"),
    ],
)
def test_an_invalid_condition_is_reported_at_its_place(where: str, word: str, says: str) -> None:
    text = f"title: x\nwhere: {where}\n"
    finding = only(with_files({SEGMENT: text}))
    assert says in finding.problem, finding.render()
    assert (finding.line, finding.column) == place(text, word)


# -- uploaded lists


@pytest.mark.parametrize(
    ("content", "at", "says"),
    [
        (b"", (1, 1), "the file is empty"),
        (b"name\nAna\n", (1, 1), "the first line must be email or customer_id"),
        (b"email\n", (1, 1), "the list has no members"),
        (b"email\na@b.example\n\n  nobody\n", (4, 3), "'nobody' is not an e-mail address"),
        (b"email\na@b.example,Ana\n", (2, 12), "a list has one column, email; found 2"),
        (b"email\na@b\x00.example\n", (2, 1), "is not an e-mail address"),
        (b"customer_id\n12\n012\n", (3, 1), "'012' is not a customer id"),
        (b"customer_id\n" + b"9" * 40 + b"\n", (2, 1), "is not a customer id"),
        (b"email\n\xc5\xbeiva@b.example\n\xbeiva@b.example\n", (3, 1), "is not UTF-8"),
        (b"email\n" + b"x" * 5_000 + b"\n", (2, 1), "the line is too long"),
        (
            b"customer_id\n" + b"".join(b"%d\n" % n for n in range(1, MOST_MEMBERS + 2)),
            (MOST_MEMBERS + 2, 1),
            "at most",
        ),
        (b"x" * (MOST_LIST_BYTES + 1), (1, 1), "larger than 16 MiB"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_fault_of_a_list_is_reported_by_line_and_column(
    content: bytes, at: tuple[int, int], says: str
) -> None:
    list_, findings = read_list(LIST, content)
    assert list_ is None
    assert [(finding.line, finding.column) for finding in findings] == [at], [
        finding.render() for finding in findings
    ]
    assert says in findings[0].problem


def test_a_lists_digest_ignores_order_and_case() -> None:
    first, _ = read_list(LIST, b"email\nAna@Shop.example\nben@shop.example\n")
    other, _ = read_list(
        LIST, '\ufeffEMAIL\r\n"ben@shop.example"\r\n\r\nana@shop.example\r\nANA@shop.example'.encode()
    )
    assert first is not None
    assert other is not None
    assert (first.digest, first.count) == (other.digest, 2)
    third, _ = read_list(LIST, b"email\nana@shop.example\n")
    assert third is not None
    assert third.digest != first.digest
    again = recorded_list(first.recorded())
    assert again is not None
    assert (again.column, again.count, again.digest) == (first.column, first.count, first.digest)
    assert recorded_list("email\nana@shop.example\n") is None


def _book_with_list(content: bytes) -> dict[str, bytes]:
    files = sample_files()
    files[SEGMENT] = b"title: x\nwhere: {list: {in: [friends]}}\n"
    return {**files, LIST: content}


def test_a_changed_list_makes_a_new_revision() -> None:
    before = parse_book(_book_with_list(b"email\nana@shop.example\n")).revisions["winback"]
    same = parse_book(_book_with_list(b"email\nANA@shop.example")).revisions["winback"]
    after = parse_book(_book_with_list(b"email\nana@shop.example\nben@shop.example\n")).revisions["winback"]
    assert before.digest == same.digest != after.digest
    assert "ana@" not in str(before.files[LIST]), "a revision keeps no addresses"
    again = revision_of("winback", before.files)
    assert (again.digest, again.lists) == (before.digest, before.lists)
    (change,) = [part for part in compare_revisions(before, after) if part.where.startswith(LIST)]
    assert change.after == "2 members"


def test_a_faulty_list_makes_only_its_campaigns_faulty() -> None:
    book = parse_book(_book_with_list(b"email\nnobody\n"))
    assert book.faulty == {"winback"}
    assert only(book).file == LIST


def test_a_recorded_revision_needs_no_other_campaigns() -> None:
    files = sample_files()
    files[SEGMENT] = b"title: x\nwhere: {got_code: {campaigns: [welcome]}}\n"
    before = parse_book(files).revisions["winback"]
    assert revision_of("winback", before.files).digest == before.digest


def test_a_shared_segment_may_name_a_stores_own_campaign(tmp_path: Path) -> None:
    files = sample_files()
    files["campaigns/1003/private.yaml"] = files["campaigns/winback.yaml"]
    files[SEGMENT] = b"title: x\nwhere: {got_code: {campaigns: [private]}}\n"
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for store in (None, 1003, 1004):
        assert read_book(tmp_path, store=store).findings == ()


def test_other_files_in_the_folder_of_lists_are_reported(tmp_path: Path) -> None:
    for name, content in {
        **sample_files(),
        "rules/lists/vips.xlsx": b"PK",
        "rules/vips.csv": b"email\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    findings = read_book(tmp_path).findings
    assert {finding.file for finding in findings} == {"rules/lists/vips.xlsx", "rules/vips.csv"}
    assert all("nothing reads this file" in finding.problem for finding in findings)
