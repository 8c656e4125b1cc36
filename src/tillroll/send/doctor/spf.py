"""SPF (RFC 7208): which servers may send in a domain's name. One record, not more than ten look-ups, and a clear end."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tillroll.send.doctor.findings import MailCheck, MailFinding, fault, good, warning
from tillroll.send.doctor.published import DnsRecords

_SPF = re.compile(r"v=spf1(?: |$)", re.IGNORECASE)
_LEADS_ON = re.compile(r"[+?~-]?(?:include:|redirect=)(?P<name>[A-Za-z0-9._-]+)", re.IGNORECASE)
_ASKS = re.compile(r"[+?~-]?(?:include:|a(?:[:/]|$)|mx(?:[:/]|$)|ptr|exists:)|redirect=", re.IGNORECASE)
_ALL = re.compile(r"(?P<how>[+?~-]?)all", re.IGNORECASE)
_MOST_LOOK_UPS = 10  # RFC 7208, section 4.6.4
_MOST_RECORDS = 30  # that are followed


def check_spf(records: DnsRecords, domain: str, *, include: str = "") -> MailFinding:
    """Look at a domain's SPF record. `include`: the part that the mail service asks for; empty: none is known."""
    words = [f"include:{include}"] if include else ["mx"]
    suggested = f'{domain}. TXT "v=spf1 {" ".join(words)} ~all"'
    found = [text for text in records.texts(domain) if _SPF.match(text)]
    if not found:
        return fault(MailCheck.SPF, f"{domain} doesn't say which servers may send in its name.", suggested)
    if len(found) > 1:
        return fault(
            MailCheck.SPF, f"{domain} has {len(found)} SPF records; with more than one, none counts."
        )
    terms = found[0].split()[1:]
    count = _count_look_ups(records, terms)
    if count > _MOST_LOOK_UPS:
        sentence = (
            f"The SPF record of {domain} takes {count} look-ups; after {_MOST_LOOK_UPS} it counts as broken."
        )
        return fault(MailCheck.SPF, sentence)
    ends = next((match["how"] for term in terms if (match := _ALL.fullmatch(term))), None)
    if ends in {"", "+", "?"}:
        return warning(
            MailCheck.SPF, f"The SPF record of {domain} lets everybody send in its name: end it with ~all."
        )
    if include and not _names(records, terms, include):
        return warning(
            MailCheck.SPF,
            f"The SPF record of {domain} doesn't name the mail service: add include:{include} to it.",
        )
    return good(MailCheck.SPF, f"{domain} says which servers may send in its name.")


def _names(records: DnsRecords, terms: Sequence[str], include: str) -> bool:
    """Return whether a record leads to another, directly or through a few others."""
    followed: list[str] = []
    _follow(records, terms, followed)
    return include.lower() in followed


def _count_look_ups(records: DnsRecords, terms: Sequence[str]) -> int:
    followed: list[str] = []
    return _follow(records, terms, followed)


def _follow(records: DnsRecords, terms: Sequence[str], followed: list[str]) -> int:
    """Return how many look-ups the terms of a record take, with those of the records that they lead to."""
    count = 0
    for term in terms:
        count += 1 if _ASKS.match(term) else 0
        led = _LEADS_ON.fullmatch(term)
        if led is None or led["name"].lower() in followed or len(followed) >= _MOST_RECORDS:
            continue
        followed.append(led["name"].lower())
        inner = next((text for text in records.texts(led["name"]) if _SPF.match(text)), "")
        count += _follow(records, inner.split()[1:], followed)
    return count
