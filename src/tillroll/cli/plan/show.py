"""A plan on the terminal: who, what, when, at what cost, the guardrails' verdicts, and the e-mails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from tillroll.approve.decide import reasons_against_policy
from tillroll.campaign.frozen.overlap import Overlap
from tillroll.campaign.frozen.proposal import Exposure, Proposal, VerdictLevel
from tillroll.campaign.frozen.recipient import Recipient, mask_email
from tillroll.campaign.language.models import Approval
from tillroll.campaign.sentences.verdicts import say_measure, say_rule
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money
from tillroll.campaign.text.percent import say_percent
from tillroll.campaign.text.units import spell_duration
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.moments import Timing, say_minutes, say_moment
from tillroll.cli.support.output import facts_table
from tillroll.outlook.plan_preview import PlanPreview
from tillroll.plan.diff import PlanDiff
from tillroll.rendering.compile import Rendered

_NAMED = 3  # recipients that are named

_MARKS = {
    VerdictLevel.PASS: ("✓", "green"),
    VerdictLevel.WARN: ("!", "yellow"),
    VerdictLevel.APPROVERS: ("+", "cyan"),
    VerdictLevel.REFUSE: ("✗", "red"),
}


def show_proposal(console: Console, proposal: Proposal, *, digest: str, since: PlanDiff | None) -> None:
    """Print a run's plan for the person who decides on it."""
    show_title(console, proposal)
    rows = {**who_rows(proposal), **what_rows(proposal), **money_rows(proposal), "digest": digest}
    console.print(facts_table(rows))
    show_verdicts(console, proposal)
    show_overlaps(console, proposal)
    show_diff(console, since, zone_of(proposal.timezone))


def show_preview(console: Console, preview: PlanPreview, mails: Sequence[tuple[Recipient, Rendered]]) -> None:
    """Print a previewed plan, with its moments, some recipients and their e-mails."""
    proposal = preview.proposal
    show_title(console, proposal)
    approval = preview.revision.campaign.approval
    sample = {"such as": _people(preview.sample)} if preview.sample else {}
    rows = {
        **who_rows(proposal),
        **sample,
        **what_rows(proposal),
        **dict(when_rows(preview.timing)),
        **money_rows(proposal),
        "approved": say_automatic(proposal, approval),
    }
    console.print(facts_table(rows))
    show_notes(console, preview.timing)
    show_verdicts(console, proposal)
    show_overlaps(console, proposal)
    show_diff(console, preview.since, preview.timing.zone)
    show_mails(console, mails, whole=bool(preview.chosen))


def show_title(console: Console, proposal: Proposal) -> None:
    """Print which campaign it is, and in which store."""
    shop = proposal.store_name or f"store {proposal.store_id}"
    console.print(Text.assemble((proposal.title, "bold"), f"  ·  {proposal.campaign}  ·  {shop}"))


def who_rows(proposal: Proposal) -> dict[str, str]:
    """Return whom it reaches, and who is left out."""
    audience = proposal.audience
    excluded = "; ".join(f"{reason}: {count:,}" for reason, count in audience.excluded.items()) or "nobody"
    return {
        "who": f"{count_of(audience.count, 'recipient')}. {audience.sentence}",
        "left out": f"{excluded} (segment: {audience.matched:,})",
    }


