"""A plan for a reader at a terminal: who, what, when, for how much, what stands against it, and the e-mails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from tillroll.campaign.frozen.crossing import Crossing
from tillroll.campaign.frozen.proposal import Exposure, Level, Proposal
from tillroll.campaign.frozen.recipient import Recipient, masked_email
from tillroll.campaign.sentences.offers import say_money
from tillroll.campaign.sentences.verdicts import measure, rule_words
from tillroll.campaign.timing.moments import Timing, say_minutes, say_moment
from tillroll.cli.show import facts_table
from tillroll.plan.outlook import Outlook
from tillroll.plan.since import Since
from tillroll.send.compile import Rendered

_NAMED = 3  # recipients that are named

_MARKS = {
    Level.PASS: ("✓", "green"),
    Level.WARN: ("!", "yellow"),
    Level.APPROVERS: ("+", "cyan"),
    Level.REFUSE: ("✗", "red"),
}


def show_proposal(console: Console, proposal: Proposal, *, digest: str, since: Since | None) -> None:
    """A run's plan, as somebody decides on it."""

    show_title(console, proposal)
    rows = {**who_rows(proposal), **what_rows(proposal), **money_rows(proposal), "digest": digest}
    console.print(facts_table(rows))
    show_verdicts(console, proposal)
    show_crossings(console, proposal)
    show_since(console, since, ZoneInfo(proposal.timezone))


def show_outlook(console: Console, found: Outlook, mails: Sequence[tuple[Recipient, Rendered]]) -> None:
    """A plan that is only looked at, with its moments, some people and their e-mails."""
    proposal = found.proposal
    show_title(console, proposal)
    some = {"such as": _people(found.sample)} if found.sample else {}
    rows = {
        **who_rows(proposal),
        **some,
        **what_rows(proposal),
        **dict(when_rows(found.timing)),
        **money_rows(proposal),
    }
    console.print(facts_table(rows))
    for note in found.timing.notes:
        console.print(Padding(Text(f"· {note}", style="dim"), (0, 0, 0, 2)))
    show_verdicts(console, proposal)
    show_crossings(console, proposal)
    show_since(console, found.since, found.timing.zone)
    show_mails(console, mails, whole=bool(found.chosen))


def show_title(console: Console, proposal: Proposal) -> None:
    """Which campaign, in which store."""
    shop = proposal.store_name or f"store {proposal.store_id}"
    console.print(Text.assemble((proposal.title, "bold"), f"  ·  {proposal.campaign}  ·  {shop}"))


def who_rows(proposal: Proposal) -> dict[str, str]:
    """Whom it reaches, and who is left out."""
    audience = proposal.audience
    excluded = ", ".join(f"{count} {reason}" for reason, count in audience.excluded.items()) or "nobody"
    return {
        "who": f"{audience.count} recipient{'' if audience.count == 1 else 's'}. {audience.sentence}",
        "left out": f"{excluded} (of {audience.matched} the segment selects)",
    }


