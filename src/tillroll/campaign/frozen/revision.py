"""Revisions: one version of a campaign with all files it uses, as the ledger keeps it for its plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tillroll.campaign.brand.brand import Brand
from tillroll.campaign.brand.partials import partials_of, put_together
from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.language.blocks import StoreHoldout
from tillroll.campaign.language.calendar import Calendar
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import Campaign, MessageSettings, Offer
from tillroll.campaign.language.translations import language_of, translations_in
from tillroll.campaign.segments.lists import CustomerList
from tillroll.campaign.segments.segment import Segment, leaves
from tillroll.campaign.segments.tiers import TierRules

ENVIRONMENT_MARK = ".environment"
"""A key of `Revision.files`: the environment whose overrides apply, if the campaign has any."""

SENDER_MARK = ".codes_sent_by"
"""A key of `Revision.files`: the program that `rules/crm.yaml` tells of codes, if it sends those of the campaign."""
MARKS: Mapping[str, str] = {ENVIRONMENT_MARK: "environment", SENDER_MARK: "who sends the codes"}
"""The keys of `Revision.files` that are no files, with their names for people."""

LIVE = "live"


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One version of a campaign: its file and all files it uses, read at one moment."""

    name: str
    digest: str  # SHA-256 over path and text of all `files`
    campaign: Campaign
    files: Mapping[str, str]  # relative POSIX path → text
    segments: Mapping[str, Segment]  # of the audience, excluded ones, and those that end a flow
    code_formats: Mapping[str, CodeFormat]
    guardrails: Guardrails
    calendar: Calendar
    brand: Brand = field(default_factory=Brand)
    store_holdout: StoreHoldout | None = None  # None: nobody is held back from all campaigns
    tiers: TierRules | None = None  # None: it uses none
    lists: Mapping[str, CustomerList] = field(default_factory=dict)  # used by the segments; without members

    @property
    def codes_sent_by(self) -> str:
        """The program that sends the codes, for people; empty: Tillroll does, or nobody."""
        return self.files.get(SENDER_MARK, "")

    def as_run(self, *, step: int = 1, arm: str = "") -> Campaign:
        """Return the campaign for one step and one arm."""
        plain = not self.campaign.steps and not self.campaign.variants
        return self.campaign if plain else self.campaign.as_run(step=step, arm=arm)

    def message(self, *, step: int = 1, arm: str = "") -> MessageSettings:
        """Return the e-mail of one step and arm. `LookupError` for a pool, which sends none."""
        message = self.as_run(step=step, arm=arm).message
        if message is None:
            raise LookupError(f"campaign {self.name} sends no e-mail")
        return message

    def offer(self, *, step: int = 1, arm: str = "") -> Offer:
        """Return the offer of one step and arm. `LookupError` for an e-mail without a code."""
        offer = self.as_run(step=step, arm=arm).offer
        if offer is None:
            raise LookupError(f"campaign {self.name} has no offer at step {step}")
        return offer

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of the arms; one empty name without variants."""
        return tuple(variant.name for variant in self.campaign.variants) or ("",)

    @property
    def code_format(self) -> CodeFormat:
        """The code format of the campaign as a whole."""
        return self.format_of(self.campaign)

    @property
    def shared_codes(self) -> frozenset[str]:
        """The codes for everybody that the campaign names, in any of its steps and arms."""
        steps = range(1, max(1, len(self.campaign.steps)) + 1)
        named = {self.as_run(step=step, arm=arm).codes.shared for step in steps for arm in self.arms}
        return frozenset(code for code in named if code is not None)

    def format_of(self, campaign: Campaign) -> CodeFormat:
        """Return the code format of a run; a default one if the run draws no codes."""
        return self.code_formats.get(campaign.codes.format) or CodeFormat(title="none")

    def template_files(self, name: str, language: str = "") -> Mapping[str, str]:
        """Return an e-mail's files in one language with their partials, by their names in the template folder; empty: its own."""
        folder, partials = f"templates/{name}/", partials_of(self.files)
        return {
            file: put_together(f"{folder}{file}", self.files[f"{folder}{file}"], partials)
            for file in self._names_in(folder)
            if language_of(file) == language
        }

    def translations(self, name: str) -> frozenset[str]:
        """Return the languages that an e-mail is translated to, besides the campaign's own."""
        return translations_in(self._names_in(f"templates/{name}/"))

    def _names_in(self, folder: str) -> list[str]:
        return [path.removeprefix(folder) for path in self.files if path.startswith(folder)]


def formats_of(campaign: Campaign) -> frozenset[str]:
    """Return the names of the code formats that a campaign draws codes with."""
    drawn = [campaign.codes] if campaign.offer is not None else []
    drawn += [step.codes or campaign.codes for step in campaign.steps if step.offer is not None]
    return frozenset(codes.format for codes in drawn if codes.shared is None)


def offers_of(campaign: Campaign) -> tuple[Offer, ...]:
    """Return all offers of a campaign, without changes by variants."""
    offers = (campaign.offer, *(step.offer for step in campaign.steps))
    return tuple(offer for offer in offers if offer is not None)


def with_reminder(message: MessageSettings) -> tuple[MessageSettings, ...]:
    """Return an e-mail, and its reminder as an e-mail of its own."""
    if message.reminder is None:
        return (message,)
    reminder = message.reminder
    words = {"template": reminder.template, "subject": reminder.subject, "subjects": reminder.subjects}
    return message, message.model_copy(update=words)


def templates_of(campaign: Campaign) -> frozenset[str]:
    """Return the names of the template folders that a campaign uses."""
    return frozenset(message.template for message in campaign.messages)


def segments_of(campaign: Campaign) -> frozenset[str]:
    """Return the names of the segments that a campaign uses."""
    names = {*campaign.who.exclude, *(name for step in campaign.steps for name in step.unless_in)}
    watched = campaign.when.on.segment if campaign.when.on is not None else ""
    return frozenset(name for name in (*names, campaign.who.segment, watched) if name)


def uses_tiers(campaign: Campaign, segments: Iterable[Segment]) -> bool:
    """Return whether a campaign waits for a loyalty tier, or one of its segments asks for one."""
    if campaign.when.on is not None and campaign.when.on.tier_entered is not None:
        return True
    return any(name == "tier" for segment in segments for _, name, _ in leaves(segment.where))