def _people(sample: Sequence[Recipient]) -> str:
    """Return a few recipients, from the first to the last."""
    few = sample[:: max(1, len(sample) // _NAMED)][:_NAMED]
    return "; ".join(f"{person.name} {mask_email(person.email)}".strip() for person in few)


def what_rows(proposal: Proposal) -> dict[str, str]:
    """Return what they get: the offer and its codes if there are any, each arm, and the e-mail."""
    rows = {"because": proposal.happened} if proposal.happened else {}
    if proposal.offer:
        rows |= {"offer": proposal.offer, "valid": proposal.valid}
        if proposal.cap:
            rows["at the till"] = proposal.cap
        like = f"like {proposal.code_example}" if proposal.code_example else "made elsewhere"
        rows["codes"] = f"{proposal.code_count:,} {like}"
        if proposal.strength is not None:
            rows["guessing"] = proposal.strength.sentence()
    if (values := proposal.values) is not None:
        least, most, mean = (f"{value.normalize():f}" for value in (values.least, values.most, values.mean))
        rows["worth"] = f"{least} to {most}, on average {mean}"
    for arm in proposal.arms:
        recipients = count_of(arm.count, "recipient")
        rows[f"arm {arm.name}"] = f"{recipients}: {arm.offer}; {arm.template}: {arm.subject}"
    if proposal.template and not proposal.arms:
        rows["e-mail"] = f"{proposal.template}: {proposal.subject}"
    if proposal.codes_sent_by:
        rows["e-mail"] = f"none from Tillroll: {proposal.codes_sent_by} is told of the codes, and sends them"
    if proposal.languages:
        rows["languages"] = say_languages(proposal.languages)
    if proposal.power:
        rows["comparison"] = proposal.power
    return rows


def say_languages(languages: Mapping[str, int]) -> str:
    """Return how many recipients get which language, most first: `de: 210, en: 95`."""
    ordered = sorted(languages.items(), key=lambda entry: (-entry[1], entry[0]))
    return ", ".join(f"{language}: {count:,}" for language, count in ordered)


def when_rows(timing: Timing) -> Iterator[tuple[str, str]]:
    """Yield the moments, by the store's clock and in UTC."""
    zone = timing.zone
    yield "schedule", timing.schedule
    yield "begins", f"{say_moment(timing.begins, zone)}, once it is approved"
    for period in timing.works:
        name = f"valid from, {period.arm}" if period.arm else "valid from"
        yield name, f"{say_moment(period.start, zone)} until {say_moment(period.end, zone)}"
    if timing.first_mail is not None:
        start = "as soon as the codes are live" if timing.works else "at once"
        if timing.first_mail > timing.begins:
            start = f"from {say_moment(timing.first_mail, zone)}, when quiet hours and days are over"
        pace = f"; {say_minutes(timing.mail_minutes)} at the campaign's rate" if timing.mail_minutes else ""
        last = ""
        if timing.last_mail is not None and timing.last_mail - timing.first_mail >= timedelta(minutes=1):
            last = f"; the last not before {say_moment(timing.last_mail, zone)}"
        yield "e-mails leave", start + pace + last
    if (reminder := timing.reminder) is not None:
        before = f"{spell_duration(reminder.before_expiry)} before the codes end, from {say_moment(reminder.at, zone)}"
        yield "reminder", f"{before}, to who has not used theirs; {reminder.template}: {reminder.subject}"


def money_rows(proposal: Proposal) -> dict[str, str]:
    """Return what it may cost, in money, API calls and approvals."""
    exposure, currency = proposal.exposure, proposal.currency
    worst = "unlimited" if exposure.worst_case is None else say_money(exposure.worst_case, currency)
    rows = {
        "worst case": f"{worst}  ({exposure.worst_case_basis})",
        "expected": _expected(exposure, currency),
    }
    if exposure.range_basis:
        rows["range from"] = exposure.range_basis
    rows["requests"] = f"{proposal.calls:,}, about {say_minutes(proposal.minutes)} at the store's rate limit"
    rows["approvals"] = f"{proposal.approvers} needed"
    return rows


def say_automatic(proposal: Proposal, approval: Approval) -> str:
    """Return whether the run is approved by a person or automatically, and why."""
    if approval.auto_when is None:
        return "by a person"
    if reasons := reasons_against_policy(proposal, approval):
        return f"by a person, since {' and '.join(reasons)} (auto_when)"
    return "automatically, within the campaign's auto_when"


def _expected(exposure: Exposure, currency: str) -> str:
    if exposure.expected is None:
        return f"not known  ({exposure.expected_basis})"
    low, high = exposure.expected_low, exposure.expected_high
    between = ""
    if low is not None and high is not None and exposure.range_basis:
        between = f", between {say_money(low, currency)} and {say_money(high, currency)}"
    return f"{say_money(exposure.expected, currency)}{between}  ({exposure.expected_basis})"


def show_notes(console: Console, timing: Timing) -> None:
    """Print what is unusual about the moments."""
    for note in timing.notes:
        console.print(Padding(Text(f"· {note}", style="dim"), (0, 0, 0, 2)))


def show_heading(console: Console, text: str) -> None:
    """Print a heading after an empty line."""
    console.print()
    console.print(Text(text, style="bold"))


def show_verdicts(console: Console, proposal: Proposal) -> None:
    """Print each guardrail with its figure, its limit and its verdict."""
    show_heading(console, "Guardrails")
    for verdict in proposal.verdicts:
        mark, colour = _MARKS[verdict.level]
        rule, currency = verdict.rule, proposal.currency
        measured, limit = (
            say_measure(figure, rule, currency) for figure in (verdict.measured, verdict.limit)
        )
        warning = "Warning: " if verdict.level is VerdictLevel.WARN and verdict.text else ""
        figures = f"{say_rule(rule)}: {measured} (limit {limit}) "
        text = (f"{warning}{verdict.text}", colour)
        console.print(Text.assemble((f"{mark} ", f"bold {colour}"), figures, text))


def show_overlaps(console: Console, proposal: Proposal) -> None:
    """Print which other campaigns reach the same people."""
    show_heading(console, "Overlapping campaigns, within a week")
    if not proposal.crossings:
        console.print("No other campaign reaches these people, and they hold no other valid code.")
    for overlap in proposal.crossings:
        console.print(_overlap(overlap, proposal))


def _overlap(overlap: Overlap, proposal: Proposal) -> Text:
    share = overlap.people * 100 / proposal.audience.count if proposal.audience.count else 0
    at = say_moment(datetime.fromisoformat(overlap.at), zone_of(proposal.timezone))
    run = f"run {overlap.run_id}, {at}" if overlap.run_id else at
    offer = f"  {overlap.offer}: {overlap.about_offers()}" if overlap.offer else "  an e-mail without a code"
    return Text.assemble(
        ("· ", "dim"),
        (f"{overlap.sentence()}", ""),
        f" ({say_percent(round(share))})  ",
        (run, "dim"),
        (offer, "dim"),
    )


def show_diff(console: Console, since: PlanDiff | None, zone: ZoneInfo) -> None:
    """Print what changed since the last plan that was approved."""
    show_heading(console, "Since the last approval")
    if since is None:
        console.print("No plan of this campaign has been approved yet.")
        return
    at = say_moment(since.at, zone)
    console.print(Text(f"{since.person} approved run {since.run_id} on {at}.", style="dim"))
    if since.nothing:
        console.print(
            "The files, the offer, the number of recipients and the worst case are the same. The recipients may differ."
        )
    elif not since.sentences():
        console.print("Its files were edited, but only comments or layout: they mean the same.")
    for text in () if since.nothing else since.sentences():
        console.print(Text.assemble(("· ", "dim"), text))


def show_mails(console: Console, mails: Sequence[tuple[Recipient, Rendered]], *, whole: bool) -> None:
    """Print each e-mail's subject, and the text of the first of each arm, or of all if `whole`."""
    arms: set[str] = set()
    for recipient, mail in mails:
        arm = f", arm {recipient.arm}" if recipient.arm else ""
        show_heading(console, f"E-mail to {mask_email(recipient.email)}{arm}")
        console.print(facts_table({"subject": mail.subject}))
        if whole or recipient.arm not in arms:
            console.print(Padding(Text(mail.text.strip()), (1, 0, 0, 2)))
        arms.add(recipient.arm)
