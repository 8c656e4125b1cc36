"""Check what a campaign's files say: amounts in the store's currency, words with one meaning, e-mails that fit the offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel
from tillroll.campaign.frozen.revision import Revision
from tillroll.campaign.language.models import Campaign, MessageSettings, Offer
from tillroll.campaign.sentences.advice import advice_on
from tillroll.campaign.sentences.claims import MismatchKind, claims_of, greetings
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import other_currencies, smallest_unit


def currency_verdicts(revision: Revision, offers: Sequence[Offer], currency: str) -> tuple[Verdict, ...]:
    """Refuse amounts in another currency than the store's, and those that its currency doesn't have."""
    unit = smallest_unit(currency)
    fine = [
        f"offer.{key} is {amount:f}, but the smallest amount of {currency} is {unit:f}"
        for offer in offers
        for key, amount in offer.too_fine(unit)
    ]
    faults = [
        *other_currencies(revision.campaign, currency),
        *other_currencies(revision.guardrails, currency, at="guardrails"),
        *dict.fromkeys(fine),
    ]
    if not faults:
        return ()
    text = "; ".join(faults)
    return (Verdict(rule="currency", level=VerdictLevel.REFUSE, measured=text, limit=currency, text=text),)


def advice_verdicts(campaign: Campaign) -> tuple[Verdict, ...]:
    """Warn of what the campaign file says that its reader may take for something else, as `tillroll check` does."""
    return tuple(
        Verdict(
            rule=advice.rule,
            level=VerdictLevel.WARN,
            measured=".".join(map(str, advice.path)),
            limit="one meaning",
            text=f"{'.'.join(map(str, advice.path))}: {advice.problem}",
        )
        for advice in advice_on(campaign)
    )


def claim_verdicts(revision: Revision) -> tuple[Verdict, ...]:
    """Refuse e-mails that say what their offer doesn't give, and warn of those that may."""
    found = [
        claim
        for _, claim in claims_of(revision.campaign, revision.files)
        if claim.kind is not MismatchKind.FIRST_NAME
    ]
    return tuple(
        Verdict(
            rule="e-mail",
            level=VerdictLevel.REFUSE if claim.is_wrong else VerdictLevel.WARN,
            measured=claim.file or "subject",
            limit="the offer",
            text=f"{f'{claim.file}, line {claim.line}' if claim.file else 'the subject'}: {claim.problem}",
        )
        for claim in found
    )


def greeting_verdicts(
    message: MessageSettings, files: Mapping[str, str], *, nameless: int, count: int
) -> tuple[Verdict, ...]:
    """Warn of an e-mail that greets by a first name which `nameless` of its `count` recipients don't have."""
    bare = (
        [claim for claim in greetings(message, files) if claim.kind is MismatchKind.FIRST_NAME]
        if nameless
        else []
    )
    places = [claim.file or "the subject" for claim in bare]
    if not places:
        return ()
    people, have = count_of(nameless, "recipient"), "has" if nameless == 1 else "have"
    text = (
        f"{people} of {count:,} {have} no first name, and {' and '.join(places)} says nothing else to them; "
        "write {{ customer.first_name or 'friend' }}"
    )
    measured = f"{nameless} without a name"
    return (Verdict(rule="first_name", level=VerdictLevel.WARN, measured=measured, limit="0", text=text),)
