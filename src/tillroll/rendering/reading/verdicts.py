"""What was found wrong in a plan's e-mails, as verdicts: a template that fails refuses, and the guardrails set the rest."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel
from tillroll.campaign.language.guardrails import EmailRules, Strictness
from tillroll.campaign.reading.faults import WordFault, WordKind
from tillroll.campaign.text.counts import count_of
from tillroll.rendering.reading.found import SUBJECT, EmailFault
from tillroll.rendering.reading.people import Awkward

_RULES = {
    WordKind.FAILS: "email_fails",
    WordKind.GAPS: "email_gaps",
    WordKind.GREETING: "first_name",
    WordKind.FIGURES: "email_figures",
    WordKind.DATES: "email_dates",
    WordKind.LINKS: "email_links",
    WordKind.STYLE: "email_style",
}
_CAUSES = {
    "customer.first_name": Awkward.NAMELESS,
    "customer.name": Awkward.NO_NAME,
    "customer.country": Awkward.NO_COUNTRY,
    "customer.language": Awkward.NO_LANGUAGE,
}
"""Whose e-mails lack a value; what else is awkward about them has nothing to do with it."""

_MOST_KINDS = 3  # of recipients that a verdict names


def email_verdicts(
    faults: Sequence[EmailFault],
    rules: EmailRules,
    *,
    steps: int,
    arms: Sequence[str],
    refused: Collection[str],
) -> tuple[Verdict, ...]:
    """Return a verdict for each fault. `refused` are the files whose words are refused already, with better advice."""
    verdicts = []
    for same in _grouped(faults):
        first = same[0]
        if first.fault.kind in (WordKind.FIGURES, WordKind.GAPS) and first.place in refused:
            continue
        verdicts.append(
            Verdict(
                rule=_RULES[first.fault.kind],
                level=_level(first.fault, rules),
                measured=f"{first.place}, line {first.line}" if first.line else first.place,
                limit=_limit(first.fault.kind),
                text=_text(same, steps=steps, arms=arms),
            )
        )
    return tuple(dict.fromkeys(verdicts))


def _grouped(faults: Sequence[EmailFault]) -> Iterator[list[EmailFault]]:
    """Yield the faults that are the same in several arms, together."""
    groups: dict[tuple[int, bool, str, int, WordFault], list[EmailFault]] = {}
    for each in faults:
        subject = each.email.message.subject if each.place == SUBJECT else ""
        key = (each.email.step, each.email.is_reminder, each.place + subject, each.line, each.fault)
        groups.setdefault(key, []).append(each)
    yield from groups.values()


def _level(fault: WordFault, rules: EmailRules) -> VerdictLevel:
    if fault.kind is WordKind.FAILS:
        return VerdictLevel.REFUSE
    strictness: Strictness = getattr(rules, fault.kind.value)
    return VerdictLevel(strictness) if fault.is_certain else VerdictLevel.WARN


def _limit(kind: WordKind) -> str:
    return {
        WordKind.FIGURES: "the offer",
        WordKind.DATES: "the code's days",
        WordKind.LINKS: "links that work",
    }.get(kind, "none")


def _text(same: list[EmailFault], *, steps: int, arms: Sequence[str]) -> str:
    """Say where a fault is, what it is, and whose e-mails have it."""
    first = same[0]
    where = [f"step {first.email.step}"] if steps > 1 else []
    with_it = [each.email.arm for each in same]
    if len(arms) > 1 and len(with_it) < len(arms):
        where.append(f"{'arm' if len(with_it) == 1 else 'arms'} {' and '.join(with_it)}")
    if first.email.is_reminder:
        where.append("reminder")
    place = f"{first.place}, line {first.line}" if first.line else first.place
    start = f"{', '.join(where)}: " if where else ""
    instead = _instead(first.fault)
    return f"{start}{place}: {first.fault.problem}, {_whose(same)}{instead}"


def _whose(same: list[EmailFault]) -> str:
    """Say how many recipients have a fault, and what they have in common."""
    if all(each.is_everybody for each in same):
        people = sum(each.people for each in same)
        return f"for all of those tried, of {count_of(people, 'recipient')}"
    kinds: dict[str, int] = {}
    cause = _CAUSES.get(same[0].fault.literal) if same[0].fault.kind is WordKind.GREETING else None
    for each in same:
        for kind, count in each.kinds.items():
            if cause in (None, kind):
                kinds[kind.value] = kinds.get(kind.value, 0) + count
    named = [f"{count:,} {kind}" for kind, count in list(kinds.items())[:_MOST_KINDS]]
    people = sum(each.people for each in same)
    return f"for {' and '.join(named)}, of {count_of(people, 'recipient')}"


def _instead(fault: WordFault) -> str:
    """Return what to write instead, where that is known."""
    if fault.kind is WordKind.GREETING and fault.literal in ("customer.first_name", "customer.name"):
        return f"; write {{{{ {fault.literal} or 'friend' }}}}"
    return ""
