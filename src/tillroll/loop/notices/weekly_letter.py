"""The e-mail of a weekly report, in the shop's brand: its figures as text, and a chart of the last weeks. Pure.

Its notice keeps what it says as JSON, so that it is the same e-mail at every attempt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tillroll.rendering.compile import Rendered
from tillroll.rendering.jinja.packaged import packaged_template
from tillroll.rendering.pictures.chart import HEIGHT, WIDTH, chart_picture

_PICTURE = "weeks"


@dataclass(frozen=True, kw_only=True)
class WeekSaid:
    """What one week brought, in words."""

    day: str  # its Monday
    orders: str
    ordered: str
    share: float  # of the largest of the weeks


@dataclass(frozen=True, kw_only=True)
class CampaignSaid:
    """What one campaign brought in the week, in words."""

    title: str
    orders: str
    ordered: str
    discount: str


@dataclass(frozen=True, kw_only=True)
class EffectSaid:
    """What one campaign changed, as last measured."""

    title: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class WeeklyLetter:
    """What a weekly report says."""

    brand: Mapping[str, Any]  # campaign/brand/words.py
    heading: str
    total: str  # what was ordered with codes in the week
    lead: str  # what belongs to that figure
    weeks: tuple[WeekSaid, ...]  # the last is the week itself
    campaigns: tuple[CampaignSaid, ...]
    effects: tuple[EffectSaid, ...]
    page: str  # where more is said; empty: the pages have no public address

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> WeeklyLetter:
        """Read what a notice keeps."""
        return cls(
            **{
                **body,
                "weeks": tuple(WeekSaid(**week) for week in body["weeks"]),
                "campaigns": tuple(CampaignSaid(**campaign) for campaign in body["campaigns"]),
                "effects": tuple(EffectSaid(**effect) for effect in body["effects"]),
            }
        )

    def as_text(self) -> list[str]:
        """Return the same without pictures and tables, as paragraphs."""
        return list(self._paragraphs())

    def _paragraphs(self) -> Iterator[str]:
        yield f"{self.total} {self.lead}"
        for campaign in self.campaigns:
            yield f"{campaign.title}: {campaign.ordered} from {_orders(campaign.orders)}, {campaign.discount} of discount."
        for week in self.weeks:
            yield f"Week of {week.day}: {week.ordered} from {_orders(week.orders)}."
        for effect in self.effects:
            yield f"{effect.title}: {effect.sentence}"
        if self.page:
            yield f"More is on the page Results: {self.page}"

    @property
    def alternative(self) -> str:
        """What the chart shows, for those who don't see it."""
        weeks = "; ".join(f"{week.day} {week.ordered}" for week in self.weeks)
        return f"Ordered with a code, by week: {weeks}"


def _orders(count: str) -> str:
    return f"{count} order" if count == "1" else f"{count} orders"


def report_email(letter: WeeklyLetter, *, subject: str, end: str) -> Rendered:
    """Return the e-mail. `end`: the sentence at the end of every notice."""
    brand = letter.brand
    shares = [week.share for week in letter.weeks]
    picture = chart_picture(_PICTURE, shares, colour=brand["accent"], dark_paper=brand["dark_paper"])
    html = packaged_template("tillroll.loop", "weekly.html.j2").render(
        letter=letter,
        brand=brand,
        picture=f"cid:{picture.content_id}",
        width=WIDTH,
        height=HEIGHT,
        end=end,
    )
    text = "\n\n".join([*letter.as_text(), *([end] if end else [])]) + "\n"
    return Rendered(subject=subject, html=html, text=text, pictures=(picture,))
