"""Segments: named conditions that select customers. They compile to one query and read as a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

from pydantic import Field, model_validator

from tillroll.campaign.language.models import Block, Line
from tillroll.campaign.segments.conditions import (
    Bought,
    CodeHistory,
    Count,
    Countries,
    CustomerField,
    Emails,
    Favourite,
    Groups,
    Languages,
    Lists,
    Moment,
    Places,
    Reviewed,
    Scores,
    Spent,
    Sum,
    Tiers,
)
from tillroll.campaign.text.source import Path


def _key(description: str, example: Any, *, alias: str | None = None, least: int | None = None) -> Any:
    """Return the field of one kind of condition."""
    return Field(default=None, alias=alias, min_length=least, description=description, examples=[example])


_FOR_ALL = [{"orders": {"at_least": 2}}, {"accepts_marketing": True}]


class Condition(Block):
    """One condition: exactly one key. Customers without the needed data don't match, and so match `not:` of it."""

    all: tuple[Condition, ...] | None = _key("Every one of these.", _FOR_ALL, least=1)
    any: tuple[Condition, ...] | None = _key("At least one of these.", _FOR_ALL, least=1)
    not_: Condition | None = _key("Not this.", {"country": {"in": ["US"]}}, alias="not")
    orders: Count | None = _key("Number of orders.", {"at_least": 2})
    spent: Spent | None = _key("Total amount spent.", {"at_least": 500})
    average_order: Sum | None = _key(
        "Average amount per order; customers without orders have none.", {"at_least": 80}
    )
    first_order: Moment | None = _key("When they first ordered.", {"less_than": "30d ago"})
    last_order: Moment | None = _key("When they last ordered.", {"more_than": "90d ago"})
    registered: Moment | None = _key("When they became customers.", {"less_than": "30d ago"})
    bought: Bought | None = _key("What they bought.", {"products": ["TEA-01"], "within": "90d"})
    rfm: Scores | None = _key("How they compare with the store's other buyers.", {"recency": {"at_least": 4}})
    accepts_marketing: bool | None = _key(
        "Whether they agreed to e-mails, for which the store has one box with SMS; customers who were never asked match neither.",
        True,
    )
    country: Countries | None = _key("Where they live.", {"in": ["SI", "AT"]})
    region: Places | None = _key(
        "Their state or province, by its code if the store has one.", {"in": ["CA", "NY"]}
    )
    city: Places | None = _key("Their city.", {"in": ["Ljubljana"]})
    language: Languages | None = _key("Their language.", {"in": ["sl"]})
    group: Groups | None = _key("Their customer group.", {"in": ["Staff"]})
    tier: Tiers | None = _key("Their loyalty tier.", "gold")
    field: CustomerField | None = _key("A customer field of the store.", {"title": "Club", "in": ["Gold"]})
    favourite: Favourite | None = _key("What they marked as a favourite.", {"products": ["TEA-01"]})
    reviewed: Reviewed | None = _key("Reviews they left.", {"rating_at_least": 4})
    got_email: Emails | None = _key(
        "E-mails that were or may have been sent to them.", {"within": "7d", "at_least": 3}
    )
    got_code: CodeHistory | None = _key("Codes that were or may have been sent to them.", {"within": "30d"})
    used_code: CodeHistory | None = _key("Codes they ordered with.", {"campaigns": ["winback"]})
    ignored_code: CodeHistory | None = _key("Codes they got that expired unused.", {"campaigns": ["winback"]})
    list: Lists | None = _key("Uploaded lists that contain them.", {"in": ["press"]})

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = sorted(self.model_fields_set)
        if len(given) != 1 or getattr(self, given[0]) is None:
            names = " and ".join(name.rstrip("_") for name in given) or "none"
            raise ValueError(
                f"a condition has exactly one key; found: {names} (combine several with all: or any:)"
            )
        return self

    @property
    def only_key(self) -> tuple[str, Any]:
        """The name of the one key (as in this class), and its value."""
        name = next(iter(self.model_fields_set))
        return name, getattr(self, name)


class Segment(Block):
    """One file in rules/segments/."""

    title: Line = Field(description="The segment's name for people.", examples=["Bought twice or more"])
    where: Condition = Field(
        description="Which customers it selects.", examples=[{"orders": {"at_least": 2}}]
    )


def leaves(condition: Condition, path: Path = ("where",)) -> Iterator[tuple[Path, str, Any]]:
    """Yield every condition that has no conditions inside: its place in the file, its key and its value."""
    name, value = condition.only_key
    if name == "not_":
        yield from leaves(value, (*path, "not"))
    elif name in {"all", "any"}:
        for index, part in enumerate(value):
            yield from leaves(part, (*path, name, index))
    else:
        yield (*path, name), name, value


def lists_of(segments: Iterable[Segment]) -> frozenset[str]:
    """Return the names of the uploaded lists that segments use."""
    conditions = (value for segment in segments for _, key, value in leaves(segment.where) if key == "list")
    return frozenset(name for lists in conditions for name in lists.in_)
