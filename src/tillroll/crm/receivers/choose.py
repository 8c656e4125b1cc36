"""Which receiver the rules name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tillroll.campaign.language.crm import CrmRules
from tillroll.crm.receivers.account import CrmAccount
from tillroll.crm.receivers.drop import CrmFolder
from tillroll.crm.receivers.klaviyo import KlaviyoEvents
from tillroll.crm.receivers.mailchimp import MailchimpFields
from tillroll.crm.receivers.receiver import Receiver
from tillroll.crm.receivers.webhook import CrmWebhook
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.errors import Misconfigured

SHORTEST_SECRET = 16


@dataclass(frozen=True, kw_only=True)
class CrmAccess:
    """What an installation allows a CRM's rules: where its folders are, what signs, and which private hosts may be called."""

    home: Path
    secret: str = field(default="", repr=False)  # CRM_SECRET
    hosts: AllowedHosts = field(default_factory=AllowedHosts)
    klaviyo: CrmAccount = field(default_factory=CrmAccount)
    mailchimp: CrmAccount = field(default_factory=CrmAccount)
    here_only: bool = False  # services are called on this machine alone: the customers are made up


def open_receiver(rules: CrmRules, access: CrmAccess) -> Receiver:
    """Return the receiver, which the caller must close. Raises `Misconfigured` if it may not be called, or a key is missing."""
    if rules.klaviyo:
        _require(access.klaviyo, "KLAVIYO_KEY", "a private API key of Klaviyo")
        return KlaviyoEvents(access.klaviyo, here_only=access.here_only)
    if rules.mailchimp is not None:
        _require(access.mailchimp, "MAILCHIMP_KEY", "an API key of Mailchimp")
        return MailchimpFields(rules.mailchimp, access.mailchimp, here_only=access.here_only)
    if rules.webhook is None:
        return CrmFolder(access.home / (rules.folder or ""))
    if len(access.secret) < SHORTEST_SECRET:
        raise Misconfigured(
            f"CRM_SECRET is missing, or has less than {SHORTEST_SECRET} characters.",
            hint="Set it to a long random text that the CRM knows too: it signs what is posted.",
        )
    return CrmWebhook(rules.webhook, secret=access.secret, hosts=access.hosts)


def _require(account: CrmAccount, name: str, what: str) -> None:
    if not account.key:
        raise Misconfigured(f"{name} is missing.", hint=f"Set it to {what}.")
