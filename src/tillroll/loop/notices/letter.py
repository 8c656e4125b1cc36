"""The words of an e-mail with notices, as plain text and HTML. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tillroll.ledger.audit import Head
from tillroll.ledger.records import StoredNotice
from tillroll.loop.notices.weekly_letter import WeeklyLetter, report_email
from tillroll.rendering.compile import Rendered

_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
    '<body style="font-family: sans-serif; line-height: 1.5; max-width: 40em">{body}</body></html>'
)


def letter_of(notices: Sequence[StoredNotice], head: Head | None) -> Rendered:
    """Return the content: what each notice says, then the head of the audit chain at this moment. A report leaves alone."""
    first, shown = notices[0].subject, notices[0].shown
    if shown is not None:
        return report_email(WeeklyLetter.from_json(shown), subject=first, end=_say_head(head))
    subject = first if len(notices) == 1 else f"{first}, and {len(notices) - 1} more"
    blocks = [(notice.subject if len(notices) > 1 else "", notice.paragraphs) for notice in notices]
    end = _say_head(head)
    html = "".join(_html(title, paragraphs) for title, paragraphs in blocks)
    html += f"<p><small>{escape(end)}</small></p>" if end else ""
    lines = [line for title, paragraphs in blocks for line in (title, *paragraphs) if line]
    return Rendered(
        subject=subject,
        html=_PAGE.format(title=escape(subject), body=html),
        text="\n\n".join([*lines, *([end] if end else [])]) + "\n",
    )


def _html(title: str, paragraphs: Sequence[str]) -> str:
    heading = f"<h2>{escape(title)}</h2>" if title else ""
    return heading + "".join(f"<p>{_linked(line)}</p>" for line in paragraphs)


def _linked(line: str) -> str:
    """Return a line with the address at its end as a link, if it ends with one."""
    before, blank, last = line.rpartition(" ")
    if last.startswith(("https://", "http://")):
        return f'{escape(before)}{blank}<a href="{escape(last)}">{escape(last)}</a>'
    return escape(line)


def _say_head(head: Head | None) -> str:
    if head is None:
        return ""
    return (
        f"The last row of the audit is {head}. "
        f"Whether any row was removed since: tillroll audit verify --head {head}"
    )
