"""Check what a campaign's files say: amounts in the store's currency, words with one meaning, e-mails that fit the offer."""

from __future__ import annotations

from collections.abc import Sequence

from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel
from tillroll.campaign.frozen.revision import Revision
from tillroll.campaign.language.models import Campaign, Offer
from tillroll.campaign.sentences.advice import advice_on
from tillroll.campaign.sentences.claimed.mismatch import Mismatch, MismatchKind
from tillroll.campaign.sentences.claims import claims_of
from tillroll.campaign.text.money import other_currencies, smallest_unit
from tillroll.campaign.text.source import Path
from tillroll.rendering.reading.found import SUBJECT


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
    """Refuse e-mails that show what their offer doesn't have; the rest is read in the finished e-mails (`rendering/reading/`)."""
    return tuple(
        Verdict(
            rule="e-mail",
            level=VerdictLevel.REFUSE if claim.is_wrong else VerdictLevel.WARN,
            measured=claim.file or _place(claim, path),
            limit="the offer",
            text=f"{_place(claim, path)}: {claim.problem}",
        )
        for path, claim in claims_of(revision.campaign, revision.files)
        if claim.is_wrong or claim.kind in {MismatchKind.LANGUAGE, MismatchKind.TIME, MismatchKind.TERMS}
    )


def _place(claim: Mismatch, path: Path) -> str:
    """Return where a claim stands; what an e-mail doesn't say stands nowhere in it."""
    if claim.kind is MismatchKind.TERMS:
        email = "the reminder" if path[-1] == "reminder" else "the e-mail"
        return f"{email} of step {int(path[1]) + 1}" if path[0] == "steps" else email
    return f"{claim.file}, line {claim.line}" if claim.file else SUBJECT
