"""The end of a code as e-mails say it: never a day on which the code stops before the day does."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from tillroll.rendering.facts import StoreFacts, filters_for
from tillroll.rendering.last_moment import LastMoment, last_day, say_last_moment

ZONE = ZoneInfo("Europe/Ljubljana")
ENDS = datetime(2026, 12, 3, 23, 59, 59, tzinfo=ZONE)


def said(at: datetime, language: str = "en") -> str:
    return say_last_moment(at, ZONE, Locale.parse(language)).replace("\u202f", " ")


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (ENDS, "December 3, 2026"),
        (ENDS.replace(second=0), "December 3, 2026"),
        (ENDS + timedelta(seconds=1), "December 3, 2026"),
        (ENDS.replace(hour=18, minute=0, second=0), "December 3, 2026, 6:00 PM"),
        (ENDS.replace(hour=0, minute=0), "December 3, 2026, 12:00 AM"),
        (ENDS.replace(hour=23, minute=30), "December 3, 2026, 11:30 PM"),
    ],
)
def test_the_time_is_said_where_it_matters(end: datetime, words: str) -> None:
    assert said(end) == words


def test_a_code_that_ends_at_midnight_worked_until_the_day_before() -> None:
    midnight = datetime(2026, 12, 4, tzinfo=ZONE)
    assert last_day(midnight, ZONE) == ENDS.date()
    assert said(midnight) == "December 3, 2026"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", "3. Dezember 2026, 18:00"),
        ("fr", "3 décembre 2026, 18:00"),
        ("it", "3 dicembre 2026, 18:00"),
        ("es", "3 de diciembre de 2026, 18:00"),
        ("sl", "3. december 2026, 18:00"),
    ],
)
def test_the_time_in_other_languages(language: str, words: str) -> None:
    assert said(ENDS.replace(hour=18, minute=0), language) == words


def test_only_an_end_has_a_time() -> None:
    shop = StoreFacts(name="", url="", email="", currency="EUR", timezone=ZONE.key, language="de")
    date, at = filters_for(shop)["date"], ENDS.replace(hour=18, minute=0)
    assert date(at) == "3. Dezember 2026"
    assert date(LastMoment.of(at)) == "3. Dezember 2026, 18:00"
    assert date(at) == "3. Dezember 2026", "the filter keeps the two apart"
