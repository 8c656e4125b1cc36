"""Mailchimp: the code that a customer has now, in fields of the audience's member. Nobody is added or subscribed.

Sources, and what isn't done: docs/crm.md. One member a request: the batch ways would add whoever isn't in the audience.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import datetime
from typing import Any

from tillroll.campaign.language.crm import MailchimpRules
from tillroll.campaign.text.zones import zone_of
from tillroll.crm.receivers.account import CrmAccount
from tillroll.crm.receivers.answers import ReceiverAnswer
from tillroll.crm.receivers.receiver import EventBatch
from tillroll.crm.receivers.service_calls import (
    MOST,
    TAKEN,
    ServiceCalls,
    Told,
    open_session,
    refused,
    tell_each,
)
from tillroll.ledger.crm.current import CurrentCode
from tillroll.rendering.last_moment import last_day

_KIND = "application/json"
_ABOUT_KEY = "Set MAILCHIMP_KEY to an API key of the account, with its data center at the end, like -us21"
_TEXT, _DATE = frozenset({"text"}), frozenset({"date", "text"})


class MailchimpFields:
    """Shows codes in the fields of members. A call that is repeated changes nothing more."""

    one_of_each = True
    most = MOST
    shows_codes = True

    def __init__(self, rules: MailchimpRules, account: CrmAccount, *, here_only: bool) -> None:
        """Prepare calls. Raises `Misconfigured` if the address may not be called."""
        self.name = f"Mailchimp audience {rules.audience}"
        self._rules, self._is_checked = rules, False
        login = b64encode(f"tillroll:{account.key}".encode()).decode()
        own = f"https://{account.key.rpartition('-')[2]}.api.mailchimp.com"
        session = open_session(
            "Mailchimp", own, account, {"Authorization": f"Basic {login}"}, here_only=here_only
        )
        self._calls = ServiceCalls("Mailchimp", session, kind=_KIND, about_key=_ABOUT_KEY)

    def close(self) -> None:
        self._calls.close()

    def take(self, batch: EventBatch, now: datetime) -> ReceiverAnswer:
        if not self._is_checked:
            trouble = self._check(now)
            if trouble is not None:
                return trouble
            self._is_checked = True
        return tell_each(
            batch.events,
            lambda _event, email, _told: self._show(email, batch.code_of(email), batch.zone, now),
            lambda email: self._show(email, None, batch.zone, now),
        )

    def _check(self, now: datetime) -> ReceiverAnswer | None:
        """Return what is wrong with the audience: later, a member who isn't in it is the member's own matter.

        Mailchimp takes a field that the audience doesn't have, and shows nothing.
        """
        path = f"/3.0/lists/{self._rules.audience}/merge-fields?fields=merge_fields.tag,merge_fields.type&count=1000"
        told = self._calls.call("GET", path, now)
        if told.status == 404:
            said = f"the account has no audience {self._rules.audience}: correct mailchimp: in rules/crm.yaml"
            return ReceiverAnswer(status=404, said=said)
        if not told.is_good:
            return ReceiverAnswer(status=told.status, said=told.said, wait=told.wait)
        lacking = lacking_fields(self._rules, told.values)
        return ReceiverAnswer(status=0, said=lacking) if lacking else None

    def _show(self, email: str, code: CurrentCode | None, zone: str, now: datetime) -> Told:
        """Show a member's code, or that they have none."""
        path = f"/3.0/lists/{self._rules.audience}/members/{member_of(email)}?skip_merge_validation=true"
        body = {"merge_fields": _fields(self._rules, code, zone)}
        secrets = (email, code.code if code is not None else "")
        told = self._calls.call("PATCH", path, now, body=body, secrets=secrets)
        if told.status != 404:
            return told
        verdict = TAKEN if code is None else refused("they are not in the audience", for_good=True)
        return Told(status=404, verdict=verdict)


def member_of(email: str) -> str:
    """Return how Mailchimp names a member: the MD5 hash of the address in lower case."""
    return hashlib.md5(email.strip().lower().encode(), usedforsecurity=False).hexdigest()


def lacking_fields(rules: MailchimpRules, values: Any) -> str:
    """Return what is wrong with the fields of an audience, with what to do; empty: nothing."""
    rows = values.get("merge_fields") if isinstance(values, dict) else None
    types = {str(row.get("tag")): str(row.get("type")) for row in rows or () if isinstance(row, dict)}
    for tag in rules.tags:
        if tag not in types:
            where = "Audience, Settings, Audience fields and merge tags"
            return f"the audience has no field {tag}: add it in Mailchimp ({where})"
        if types[tag] not in (_DATE if tag == rules.until else _TEXT):
            wanted = "date or text" if tag == rules.until else "text"
            return f"the audience's field {tag} is of the type {types[tag]}: make one of the type {wanted}"
    return ""


def _fields(rules: MailchimpRules, code: CurrentCode | None, zone: str) -> dict[str, str]:
    until = code.valid_until if code is not None else None
    shown = {
        rules.code: code.code if code is not None else "",
        rules.until: last_day(until, zone_of(zone)).isoformat() if until is not None else "",
        rules.campaign: code.campaign if code is not None else "",
    }
    return {tag: value for tag, value in shown.items() if tag is not None}
