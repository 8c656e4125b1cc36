"""Segments: named rules that select customers, as structured conditions that compile to one query and read as a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

from pydantic import Field, model_validator

from tillroll.campaign.language.models import Line, Words
from tillroll.campaign.segments.conditions import (
    Bought,
    Codes,
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
)
from tillroll.campaign.text.source import Path


def _key(description: str, example: Any, *, alias: str | None = None, least: int | None = None) -> Any:
    """What one kind of condition says of itself."""
    return Field(default=None, alias=alias, min_length=least, description=description, examples=[example])


_FOR_ALL = [{"orders": {"at_least": 2}}, {"accepts_marketing": True}]


class Condition(Words):
    """One condition: exactly one key. Who nothing is known of doesn't match; `not` of it does."""

    all: tuple[Condition, ...] | None = _key("Every one of these.", _FOR_ALL, least=1)
    any: tuple[Condition, ...] | None = _key("At least one of these.", _FOR_ALL, least=1)
    not_: Condition | None = _key("Not this.", {"country": {"in": ["US"]}}, alias="not")
    orders: Count | None = _key("How often they ordered.", {"at_least": 2})
    spent: Spent | None = _key("What they spent in all.", {"at_least": 500})
    average_order: Sum | None = _key(
        "What they spend an order; who never ordered has none.", {"at_least": 80}
    )
    first_order: Moment | None = _key("When they first ordered.", {"less_than": "30d ago"})
    last_order: Moment | None = _key("When they last ordered.", {"more_than": "90d ago"})
    registered: Moment | None = _key("When they became customers.", {"less_than": "30d ago"})
    bought: Bought | None = _key("What they bought.", {"products": ["TEA-01"], "within": "90d"})
    rfm: Scores | None = _key("How they compare with the store's other buyers.", {"recency": {"at_least": 4}})
    accepts_marketing: bool | None = _key(
        "Whether they agreed to e-mails; who was never asked is neither.", True
    )
    country: Countries | None = _key("Where they live.", {"in": ["SI", "AT"]})
    region: Places | None = _key(
        "Their state or province, by its code where the store knows one.", {"in": ["CA", "NY"]}
    )
    city: Places | None = _key("Their city.", {"in": ["Ljubljana"]})
    language: Languages | None = _key("What they read.", {"in": ["sl"]})
    group: Groups | None = _key("Their customer group.", {"in": ["Staff"]})
    field: CustomerField | None = _key("A customer field of the store.", {"title": "Club", "in": ["Gold"]})
    favourite: Favourite | None = _key("What they marked as a favourite.", {"products": ["TEA-01"]})
    reviewed: Reviewed | None = _key("Reviews they left.", {"rating_at_least": 4})
    got_email: Emails | None = _key(
        "E-mails that left for them, or may have.", {"within": "7d", "at_least": 3}
    )
    got_code: Codes | None = _key("Codes that left for them, or may have.", {"within": "30d"})
    used_code: Codes | None = _key("Codes they ordered with.", {"campaigns": ["winback"]})
    ignored_code: Codes | None = _key(
        "Codes they got whose time is over, and that were never used.", {"campaigns": ["winback"]}
    )
    list: Lists | None = _key("Uploaded lists they stand on.", {"in": ["press"]})

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = sorted(self.model_fields_set)
        if len(given) != 1 or getattr(self, given[0]) is None:
            said = " and ".join(name.rstrip("_") for name in given) or "none"
            raise ValueError(
                f"a condition has exactly one key; here: {said} (join several with all: or any:)"
            )
        return self

    @property
    def said_key(self) -> tuple[str, Any]:
        """The one key by its name in this class, and its value."""
        name = next(iter(self.model_fields_set))
        return name, getattr(self, name)


class Segment(Words):
    """One file of rules/segments/."""

    title: Line = Field(description="What people call it.", examples=["Bought twice or more"])
    where: Condition = Field(description="Whom it selects.", examples=[{"orders": {"at_least": 2}}])


def leaves(condition: Condition, path: Path = ("where",)) -> Iterator[tuple[Path, str, Any]]:
    """Every condition that is made of no others: where it stands in the file, its key and its value."""
    name, value = condition.said_key
    if name == "not_":
        yield from leaves(value, (*path, "not"))
    elif name in {"all", "any"}:
        for index, one in enumerate(value):
            yield from leaves(one, (*path, name, index))
    else:
        yield (*path, name), name, value


def lists_of(segments: Iterable[Segment]) -> frozenset[str]:
    """The uploaded lists that segments ask for."""
    found = (value for segment in segments for _, name, value in leaves(segment.where) if name == "list")
    return frozenset(name for one in found for name in one.in_)
