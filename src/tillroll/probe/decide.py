"""What a probe's answers mean, and what its report says. Pure; nothing of the store's own data gets into a report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from tillroll.probe.conversation import Depth, Fact, Reply, Setting

_CODE = re.compile(r"[A-Z][A-Z_]{2,60}")
_OPTION = {Depth.WRITE: "--write", Depth.SAMPLES: "--write --samples"}


@dataclass(frozen=True, kw_only=True)
class FactFinding:
    """What a probe found out about one fact: a setting, or why there is none."""

    fact: Fact
    setting: Setting | None = None
    needs: Depth | None = None  # it takes a probe that goes so far
    reason: str = ""  # for people: why it could not be learned

    @property
    def learned(self) -> bool:
        """Whether the store's behaviour is known now."""
        return self.setting is not None

    def sentence(self) -> str:
        """Return the outcome in words."""
        if self.needs is not None:
            return f"not asked: repeat with {_OPTION[self.needs]}"
        if self.setting is None:
            return f"can't be learned here, because {self.reason}"
        said = self.fact.answers.get(self.setting)
        shown = "none" if self.setting == "" else self.setting
        return f"{self.fact.question} {said if said is not None else shown}"


def refusal(reply: Reply) -> str:
    """Return why an answer says nothing about any question; empty if it may."""
    if reply.status == HTTPStatus.FORBIDDEN:
        code = reply.get("errorCode")
        named = f" ({code})" if isinstance(code, str) and _CODE.fullmatch(code) else ""
        return f"the store refused it{named}: the token lacks a permission, or the plan lacks the feature"
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"the store failed ({reply.status})"
    return ""


def report(
    findings: Sequence[FactFinding],
    unlearnable: Mapping[str, str],
    *,
    version: str,
    depth: Depth,
    day: str,
    calls: int,
) -> dict[str, Any]:
    """Return the report that may be shared: no id, no name, no code, no address."""
    return {
        "report": "tillroll store probe",
        "version": version,
        "day": day,
        "depth": depth.name.lower(),
        "calls": calls,
        "learned": {
            finding.fact.switch: {"setting": finding.setting, "means": finding.sentence()}
            for finding in findings
            if finding.learned
        },
        "not_asked": {
            finding.fact.switch: finding.sentence() for finding in findings if finding.needs is not None
        },
        "not_learned": {
            finding.fact.switch: finding.reason
            for finding in findings
            if not finding.learned and finding.needs is None
        },
        "not_learnable": dict(unlearnable),
    }
