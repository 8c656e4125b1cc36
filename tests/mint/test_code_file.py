"""A CSV file of codes: each row's fault is told by its number, and the others are taken."""

from __future__ import annotations

import pytest

from tillroll.mint.pools import code_file
from tillroll.mint.pools.code_file import read_code_file


def read(text: str) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    file = read_code_file(text.encode())
    assert not file.problem
    rows = [(row.number, row.code) for row in file.rows]
    return rows, [(fault.number, fault.problem) for fault in file.faults]


@pytest.mark.parametrize(
    "text",
    [
        "PRINT-A1\nPRINT-B2\n",
        "code\nprint-a1\nprint-b2",
        "\ufeffcode\r\nPRINT-A1\r\n\r\nPRINT-B2\r\n",
        "name;Coupon code\nAna;PRINT-A1\nBen;'PRINT-B2\n",
        'who\tcode\nx\t"PRINT-A1"\ny\tPRINT-B2\n',
    ],
)
def test_the_forms_of_a_file(text: str) -> None:
    rows, faults = read(text)
    assert [code for _, code in rows] == ["PRINT-A1", "PRINT-B2"]
    assert faults == []


def test_faulty_rows_are_told_by_number_and_the_others_taken() -> None:
    rows, faults = read("code,who\nPRINT-A1,x\nä b,x\n12345,x\nprint-a1,x\n,x\nAB,x\n=1+1,x\nPRINT-B2,x\n")
    assert rows == [(2, "PRINT-A1"), (9, "PRINT-B2")]
    assert [number for number, _ in faults] == [3, 4, 5, 6, 7, 8]
    problems = [problem for _, problem in faults]
    assert "is no code" in problems[0]
    assert "digits only" in problems[1]
    assert problems[2] == "the same code is in row 2"
    assert problems[3] == "it has no code"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it has no codes"),
        (b"code\n", "it has no codes"),
        (b"\xff\xfeP", "not UTF-8"),
        (b"A\0B", "no text"),
        (b"A" * (code_file.MOST_BYTES + 1), "larger than 16 MiB"),
        ("\n".join(f"CODE{number:06}" for number in range(100_001)).encode(), "more than 100,000 codes"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(content: bytes, problem: str) -> None:
    assert problem in read_code_file(content).problem
