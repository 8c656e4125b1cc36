"""Verdicts as they come together: a figure held against a limit, alone or with what other runs hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from tillroll.campaign.frozen.proposal import Level, Verdict


@dataclass(frozen=True, kw_only=True)
class Others:
    """What other runs of the store hold already."""

    live: Decimal = Decimal(0)  # worst cases of the runs that are live
    campaign: Decimal = Decimal(0)  # those of them that are this campaign's
    month: Decimal = Decimal(0)  # worst cases of what was approved in this calendar month
    codes_today: int = 0  # codes approved on this day
    codes: int = 0  # codes of the runs that are live
    like_these: int = 0  # codes that the ledger has of the form that this run makes


@dataclass(kw_only=True)
class Held:
    """Verdicts as they come together, each with its figure and its limit."""

    warn_from: Decimal | None
    found: list[Verdict] = field(default_factory=list)

    def add(self, rule: str, level: Level, measured: object, limit: object, text: str = "") -> None:
        said = "" if level is Level.PASS else text
        self.found.append(
            Verdict(rule=rule, level=level, measured=str(measured), limit=str(limit), text=said)
        )

    def at_most(
        self, rule: str, measured: Decimal | int, limit: Decimal | int, text: str, unit: str = ""
    ) -> None:
        """Refuse what is over a limit; warn of what comes near it, if the guardrails say from where."""
        level = Level.PASS if measured <= limit else Level.REFUSE
        if level is Level.PASS and self.warn_from is not None and measured * 100 >= limit * self.warn_from:
            level, text = Level.WARN, f"close to the limit: {self.warn_from.normalize():f} % of it or more"
        self.add(rule, level, f"{measured}{unit}", f"{limit}{unit}", text)

    def with_others(
        self,
        rule: str,
        own: Decimal | int | None,
        others: Decimal | int,
        limit: Decimal | int | None,
        whose: str,
    ) -> None:
        """A limit on all runs together: refuse what no run may reach, warn of what only fits once others have ended."""
        if limit is None:
            return
        if own is None:
            self.add(
                rule,
                Level.REFUSE,
                "without bound",
                limit,
                f"the worst case is without bound, the limit {limit}",
            )
        elif own > limit:
            self.add(
                rule, Level.REFUSE, own + others, limit, f"{own} alone is more than the {limit} of {whose}"
            )
        elif own + others > limit:
            text = f"{others} are held by other runs; with {own} more it can't be approved now"
            self.add(rule, Level.WARN, own + others, limit, text)
        else:
            self.at_most(rule, own + others, limit, "")
