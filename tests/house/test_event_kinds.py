"""Every event that a campaign file can name has a complete record, a finder, and a line in the documentation.

So adding an event takes four files: its model and record (`campaign/language/events/`), a field of `Event`
(`campaign/language/events/event.py`), its finder (`flows/finders/`), and `docs/events.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest

from tests.house.source import ROOT
from tillroll.campaign.folder.template_words import VARIABLES
from tillroll.campaign.language.events.event import EVENT_KINDS, Event, registered_kinds
from tillroll.campaign.language.events.kind import SOMETHING_HAPPENED, EventKind
from tillroll.flows.find_events import FINDERS, registered_finders

CONDITIONS: dict[str, dict[str, Any]] = {
    "spent_reached": {"amount": 100},
    "inactive": {"for": "90d"},
    "birthday": {"field": "Birthday"},
    "group_entered": {"group": "Wholesale"},
    "segment_entered": {"segment": "champions"},
    "segment_left": {"segment": "champions"},
    "tier_entered": {"tier": "gold"},
    "overstocked": {"over": 100},
    "custom": {"event": "quiz-finished"},
}
"""The keys that a file must give; the other events need none."""

each_kind = pytest.mark.parametrize("kind", EVENT_KINDS.values(), ids=EVENT_KINDS.keys())


class Source:
    """A store with one product."""

    def day(self, *, ago: timedelta = timedelta(0)) -> date:
        return date(2026, 11, 28) - ago

    def order_total(self) -> Decimal:
        return Decimal(50)

    def product(self, *, plentiful: bool = False, of: Sequence[str] = ()) -> dict[str, Any]:
        return {
            "id": 1,
            "name": "Pot",
            "sku": "POT",
            "price": "10",
            "url": "",
            "picture": "",
            "plentiful": plentiful,
        }


def test_every_event_of_a_campaign_file_has_exactly_one_record() -> None:
    assert sorted(kind.name for kind in registered_kinds()) == sorted(Event.model_fields)


def test_every_record_has_exactly_one_finder() -> None:
    assert sorted(finder.kind.name for finder in registered_finders()) == sorted(EVENT_KINDS)
    assert {name: finder.kind for name, finder in FINDERS.items()} == EVENT_KINDS


@each_kind
def test_the_record_is_of_the_model_that_the_file_is_checked_against(kind: EventKind[Any]) -> None:
    assert kind.conditions in get_args(Event.model_fields[kind.name].annotation)
    assert conditions(kind) == Event.model_validate({kind.name: CONDITIONS.get(kind.name, {})}).conditions


@each_kind
def test_a_made_up_event_brings_every_variable_that_messages_may_use(kind: EventKind[Any]) -> None:
    facts = kind.sample(conditions(kind), Source())
    assert facts.keys() >= kind.variables.keys()
    for variable, fields in kind.variables.items():
        assert VARIABLES[variable] == fields
        assert facts[variable].keys() >= fields.keys()


@each_kind
def test_the_record_says_what_a_campaign_waits_for_and_what_happened(kind: EventKind[Any]) -> None:
    said = conditions(kind)
    assert kind.say_awaited(said, "EUR", timedelta(0)).startswith(("when ", "on "))
    assert kind.say_happened(said, kind.sample(said, Source()), "EUR") not in {"", SOMETHING_HAPPENED}
    assert kind.say_happened(said, {}, "EUR")


@each_kind
def test_an_event_is_documented(kind: EventKind[Any]) -> None:
    assert f"| `{kind.name}` |" in (ROOT / "docs/events.md").read_text(encoding="utf-8")


def conditions(kind: EventKind[Any]) -> Any:
    return kind.conditions.model_validate(CONDITIONS.get(kind.name, {}))
