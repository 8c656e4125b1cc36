"""Collect verdicts: figures compared with limits, alone or together with what other runs hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel
from tillroll.campaign.text.percent import say_percent


@dataclass(frozen=True, kw_only=True)
class OtherRuns:
    """What other runs of the store already use of the shared limits."""

    live: Decimal = Decimal(0)  # worst cases of the runs that are live
    campaign: Decimal = Decimal(0)  # the part of them that is of this campaign
    given: Decimal = Decimal(0)  # what orders with this campaign's codes have taken off in all
    month: Decimal = Decimal(0)  # worst cases of the plans approved in this calendar month
    codes_today: int = 0  # codes approved today
    codes: int = 0  # codes of the runs that are live
    like_these: int = 0  # codes in the ledger of the same form as those that this run makes


@dataclass(kw_only=True)
class VerdictList:
    """A list of verdicts, to which comparisons are added."""

    warn_from: Decimal | None  # warn from this percentage of a limit on; None: never
    verdicts: list[Verdict] = field(default_factory=list)

    def add(self, rule: str, level: VerdictLevel, measured: object, limit: object, text: str = "") -> None:
        """Add a verdict; a passed one needs no text."""
        text = "" if level is VerdictLevel.PASS else text
        self.verdicts.append(
            Verdict(rule=rule, level=level, measured=str(measured), limit=str(limit), text=text)
        )

    def at_most(
        self,
        rule: str,
        measured: Decimal | int,
        limit: Decimal | int,
        text: str,
        say: Callable[[Decimal | int], str] = str,
    ) -> None:
        """Refuse a figure above its limit; warn of one close to it, if the guardrails say how close."""
        level = VerdictLevel.PASS if measured <= limit else VerdictLevel.REFUSE
        if (
            level is VerdictLevel.PASS
            and self.warn_from is not None
            and measured * 100 >= limit * self.warn_from
        ):
            level, text = (
                VerdictLevel.WARN,
                f"close to the limit: {say_percent(self.warn_from)} of it or more",
            )
        self.add(rule, level, say(measured), say(limit), text)

    def with_others(
        self,
        rule: str,
        own: Decimal | int | None,
        others: Decimal | int,
        limit: Decimal | int | None,
        scope: str,
    ) -> None:
        """Compare with a limit on all runs: refuse what no run may reach, warn of what only fits once others have ended."""
        if limit is None:
            return
        if own is None:
            self.add(
                rule,
                VerdictLevel.REFUSE,
                "unlimited",
                limit,
                f"the worst case is unlimited, the limit is {limit:,}",
            )
        elif own > limit:
            self.add(
                rule,
                VerdictLevel.REFUSE,
                own + others,
                limit,
                f"{own:,} alone exceeds the limit of {limit:,} for {scope}",
            )
        elif own + others > limit:
            text = f"other runs hold {others:,}; with {own:,} more this one can't be approved now"
            self.add(rule, VerdictLevel.WARN, own + others, limit, text)
        else:
            self.at_most(rule, own + others, limit, "")
