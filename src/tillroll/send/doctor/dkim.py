"""DKIM (RFC 6376): the public key that signatures are checked with. It is found by its selector, which nobody can guess."""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tillroll.send.doctor.findings import MailCheck, MailFinding, fault, good, unseen, warning
from tillroll.send.doctor.published import DnsRecords

_WEAK, _SHORT = 1024, 2048  # bits of an RSA key


def check_dkim(records: DnsRecords, domain: str, selectors: tuple[str, ...]) -> list[MailFinding]:
    """Look at the keys of some selectors. Without any, say how to name one."""
    if not selectors:
        sentence = "Nobody can see a DKIM key without its selector: give it with --selector, as your mail service shows it."
        return [unseen(MailCheck.DKIM, sentence)]
    found = [_check_one(records, domain, selector) for selector in selectors]
    there = [one for one in found if one is not None]
    if there:
        return there
    names = " or ".join(f"{selector}._domainkey.{domain}" for selector in selectors)
    sentence = f"There is no DKIM key at {names}, so e-mails can't be signed in the name of {domain}."
    value = f'{selectors[0]}._domainkey.{domain}. TXT "v=DKIM1; k=rsa; p=…" (the value that your mail service shows)'
    return [fault(MailCheck.DKIM, sentence, value)]


def _check_one(records: DnsRecords, domain: str, selector: str) -> MailFinding | None:
    """Return what there is at one selector; None: nothing."""
    name = f"{selector}._domainkey.{domain}"
    tags = next((tags for text in records.texts(name) if "p" in (tags := tags_of(text))), None)
    if tags is None:
        return None
    if not tags["p"]:
        return fault(MailCheck.DKIM, f"The DKIM key at {name} was revoked: it is empty.")
    try:
        content = base64.b64decode("".join(tags["p"].split()), validate=True)
        bits = _bits(content, tags.get("k", "rsa").lower())
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return fault(MailCheck.DKIM, f"The DKIM key at {name} can't be read; publish it again to the letter.")
    if bits < _WEAK:
        return fault(MailCheck.DKIM, f"The DKIM key at {name} has {bits} bits, which mail servers refuse.")
    if bits < _SHORT:
        return warning(MailCheck.DKIM, f"The DKIM key at {name} has {bits} bits; {_SHORT} are usual now.")
    if "y" in tags.get("t", "").split(":"):
        return warning(MailCheck.DKIM, f"The DKIM key at {name} says that it is only being tested (t=y).")
    return good(MailCheck.DKIM, f"There is a DKIM key at {name}.")


def _bits(content: bytes, kind: str) -> int:
    """Return the strength of a key, as bits of an RSA key. Raises `ValueError`."""
    if kind == "ed25519":
        if len(content) != 32:
            raise ValueError("not an Ed25519 key")
        return _SHORT
    key = load_der_public_key(content)
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")
    return key.key_size


def tags_of(text: str) -> dict[str, str]:
    """Return the tags of a record like `v=DKIM1; p=…` (RFC 6376, section 3.2), by their names in lower case."""
    parts = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in parts if equals}
