"""Compare what an e-mail needs with the installation: its readers must be able to unsubscribe by a link."""

from __future__ import annotations

from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel


def link_verdicts(*, has_links: bool) -> tuple[Verdict, ...]:
    """Refuse a plan whose readers couldn't unsubscribe: no address of the pages is known that a link could lead to."""
    if has_links:
        return ()
    text = (
        "people couldn't unsubscribe by a link, since no public https address of the pages is known; "
        "set TILLROLL_URL, like https://tillroll.shop.example"
    )
    return (
        Verdict(
            rule="unsubscribe_link", level=VerdictLevel.REFUSE, measured="none", limit="https", text=text
        ),
    )
