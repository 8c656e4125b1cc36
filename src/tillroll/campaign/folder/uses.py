"""Does what a campaign sends fit what it knows? Arms must make sense, and templates only ask for what a message will have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from tillroll.campaign.folder.templates import PARTS, names_used
from tillroll.campaign.language.models import Campaign, Event, Message, Offer
from tillroll.campaign.text.findings import Finding
from tillroll.campaign.text.source import Path, Source
from tillroll.campaign.text.units import KeyFault, spell_duration

BROUGHT: Mapping[str, frozenset[str]] = {
    "order_placed": frozenset({"order"}),
    "cart_abandoned": frozenset({"cart"}),
    "review_left": frozenset({"review", "product"}),
    "favourite_added": frozenset({"product"}),
    "back_in_stock": frozenset({"product"}),
    "overstocked": frozenset({"product"}),
    "low_stock": frozenset({"product"}),
    "custom": frozenset({"event"}),
}
"""What a message knows besides the customer, by the event it is about."""

OF_THE_OFFER = frozenset({"code", "offer"})
_OF_EVENTS = frozenset().union(*BROUGHT.values())


def brought_by(event: Event | None) -> frozenset[str]:
    """The variables that an event brings into its messages."""
    return BROUGHT.get(event.name, frozenset()) if event is not None else frozenset()


def check_uses(source: Source, campaign: Campaign, texts: Mapping[str, str]) -> list[Finding]:
    """Faults of arms, and of templates and subjects that ask for what this campaign's messages won't have."""
    found = [*_check_arms(source, campaign), *_check_times(source, campaign)]
    brought = brought_by(campaign.when.on)
    for path, message, has_code in _messages(campaign):
        missing = _OF_EVENTS - brought
        if not has_code:
            missing |= OF_THE_OFFER
        for where, one in ((path, message), ((*path, "reminder"), message.reminder)):
            if one is None:
                continue
            for key, used in (("subject", names_used(one.subject)), ("template", _of(one.template, texts))):
                for name in sorted(used & missing):
                    found.append(source.finding((*where, key), _says(name, key, has_code)))
        if message.reminder is not None and not has_code:
            found.append(source.finding((*path, "reminder"), "a reminder is for a code; there is no offer:"))
    return found


def _messages(campaign: Campaign) -> Iterator[tuple[Path, Message, bool]]:
    """Every e-mail, where it stands, and whether it carries a code."""
    if campaign.message is not None:
        yield ("message",), campaign.message, campaign.offer is not None
    for index, step in enumerate(campaign.steps):
        yield ("steps", index, "message"), step.message, step.offer is not None or step.same_code


def _of(template: str, texts: Mapping[str, str]) -> frozenset[str]:
    names = (names_used(texts[path]) for part in PARTS if (path := f"templates/{template}/{part}") in texts)
    return frozenset().union(*names)


def _says(name: str, key: str, has_code: bool) -> str:
    what = f"the {key} asks for {name!r}"
    if name in OF_THE_OFFER:
        return f"{what}, but there is no offer: here"
    events = sorted(event for event, names in BROUGHT.items() if name in names)
    return f"{what}, which a message has only with when: on: {' or '.join(events)}"


def _check_arms(source: Source, campaign: Campaign) -> Iterator[Finding]:
    """Each arm laid over what it changes, as every step has it."""
    for index, variant in enumerate(campaign.variants):
        for step in range(1, max(1, len(campaign.steps)) + 1):
            try:
                campaign.as_run(step=step, arm=variant.name)
            except ValidationError as faults:
                for fault in faults.errors(include_url=False):
                    error = (fault.get("ctx") or {}).get("error")
                    path: Path = ("variants", index, *fault["loc"])
                    if isinstance(error, KeyFault):
                        path = (*path, error.key)
                    problem = str(error or fault["msg"])
                    yield source.finding(path, f"together with what it changes: {problem}")
                break


def _check_times(source: Source, campaign: Campaign) -> Iterator[Finding]:
    """Codes that end before they begin, and reminders that would come with the code itself."""
    blocks: list[tuple[Path, Offer | None, Message | None]] = [((), campaign.offer, campaign.message)]
    blocks += [(("steps", index), one.offer, one.message) for index, one in enumerate(campaign.steps)]
    for path, offer, message in blocks:
        if offer is None:
            continue
        until, at = offer.valid.until, campaign.when.at
        if until is not None and at is not None and campaign.when.timezone == "store" and until <= at:
            problem = f"the codes would end before the campaign's moment, {at:%Y-%m-%d %H:%M}"
            yield source.finding((*path, "offer", "valid", "until"), problem)
        reminder = message.reminder if message is not None else None
        works = offer.valid.for_
        if reminder is not None and works is not None and reminder.before_expiry >= works:
            problem = f"the codes work for {spell_duration(works)} only: it would come with the code itself"
            yield source.finding((*path, "message", "reminder", "before_expiry"), problem)