def _people(sample: Sequence[Recipient]) -> str:
    """Some of the recipients, from the first to the last."""
    some = sample[:: max(1, len(sample) // _NAMED)][:_NAMED]
    return "; ".join(f"{one.name} {masked_email(one.email)}".strip() for one in some)


def what_rows(proposal: Proposal) -> dict[str, str]:
    """What they get: the offer and its codes if there is one, each arm, and the e-mail."""
    said = {"because": proposal.happened} if proposal.happened else {}
    if proposal.offer:
        said |= {"offer": proposal.offer, "valid": proposal.valid}
        said["codes"] = f"{proposal.code_count} like {proposal.code_example}"
        if proposal.strength is not None:
            said["guessing"] = proposal.strength.sentence()
    if (values := proposal.values) is not None:
        said["worth"] = f"{values.least} to {values.most}, on average {values.mean}"
    for arm in proposal.arms:
        said[f"arm {arm.name}"] = f"{arm.count} recipients: {arm.offer}; {arm.template}: {arm.subject}"
    if proposal.template and not proposal.arms:
        said["e-mail"] = f"{proposal.template}: {proposal.subject}"
    return said


def when_rows(timing: Timing) -> Iterator[tuple[str, str]]:
    """The moments, by the store's clock and in UTC."""
    zone = timing.zone
    yield "schedule", timing.schedule
    yield "begins", f"{say_moment(timing.begins, zone)}, once it is approved"
    for one in timing.works:
        name = f"works, {one.arm}" if one.arm else "works"
        yield name, f"{say_moment(one.start, zone)} until {say_moment(one.end, zone)}"
    if timing.first_mail is not None:
        later = "as soon as the codes are live" if timing.works else "at once"
        if timing.first_mail > timing.begins:
            later = f"from {say_moment(timing.first_mail, zone)}, when quiet hours and days are over"
        pace = f"; {say_minutes(timing.mail_minutes)} at the campaign's rate" if timing.mail_minutes else ""
        yield "e-mails go", later + pace


def money_rows(proposal: Proposal) -> dict[str, str]:
    """What it may cost, in money, requests and approvals."""
    exposure, currency = proposal.exposure, proposal.currency
    worst = "without bound" if exposure.worst_case is None else say_money(exposure.worst_case, currency)
    said = {
        "worst case": f"{worst}  ({exposure.worst_case_basis})",
        "expected": _expected(exposure, currency),
    }
    if exposure.range_basis:
        said["range from"] = exposure.range_basis
    said["store"] = f"{_requests(proposal.calls)}, about {say_minutes(proposal.minutes)} at its pace"
    said["approval"] = f"{proposal.approvers} person{'s' if proposal.approvers > 1 else ''}"
    return said


def _requests(calls: int) -> str:
    return f"{calls:,} request{'' if calls == 1 else 's'}"


def _expected(exposure: Exposure, currency: str) -> str:
    if exposure.expected is None:
        return f"can't be told  ({exposure.expected_basis})"
    low, high = exposure.expected_low, exposure.expected_high
    between = ""
    if low is not None and high is not None and exposure.range_basis:
        between = f", between {say_money(low, currency)} and {say_money(high, currency)}"
    return f"{say_money(exposure.expected, currency)}{between}  ({exposure.expected_basis})"


def show_heading(console: Console, text: str) -> None:
    """A line above what follows."""
    console.print()
    console.print(Text(text, style="bold"))


def show_verdicts(console: Console, proposal: Proposal) -> None:
    """What the guardrails say."""
    show_heading(console, "Guardrails")
    for verdict in proposal.verdicts:
        mark, colour = _MARKS[verdict.level]
        rule, currency = verdict.rule, proposal.currency
        measured, limit = (measure(one, rule, currency) for one in (verdict.measured, verdict.limit))
        figures = f"{rule_words(rule)}: {measured} (limit {limit}) "
        console.print(Text.assemble((f"{mark} ", f"bold {colour}"), figures, (verdict.text, colour)))


def show_crossings(console: Console, proposal: Proposal) -> None:
    """Who else writes to the same people."""
    show_heading(console, "The same people, within a week")
    if not proposal.crossings:
        console.print("No other campaign reaches them, and they hold no other code that works.")
    for one in proposal.crossings:
        console.print(_crossing(one, proposal))


def _crossing(one: Crossing, proposal: Proposal) -> Text:
    share = one.people * 100 / proposal.audience.count if proposal.audience.count else 0
    at = say_moment(datetime.fromisoformat(one.at), ZoneInfo(proposal.timezone))
    run = f"run {one.run_id}, {at}" if one.run_id else at
    offer = f"  {one.offer}: {one.about_offers()}" if one.offer else "  an e-mail without a code"
    return Text.assemble(
        ("· ", "dim"), (f"{one.said()}", ""), f" ({share:.0f} %)  ", (run, "dim"), (offer, "dim")
    )


def show_since(console: Console, since: Since | None, zone: ZoneInfo) -> None:
    """What is different from what was approved last."""
    show_heading(console, "Since the last approval")
    if since is None:
        console.print("No plan of this campaign was ever approved.")
        return
    at = say_moment(since.at, zone)
    console.print(Text(f"{since.person} approved run {since.run_id} on {at}.", style="dim"))
    if since.nothing:
        console.print("Nothing is different, names aside.")
    elif not since.said():
        console.print("Its files were edited and still mean the same: only comments or layout are different.")
    for text in () if since.nothing else since.said():
        console.print(Text.assemble(("· ", "dim"), text))


def show_mails(console: Console, mails: Sequence[tuple[Recipient, Rendered]], *, whole: bool) -> None:
    """Each with its subject; the words of the first, or of all where somebody asked for them."""
    for number, (recipient, mail) in enumerate(mails):
        arm = f", arm {recipient.arm}" if recipient.arm else ""
        show_heading(console, f"E-mail to {masked_email(recipient.email)}{arm}")
        console.print(facts_table({"subject": mail.subject}))
        if whole or number == 0:
            console.print(Padding(Text(mail.text.strip()), (1, 0, 0, 2)))
