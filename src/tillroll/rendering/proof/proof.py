"""One e-mail as it would leave, for one recipient: words, headers, bytes, and what could be better.

Its code exists nowhere (`EXAMPLE_CODE`, also where a campaign's code is the same for everybody), and its unsubscribe link leads
nowhere: somebody who tries them out changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from tillroll.campaign.frozen.recipient import Recipient
from tillroll.campaign.reading.email import EmailWords
from tillroll.campaign.reading.lint import LintNote, lint, score_of
from tillroll.rendering.addresses import sender_of
from tillroll.rendering.bulk.headers import bulk_headers
from tillroll.rendering.bulk.link import EXAMPLE_LINK
from tillroll.rendering.compile import Rendered
from tillroll.rendering.facts import EXAMPLE_CODE, RecipientFacts, StoreFacts
from tillroll.rendering.mime import build
from tillroll.rendering.preview import (
    PreviewSubject,
    example_code,
    preview_facts,
    recipient_facts,
    store_facts,
)
from tillroll.rendering.translated import Translated

MARK = "[Proof]"
"""Before the subject of a proof that is sent, so that nobody takes it for the real one."""

EXAMPLE_TO = "reader@customer.example"
"""Stands for the recipient's address in the headers."""

_KIND = "proof"
_DARK = re.compile(r"@media\s*\(prefers-color-scheme:\s*dark\)")


@dataclass(frozen=True, kw_only=True)
class Proof:
    """An e-mail, filled in for a recipient."""

    campaign: str
    reader: RecipientFacts
    arm: str  # of the recipient; empty without variants
    language: str  # of its words
    rendered: Rendered
    sender: str
    content: bytes  # the whole e-mail
    notes: tuple[LintNote, ...]

    @property
    def score(self) -> int:
        """From 0 to 100."""
        return score_of(self.notes)

    @property
    def headers(self) -> str:
        """The headers, a line each."""
        head = self.content.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
        return head.replace("\r\n ", " ").replace("\r\n", "\n")

    def html(self, *, dark: bool = False) -> str:
        """Return the HTML as a page shows it; `dark`: as on a device that is set to dark, whatever this one is."""
        shown = self.rendered.whole_html
        return _DARK.sub("@media all", shown) if dark else shown


def make_proof(
    subject: PreviewSubject, recipient: Recipient, *, sender: str, to: str = EXAMPLE_TO, shared: bool = False
) -> Proof | None:
    """Return a recipient's e-mail as if it went to an address; None if the campaign sends none.

    Raises `Refused` if it can't be made. `shared`: with the campaign's own code, if it is the same for everybody: for somebody
    who is about to approve it.
    """
    revision = subject.revision
    if revision.as_run(step=subject.step, arm=recipient.arm).message is None:
        return None
    message = revision.message(step=subject.step, arm=recipient.arm)
    translated = Translated.of(revision, message, store_facts(subject.store))
    version = translated.for_reader(subject.language or recipient.language)
    rendered = version.compiled.render(_facts(subject, recipient, version.shop, shared))
    return Proof(
        campaign=revision.name,
        reader=recipient_facts(recipient),
        arm=recipient.arm,
        language=version.shop.language,
        rendered=rendered,
        sender=sender,
        content=content_of(
            subject,
            rendered,
            sender=sender,
            to=to,
            name="",
            key=_KIND,
            at=subject.now,
        ),
        notes=tuple(
            lint(
                EmailWords(subject=rendered.subject, html=rendered.html, text=rendered.text),
                unsubscribe_link=EXAMPLE_LINK,
            )
        ),
    )


def content_of(
    subject: PreviewSubject, rendered: Rendered, *, sender: str, to: str, name: str, key: str, at: datetime
) -> bytes:
    """Return a proof as the bytes of an e-mail, with the headers that the real one has."""
    bulk = bulk_headers(
        link=EXAMPLE_LINK,
        sender=sender_of(sender).address,
        ecwid_id=subject.store.ecwid_id,
        campaign=subject.revision.name,
        run_id=0,
        kind=_KIND,
        reply_to=subject.revision.brand.reply_to or "",
    )
    return build(rendered=rendered, sender=sender, to_email=to, to_name=name, key=key, at=at, bulk=bulk)


def marked(rendered: Rendered) -> Rendered:
    """Return an e-mail whose subject says that it is a proof."""
    return replace(rendered, subject=f"{MARK} {rendered.subject}")


def _facts(
    subject: PreviewSubject, recipient: Recipient, shop: StoreFacts, shared: bool
) -> dict[str, object]:
    code = example_code(subject, recipient)
    if code is not None and not shared:
        code = replace(code, text=EXAMPLE_CODE)
    return preview_facts(subject, recipient, code, shop)
