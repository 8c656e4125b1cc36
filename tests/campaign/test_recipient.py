from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.frozen.recipient import Recipient, Sample


def row(number: int) -> dict[str, Any]:
    plain = {"email": f"{number}@example.com", "name": "", "first_name": "", "language": "", "country": ""}
    return {"customer_id": number, "arm": "", "value": None, "more": "than is kept", **plain}


@given(st.integers(0, 5_000), st.integers(1, 12))
def test_a_sample_is_small_ordered_and_spread_over_the_stream(count: int, most: int) -> None:
    sample = Sample(most)
    for number in range(count):
        sample.take(row(number))
    kept = [recipient.customer_id for recipient in sample.kept()]
    assert kept == sorted(set(kept))
    assert len(kept) == min(count, most) or most <= len(kept) <= count
    assert len(kept) <= most
    if count:
        assert kept[0] == 0
        gaps = [after - before for before, after in zip(kept, [*kept[1:], count], strict=True)]
        assert max(gaps) <= 4 * count // len(kept) + 1


def test_a_recipient_has_only_the_fields_that_a_message_can_show() -> None:
    assert Recipient.of(row(7)).email == "7@example.com"
