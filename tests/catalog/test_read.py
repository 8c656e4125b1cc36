from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tillroll.catalog.decide import RowKind
from tillroll.catalog.read import check_file, rows
from tillroll.errors import FaultyFiles, NotFound

CATEGORIES = {"Tea": 1, "Tea/Green": 2, "Gifts": 3, "Twice": 0}


def written(tmp_path: Path, text: str, name: str = "file.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def faults(path: Path) -> list[str]:
    with pytest.raises(FaultyFiles) as refused:
        check_file(path, CATEGORIES)
    return [line.removeprefix(f"{path}:") for line in refused.value.lines]


def test_a_row_has_only_the_fields_with_a_value(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "sku,parent_sku,options,name,price,cost_price,quantity,enabled,categories\n"
        "T-1,,,Hojicha,8.50,,unlimited,no,Tea / Green; Gifts\n"
        'T-1-S,T-1,"Size=50 g; Colour=Ash",,,,40,,\n',
    )
    product, variation = rows(path, CATEGORIES)
    assert (product.line, product.kind, product.sku) == (2, RowKind.PRODUCT, "T-1")
    assert product.wanted == {
        "name": "Hojicha",
        "price": Decimal("8.50"),
        "quantity": None,
        "enabled": False,
        "categories": (2, 3),
    }
    assert (variation.line, variation.kind, variation.parent_sku) == (3, RowKind.VARIATION, "T-1")
    assert variation.options == (("Size", "50 g"), ("Colour", "Ash"))
    assert variation.wanted == {"quantity": 40}


def test_json_lines_say_the_same_in_their_own_types(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '{"sku": "T-1", "price": 8.5, "enabled": true, "categories": ["Tea/Green"], "name": null}\n\n'
        '{"sku": "T-1-S", "parent_sku": "T-1", "options": {"Size": "50 g"}, "quantity": "unlimited"}\n',
        "file.jsonl",
    )
    product, variation = rows(path, CATEGORIES)
    assert product.wanted == {"price": Decimal("8.5"), "enabled": True, "categories": (2,)}
    assert (variation.line, variation.options, variation.wanted) == (
        3,
        (("Size", "50 g"),),
        {"quantity": None},
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_spreadsheets_delimiter_and_byte_order_mark_are_accepted(tmp_path: Path, delimiter: str) -> None:
    path = written(tmp_path, f"\ufeffsku{delimiter}price\r\nT-1{delimiter}8.50\r\n")
    assert [row.wanted for row in rows(path, CATEGORIES)] == [{"price": Decimal("8.50")}]


def test_all_faults_are_reported_at_once_with_their_lines(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "sku,parent_sku,options,name,price,quantity,enabled,categories\n"
        ",,,No name,1,,,\n"
        "A,,,,twelve,,,\n"
        "B,,,,1.00001,,,\n"
        "C,,,,,-1,,\n"
        "D,,,,,,perhaps,\n"
        "E,,,,,,,Tea/Gren\n"
        "F,,,,,,,Twice\n"
        "G,,Size=1,,,,,\n"
        "H,G,Size,,,,,\n"
        "I,G,Size=1,A name,,,,\n"
        "A,,,,2,,,\n"
        "A,,,,2,,,\n"
        "J,G,A=1; B=2,,,,,\n"
        "K,G,B=2; A=1,,,,,\n"
        "L,too,few\n",
    )
    told = faults(path)
    assert [line.split(" ")[0] for line in told] == [*map(str, (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 16))]
    text = "\n".join(told)
    for said in (
        "sku: it is missing",
        "price: 'twelve' is not an amount; write it like 12.50",
        "more than 4 decimal places",
        "nor the word unlimited",
        "neither yes nor no",
        "did you mean Tea/Green?",
        "several categories",
        "only a variation has them",
        "write them like Size=100 g; Colour=Ash",
        "name: a variation has none of its own",
        "'A' is already in line 12",
        "already has a variation like this in line 14",
        "it has 3 cells, the first line names 8 columns",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("sku,prise\nA,1\n", "a.csv", "did you mean price?"),
        ("name,price\nA,1\n", "a.csv", "one of them sku"),
        ("sku,sku\nA,B\n", "a.csv", "the column sku appears twice"),
        ('sku\n"A\n', "a.csv", "this is not CSV"),
        ('{"sku": \n', "a.jsonl", "this is not JSON"),
        ("[1]\n", "a.jsonl", "a line must be a JSON object"),
        ('{"sku": "A", "price": NaN}\n', "a.jsonl", "price"),
        ('{"sku": 5}\n', "a.jsonl", "expected a text, not 5"),
        ("[" * 100_000, "a.jsonl", "this is not JSON"),
        ('{"sku": "A", "quantity": 1.5}\n', "a.jsonl", "not a whole number"),
        ('{"sku": "A", "options": [1], "parent_sku": "B"}\n', "a.jsonl", "write them like Size=100 g"),
        ('{"sku": "A", "categories": 7}\n', "a.jsonl", "expected paths like Tea/Green"),
    ],
)
def test_a_file_that_is_not_a_table_is_refused_with_a_reason(
    tmp_path: Path, text: str, name: str, said: str
) -> None:
    assert said in "\n".join(faults(written(tmp_path, text, name)))


def test_a_file_of_another_kind_or_encoding_or_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FaultyFiles, match="neither CSV nor JSON lines"):
        check_file(written(tmp_path, "sku\nA\n", "a.xlsx"), {})
    with pytest.raises(FaultyFiles, match="has no rows"):
        check_file(written(tmp_path, "sku\n"), {})
    with pytest.raises(NotFound, match="can't be read"):
        check_file(tmp_path / "missing.csv", {})
    latin = tmp_path / "latin.csv"
    latin.write_bytes("sku,name\nA,Käthe\n".encode("latin-1"))
    with pytest.raises(FaultyFiles, match="UTF-8"):
        check_file(latin, {})


def test_of_very_many_faults_some_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    told = faults(written(tmp_path, "sku,price\n" + "".join(f"S{n},x\n" for n in range(250))))
    assert len(told) == 101
    assert told[-1] == "… and 150 more"
