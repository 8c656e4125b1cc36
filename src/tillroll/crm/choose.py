"""Which receiver the rules name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tillroll.campaign.language.crm import CrmRules
from tillroll.crm.drop import CrmFolder
from tillroll.crm.receiver import Receiver
from tillroll.crm.webhook import CrmWebhook
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.errors import Misconfigured

SHORTEST_SECRET = 16


@dataclass(frozen=True, kw_only=True)
class CrmAccess:
    """What an installation allows a CRM's rules: where its folders are, what signs, and which private hosts may be called."""

    home: Path
    secret: str = field(default="", repr=False)  # CRM_SECRET
    hosts: AllowedHosts = field(default_factory=AllowedHosts)


def open_receiver(rules: CrmRules, access: CrmAccess) -> Receiver:
    """Return the receiver, which the caller must close. Raises `Misconfigured` if it may not be called, or nothing signs."""
    if rules.webhook is None:
        return CrmFolder(access.home / (rules.folder or ""))
    if len(access.secret) < SHORTEST_SECRET:
        raise Misconfigured(
            f"CRM_SECRET is missing, or has less than {SHORTEST_SECRET} characters.",
            hint="Set it to a long random text that the CRM knows too: it signs what is posted.",
        )
    return CrmWebhook(rules.webhook, secret=access.secret, hosts=access.hosts)
