"""The e-mails of a plan, and what was found wrong in one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tillroll.campaign import Revision
from tillroll.campaign.folder.template_words import PARTS
from tillroll.campaign.frozen.revision import with_reminder
from tillroll.campaign.language.models import MessageSettings
from tillroll.campaign.language.translations import file_in
from tillroll.campaign.reading.faults import EmailPart, WordFault
from tillroll.rendering.reading.people import Awkward

SUBJECT = "the subject"


@dataclass(frozen=True, kw_only=True)
class PlannedEmail:
    """One e-mail that a plan's customers get: of a step, an arm, and the offer or the reminder."""

    step: int
    arm: str
    is_reminder: bool
    message: MessageSettings  # of the reminder, if it is one
    files: Mapping[str, Mapping[str, str]]  # by translation: its template, by the files' names in the folder

    def place(self, part: EmailPart, translation: str) -> str:
        """Return the file of a part."""
        if part is EmailPart.SUBJECT:
            return f"{SUBJECT} in {translation}" if translation else SUBJECT
        mjml, html, text = (file_in(name, translation) for name in PARTS)
        files = self.files[translation]
        body = mjml if mjml in files else html
        return (
            f"templates/{self.message.template}/{text if part is EmailPart.TEXT and text in files else body}"
        )

    def source(self, part: EmailPart, translation: str) -> str:
        """Return the template of a part."""
        if part is EmailPart.SUBJECT:
            return self.message.subject_in(translation)
        return self.files[translation].get(self.place(part, translation).rpartition("/")[2], "")


@dataclass(frozen=True, kw_only=True)
class EmailFault:
    """A fault of an e-mail, and whose e-mails have it."""

    email: PlannedEmail
    fault: WordFault
    place: str  # the file, or the subject
    line: int = 0  # of the file; 0: not known
    kinds: Mapping[Awkward, int]  # of those who were tried and have it: how many recipients are alike
    is_everybody: bool  # all who were tried have it
    people: int  # recipients of the arm


def emails_of(revision: Revision, *, first_step: int, arms: tuple[str, ...]) -> Iterator[PlannedEmail]:
    """Yield the e-mails of a step and of those after it, in each arm."""
    for step in range(first_step, max(1, len(revision.campaign.steps)) + 1):
        for arm in arms:
            message = revision.as_run(step=step, arm=arm).message
            for each in () if message is None else with_reminder(message):
                yield PlannedEmail(
                    step=step,
                    arm=arm,
                    is_reminder=each is not message,
                    message=each,
                    files={
                        language: revision.template_files(each.template, language)
                        for language in ("", *sorted(revision.translations(each.template)))
                    },
                )
