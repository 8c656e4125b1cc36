"""All checks of one sender. A look-up without an answer costs the other checks nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tillroll.campaign.language.models import Via
from tillroll.rendering.addresses import sender_of
from tillroll.send.doctor.dkim import check_dkim
from tillroll.send.doctor.dmarc import check_alignment, check_dmarc
from tillroll.send.doctor.findings import MailCheck, MailFinding, fault, good, unseen, warning
from tillroll.send.doctor.published import DnsRecords, NotAnswered
from tillroll.send.doctor.spf import check_spf

_EVERYBODYS = frozenset(
    {
        "aol.com",
        "gmail.com",
        "gmx.de",
        "gmx.net",
        "googlemail.com",
        "hotmail.com",
        "icloud.com",
        "live.com",
        "mail.ru",
    }
    | {
        "me.com",
        "msn.com",
        "outlook.com",
        "proton.me",
        "web.de",
        "yahoo.com",
        "yahoo.de",
        "yandex.ru",
        "ymail.com",
    }
)
"""Domains that belong to a mailbox provider: nobody else can send in their name."""


@dataclass(frozen=True, kw_only=True)
class _Service:
    """What a mail service asks its customers to publish."""

    include: str = ""  # in the sender's SPF record; empty: it has a return path of its own
    selectors: tuple[str, ...] = ()  # of its DKIM keys, where they are the same for everybody


_SERVICES = {
    Via.SENDGRID: _Service(selectors=("s1", "s2")),
    Via.MAILGUN: _Service(include="mailgun.org"),
    Via.BREVO: _Service(selectors=("brevo1", "brevo2", "mail")),
    Via.RESEND: _Service(selectors=("resend",)),
}


def examine(
    records: DnsRecords, *, sender: str, via: Via | None, bounces_to: str = "", selectors: Sequence[str] = ()
) -> list[MailFinding]:
    """Look at what a sender's domain publishes. `bounces_to`: the address that bounces go to; empty: the sender's.

    Raises `Refused` if the sender has no address.
    """
    domain = sender_of(sender).domain.lower()
    if domain in _EVERYBODYS:
        sentence = f"Nobody but its provider can send in the name of {domain}: most of these e-mails would be refused."
        return [fault(MailCheck.SENDER, f"{sentence} Use an address of the shop's own domain.")]
    service = _SERVICES.get(via, _Service()) if via is not None else _Service()
    own_path = via in {None, Via.SMTP, Via.OUTBOX} or service.include
    return_domain = bounces_to.rpartition("@")[2].lower() or domain
    checks: list[tuple[MailCheck, Callable[[], list[MailFinding]]]] = [
        (MailCheck.MX, lambda: [_check_mx(records, domain)]),
        (MailCheck.DKIM, lambda: check_dkim(records, domain, tuple(selectors) or service.selectors)),
        (MailCheck.DMARC, lambda: [check_dmarc(records, domain)]),
    ]
    if own_path:
        spf = (MailCheck.SPF, lambda: [check_spf(records, return_domain, include=service.include)])
        checks.insert(1, spf)
        checks.append((MailCheck.ALIGNMENT, lambda: [check_alignment(records, domain, return_domain)]))
    return [finding for check, look in checks for finding in _asked(check, look)]


def _asked(check: MailCheck, look: Callable[[], list[MailFinding]]) -> list[MailFinding]:
    try:
        return look()
    except NotAnswered as silence:
        return [unseen(check, f"The DNS gave no answer ({silence}), so nobody knows. Try again later.")]


def _check_mx(records: DnsRecords, domain: str) -> MailFinding:
    servers = records.mail_servers(domain)
    if servers == ["."]:
        return fault(MailCheck.MX, f"{domain} takes no mail at all, so replies and reports are lost.")
    if servers:
        return good(MailCheck.MX, f"{domain} takes mail.")
    publish = f"{domain}. MX 10 your-mail-server."
    if records.has_address(domain):
        return warning(
            MailCheck.MX, f"{domain} names no mail server; some take that for a forged sender.", publish
        )
    return fault(MailCheck.MX, f"{domain} takes no mail, so many servers refuse it as a sender.", publish)
