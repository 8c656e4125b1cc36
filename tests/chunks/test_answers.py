"""What a batch says of a row, decided from values alone."""

from __future__ import annotations

import pytest

from tillroll.chunks.answers import answers_of
from tillroll.ecwid.batches import BatchStatus, InnerAnswer

MADE = InnerAnswer(id="1", executed=True, status=200, body={"id": 7})
NOT_YET = InnerAnswer(id="2", executed=True, status=0, body=None)
CANCELLED = InnerAnswer(id="3", executed=False, status=0, body=None)


def status(how: str, *told: InnerAnswer) -> BatchStatus:
    return BatchStatus(status=how, total=4, completed=len(told), answers=told)


@pytest.mark.parametrize("how", ["QUEUED", "IN_PROGRESS"])
def test_until_a_batch_is_over_only_answers_with_a_status_count(how: str) -> None:
    answers = answers_of(status(how, MADE, NOT_YET, CANCELLED))
    assert [answers.to(row) for row in (1, 2, 3, 4)] == [MADE, None, None, None]


def test_once_it_is_over_every_row_has_its_answer_and_what_it_does_not_name_was_never_tried() -> None:
    answers = answers_of(status("COMPLETED", MADE, NOT_YET, CANCELLED))
    untried = InnerAnswer(id="4", executed=False, status=0, body=None)
    assert [answers.to(row) for row in (1, 2, 3, 4)] == [MADE, NOT_YET, CANCELLED, untried]
