"""DMARC (RFC 7489): what receivers do with e-mails that only claim to be a domain's, and whether ours can prove to be."""

from __future__ import annotations

from collections.abc import Iterator

from tillroll.send.doctor.dkim import tags_of
from tillroll.send.doctor.findings import MailCheck, MailFinding, fault, good, warning
from tillroll.send.doctor.published import DnsRecords


def check_dmarc(records: DnsRecords, domain: str) -> MailFinding:
    """Look at the DMARC record that counts for a domain: its own, or that of a domain above it."""
    start = f'_dmarc.{domain}. TXT "v=DMARC1; p=none; rua=mailto:dmarc@{domain}"'
    place, found = _find(records, domain)
    if not found:
        sentence = f"{domain} has no DMARC record, which Gmail and Yahoo ask of everybody who sends to many."
        return fault(MailCheck.DMARC, sentence, start)
    if len(found) > 1:
        return fault(
            MailCheck.DMARC, f"{place} has {len(found)} DMARC records; with more than one, none counts."
        )
    tags = tags_of(found[0])
    policy = (tags.get("sp") if place != domain else None) or tags.get("p", "")
    if policy.lower() not in {"none", "quarantine", "reject"}:
        return fault(MailCheck.DMARC, f"The DMARC record of {place} has no valid policy (p=).", start)
    if policy.lower() == "none":
        sentence = f"The DMARC record of {place} only watches (p=none); once its reports show no surprises, use p=quarantine."
        return warning(MailCheck.DMARC, sentence)
    return good(
        MailCheck.DMARC, f"{place} tells receivers what to do with forged e-mails (p={policy.lower()})."
    )


def check_alignment(records: DnsRecords, domain: str, return_domain: str) -> MailFinding:
    """Say whether bounces go to a domain that belongs to the sender's, so that SPF speaks for the sender too."""
    place, found = _find(records, domain)
    tags = tags_of(found[0]) if found else {}
    if domain == return_domain:
        return good(
            MailCheck.ALIGNMENT, "Bounces go to the sender's own domain, so SPF speaks for the sender."
        )
    if tags.get("aspf", "r").lower() == "s":
        sentence = f"Bounces go to {return_domain}, but DMARC asks for exactly {domain} (aspf=s): only DKIM can prove the sender."
        return warning(MailCheck.ALIGNMENT, sentence)
    top = place or domain
    if all(name == top or name.endswith(f".{top}") for name in (domain, return_domain)):
        return good(
            MailCheck.ALIGNMENT,
            f"{return_domain} and {domain} belong together, so SPF speaks for the sender.",
        )
    sentence = (
        f"Bounces go to {return_domain}, which doesn't belong to {domain}: only DKIM can prove the sender."
    )
    return warning(MailCheck.ALIGNMENT, sentence)


def _find(records: DnsRecords, domain: str) -> tuple[str, list[str]]:
    """Return the nearest domain, from this one upwards, that has DMARC records, and those; nothing if none has."""
    for place in _upwards(domain):
        found = [text for text in records.texts(f"_dmarc.{place}") if text.lower().startswith("v=dmarc1")]
        if found:
            return place, found
    return "", []


def _upwards(domain: str) -> Iterator[str]:
    """Yield a domain and those above it, down to two labels."""
    labels = domain.split(".")
    for start in range(max(1, len(labels) - 1)):
        yield ".".join(labels[start:])
