"""Birthdays as customers write them: the column decides the order of its numbers, and nothing is guessed from one value."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.text.written.days import DayOrder, depends_on_order, order_of, read_day

DAYS = st.dates(min_value=date(1920, 1, 1), max_value=date(2030, 12, 31))


def read(text: str, order: DayOrder | None = None) -> str | None:
    day = read_day(text, order)
    return None if day is None else day.month_day


@pytest.mark.parametrize(
    "text",
    [
        "1990-05-17", "1990-05-17T00:00:00Z", "1990/5/17", "1990.05.17", "17.05.1990", "17. 5. 1990", "17.5.", "17.05", "17.5.90",
        "17/05/1990", "05/17/1990", "05-17", "17-5", "May 17, 1990", "may 17", "17 May 1990", "17th May", "17. Mai 1990",
        "17 mai", "17 de mayo de 1990", "17 maggio 1990", "17. maj 1990", " 17 MAY 1990 ",
    ],
)  # fmt: skip
def test_a_day_is_read_in_every_usual_form(text: str) -> None:
    assert read(text) == "05-17"


@pytest.mark.parametrize(
    "text",
    ["", "soon", "31.02.1990", "13/13/1990", "1990-13-01", "May 32", "17", "0.5.1990", "17 Foo 1990"],
)
def test_what_names_no_day_is_not_a_day(text: str) -> None:
    assert read(text) is None
    assert not depends_on_order(text)


def test_two_small_numbers_depend_on_their_order() -> None:
    assert depends_on_order("03/04/1990")
    assert read("03/04/1990", DayOrder.DAY_FIRST) == "04-03"
    assert read("03/04/1990", DayOrder.MONTH_FIRST) == "03-04"
    assert read("04/04/1990") == "04-04", "either order is the same day"
    assert read("29-02") == "02-29"


@pytest.mark.parametrize(
    ("column", "order"),
    [
        (["03/04/1990", "17/05/1990"], DayOrder.DAY_FIRST),
        (["03/04/1990", "05/17/1990"], DayOrder.MONTH_FIRST),
        (["03/04/1990", "17/05/1990", "05/17/1990"], None),
        (["03/04/1990", "1990-05-17", "17.05.1990", "nonsense"], None),
        ([], None),
    ],
)
def test_the_column_decides_the_order(column: list[str], order: DayOrder | None) -> None:
    assert order_of(column) is order


@given(
    days=st.lists(DAYS, min_size=1, max_size=20),
    order=st.sampled_from(DayOrder),
    separator=st.sampled_from("/-"),
)
def test_a_column_is_read_in_its_own_order_or_not_at_all(
    days: list[date], order: DayOrder, separator: str
) -> None:
    form = f"%d{separator}%m{separator}%Y" if order is DayOrder.DAY_FIRST else f"%m{separator}%d{separator}%Y"
    column = [f"{day:{form}}" for day in days]
    found = order_of(column)
    assert found in {order, None}
    for text, day in zip(column, days, strict=True):
        assert read(text, found) in {f"{day:%m-%d}", None}
        assert read(text, order) == f"{day:%m-%d}"


@given(text=st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for order in (None, *DayOrder):
        read(text, order)
