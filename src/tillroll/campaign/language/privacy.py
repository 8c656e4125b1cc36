"""How long personal data is kept (`rules/privacy.yaml`)."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, field_validator

from tillroll.campaign.text.block import Block
from tillroll.campaign.text.units import Duration, say_duration

_SHORTEST = timedelta(days=30)


class PrivacyRules(Block):
    """What is forgotten by itself, and when. Without this file nothing is."""

    recipients: Duration | None = Field(
        default=None,
        description="How long after a run's end Tillroll keeps the names and addresses of those it wrote to. Its sums stay.",
        examples=["730d"],
    )

    @field_validator("recipients")
    @classmethod
    def _is_not_short(cls, length: timedelta | None) -> timedelta | None:
        if length is not None and length < _SHORTEST:
            raise ValueError(
                f"{say_duration(length)} is too short: somebody may still ask what they got; give at least 30d"
            )
        return length
