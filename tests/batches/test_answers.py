"""The answer of a batch for a row, decided from values alone."""

from __future__ import annotations

import pytest

from tillroll.batches.answers import read_answers
from tillroll.ecwid.endpoints.batches import BatchStatus, InnerAnswer

MADE = InnerAnswer(id="1", executed=True, status=200, body={"id": 7})
NOT_YET = InnerAnswer(id="2", executed=True, status=0, body=None)
CANCELLED = InnerAnswer(id="3", executed=False, status=0, body=None)


def status(how: str, *told: InnerAnswer) -> BatchStatus:
    return BatchStatus(status=how, total=4, completed=len(told), answers=told)


@pytest.mark.parametrize("how", ["QUEUED", "IN_PROGRESS"])
def test_until_a_batch_has_finished_only_answers_with_a_status_count(how: str) -> None:
    answers = read_answers(status(how, MADE, NOT_YET, CANCELLED))
    assert [answers.for_row(row) for row in (1, 2, 3, 4)] == [MADE, None, None, None]


def test_after_it_has_finished_every_row_has_an_answer_and_unnamed_rows_were_never_tried() -> None:
    answers = read_answers(status("COMPLETED", MADE, NOT_YET, CANCELLED))
    untried = InnerAnswer(id="4", executed=False, status=0, body=None)
    assert [answers.for_row(row) for row in (1, 2, 3, 4)] == [MADE, NOT_YET, CANCELLED, untried]
