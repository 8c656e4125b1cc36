"""One version of a campaign with everything it uses: what a plan is made of, and what the ledger keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.language.calendar import Calendar
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import Campaign, Message, Offer
from tillroll.campaign.segments.lists import CustomerList
from tillroll.campaign.segments.segment import Segment

ENVIRONMENT_MARK = ".environment"
"""Among a revision's files: the environment whose words are laid over the campaign's, when there are any."""

LIVE = "live"


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One version of a campaign: its file and everything it uses, as they stood together."""

    name: str
    digest: str  # SHA-256 over path and text of every file below
    campaign: Campaign
    files: Mapping[str, str]  # relative POSIX path → text
    segments: Mapping[str, Segment]  # the audience's, the excluded ones, and those that end a flow
    code_formats: Mapping[str, CodeFormat]
    guardrails: Guardrails
    calendar: Calendar
    lists: Mapping[str, CustomerList] = field(
        default_factory=dict
    )  # that its segments ask for; without members
    _runs: dict[tuple[int, str], Campaign] = field(default_factory=dict, compare=False, repr=False)

    def as_run(self, *, step: int = 1, arm: str = "") -> Campaign:
        """The campaign as one step of its flow and one arm of its comparison have it."""
        if (step, arm) not in self._runs:
            plain = not self.campaign.steps and not self.campaign.variants
            self._runs[step, arm] = self.campaign if plain else self.campaign.as_run(step=step, arm=arm)
        return self._runs[step, arm]

    def message(self, *, step: int = 1, arm: str = "") -> Message:
        """The e-mail of one step and arm. `LookupError` for a pool, which is sent to nobody."""
        found = self.as_run(step=step, arm=arm).message
        if found is None:
            raise LookupError(f"campaign {self.name} sends nothing")
        return found

    def offer(self, *, step: int = 1, arm: str = "") -> Offer:
        """The offer of one step and arm. `LookupError` for an e-mail without a code."""
        found = self.as_run(step=step, arm=arm).offer
        if found is None:
            raise LookupError(f"campaign {self.name} offers nothing at step {step}")
        return found

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of the arms that are compared; one without a name when nothing is."""
        return tuple(one.name for one in self.campaign.variants) or ("",)

    @property
    def code_format(self) -> CodeFormat:
        """The code format of the campaign as a whole."""
        return self.format_of(self.campaign)

    def format_of(self, campaign: Campaign) -> CodeFormat:
        """What the codes of a run look like; the plainest where there is none to look like anything."""
        return self.code_formats.get(campaign.codes.format) or CodeFormat(title="none")

    def template_files(self, name: str) -> Mapping[str, str]:
        """An e-mail's files by their names within the template folder."""
        folder = f"templates/{name}/"
        return {
            path.removeprefix(folder): text for path, text in self.files.items() if path.startswith(folder)
        }


def formats_of(campaign: Campaign) -> frozenset[str]:
    """The code formats a campaign draws codes by."""
    drawn = [campaign.codes] if campaign.offer is not None else []
    drawn += [one.codes or campaign.codes for one in campaign.steps if one.offer is not None]
    return frozenset(one.format for one in drawn if one.shared is None)


def offers_of(campaign: Campaign) -> tuple[Offer, ...]:
    """Every offer a campaign makes, whatever the arm."""
    offers = (campaign.offer, *(step.offer for step in campaign.steps))
    return tuple(one for one in offers if one is not None)


def messages_of(campaign: Campaign) -> tuple[Message, ...]:
    """Every e-mail a campaign may send, whatever the step and the arm; a reminder as an e-mail of its own."""
    found = [campaign.message] if campaign.message is not None else [one.message for one in campaign.steps]
    for variant in campaign.variants:
        if variant.message is not None:
            found.append(found[0].model_copy(update=variant.message.model_dump(exclude_none=True)))
    reminders = [(one, one.reminder) for one in found if one.reminder is not None]
    return tuple(found) + tuple(
        Message(template=reminder.template, subject=reminder.subject, send=one.send)
        for one, reminder in reminders
    )


def templates_of(campaign: Campaign) -> frozenset[str]:
    """The template folders a campaign sends from."""
    return frozenset(one.template for one in messages_of(campaign))


def segments_of(campaign: Campaign) -> frozenset[str]:
    """The segments a campaign asks for."""
    found = {*campaign.who.exclude, *(name for step in campaign.steps for name in step.unless_in)}
    return frozenset(found | ({campaign.who.segment} if campaign.who.segment else set()))
