"""Klaviyo: an event of the customer's profile for each event of a code, and the code that works now as properties of the profile.

Sources, and what isn't done: docs/crm.md. One event a request, not the bulk jobs: these answer before they work, and say nothing
about a single event.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

from tillroll.campaign.text.zones import zone_of
from tillroll.crm.receivers.account import CrmAccount
from tillroll.crm.receivers.answers import ReceiverAnswer
from tillroll.crm.receivers.receiver import ComposedEvent, EventBatch
from tillroll.crm.receivers.service_calls import (
    MOST,
    Json,
    ServiceCalls,
    Told,
    open_session,
    tell_each,
)
from tillroll.ledger.crm.current import CurrentCode
from tillroll.rendering.last_moment import last_day

BASE = "https://a.klaviyo.com"
REVISION = "2026-07-15"
CODE, CAMPAIGN, UNTIL = "tillroll_code", "tillroll_campaign", "tillroll_code_until"
"""The properties of a profile."""

_KIND = "application/vnd.api+json"
_ABOUT_KEY = "Set KLAVIYO_KEY to a private API key of the account with the scopes events:write, profiles:read and profiles:write"
_ISSUED = "code.issued"
_STARTS_FLOW = "Tillroll code issued"


class KlaviyoEvents:
    """Tells Klaviyo of codes. An event that is told again has the same `unique_id`, so Klaviyo records it once."""

    name = "Klaviyo"
    one_of_each = True
    most = MOST
    shows_codes = True

    def __init__(self, account: CrmAccount, *, here_only: bool) -> None:
        """Prepare calls. Raises `Misconfigured` if the address may not be called."""
        headers = {
            "Authorization": f"Klaviyo-API-Key {account.key}",
            "revision": REVISION,
            "Accept": _KIND,
        }
        session = open_session("Klaviyo", BASE, account, headers, here_only=here_only)
        self._calls = ServiceCalls("Klaviyo", session, kind=_KIND, about_key=_ABOUT_KEY)

    def close(self) -> None:
        self._calls.close()

    def take(self, batch: EventBatch, now: datetime) -> ReceiverAnswer:
        def tell(event: ComposedEvent, email: str, told: Json) -> Told:
            code = batch.code_of(email)
            body = {"data": {"type": "event", "attributes": _event(event, told, code, batch.zone)}}
            secrets = (email, told["data"].get("code") or "", code.code if code is not None else "")
            return self._calls.call("POST", "/api/events", now, body=body, secrets=secrets)

        return tell_each(batch.events, tell, lambda email: self._forget(email, now))

    def _forget(self, email: str, now: datetime) -> Told:
        """Take our properties out of the profile of somebody who was erased here, without making a profile."""
        escaped = email.replace("\\", "\\\\").replace('"', '\\"')
        wanted = quote(f'equals(email,"{escaped}")', safe="")
        told = self._calls.call("GET", f"/api/profiles?filter={wanted}", now, secrets=(email,))
        for profile_id in _ids_in(told.values):
            data = {"type": "profile", "id": profile_id, "attributes": {}, "meta": _cleared()}
            path = f"/api/profiles/{quote(profile_id, safe='')}"
            told = self._calls.call("PATCH", path, now, body={"data": data}, secrets=(email,))
        return told


def metric_of(told: Json) -> str:
    """Return the name of an event in Klaviyo. A code is issued there once it works, so that no flow shows it too early."""
    kind, data = told["type"], told["data"]
    if kind == _ISSUED and not data.get("works", True):
        return "Tillroll code made ahead"
    if kind == "code.resumed" and data.get("launched"):
        kind = _ISSUED
    return f"Tillroll {kind.replace('.', ' ').replace('_', ' ')}"


def _unique_id(event: ComposedEvent, told: Json) -> str:
    """Return what Klaviyo knows an event again by. A code starts a flow once, also if a restored ledger tells it anew."""
    if metric_of(told) != _STARTS_FLOW or event.is_history:
        return event.key
    return f"{told['store']}-issued-{told['data']['code']}"


def _event(event: ComposedEvent, told: Json, code: CurrentCode | None, zone: str) -> Json:
    data = told["data"]
    about = {name: data[name] for name in ("code", "campaign", "order") if data.get(name)}
    times = {name: _local(data[name], zone) for name in ("valid_from", "valid_until") if data.get(name)}
    if data.get("valid_until"):
        times["last_day"] = _last_day(datetime.fromisoformat(data["valid_until"]), zone)
    return {
        "metric": {"data": {"type": "metric", "attributes": {"name": metric_of(told)}}},
        "profile": {
            "data": {"type": "profile", "attributes": _profile(told["customer"]["email"], code, zone)}
        },
        "properties": {**about, **times, "store": told["store"], "sequence": told["sequence"]},
        "time": told["told_at"],
        "unique_id": _unique_id(event, told),
        **({"backfill": True} if event.is_history else {}),
    }


def _profile(email: str, code: CurrentCode | None, zone: str) -> Json:
    if code is None:
        return {"email": email, "meta": _cleared()}
    until = _last_day(code.valid_until, zone) if code.valid_until is not None else ""
    return {"email": email, "properties": {CODE: code.code, CAMPAIGN: code.campaign, UNTIL: until}}


def _cleared() -> Json:
    return {"patch_properties": {"unset": [CODE, CAMPAIGN, UNTIL]}}


def _local(raw: str, zone: str) -> str:
    """Return a moment as the store's clock shows it."""
    return datetime.fromisoformat(raw).astimezone(zone_of(zone)).isoformat(timespec="seconds")


def _last_day(end: datetime, zone: str) -> str:
    """Return the last day on which a code works. A code that ends at midnight has ended on the day that its end names."""
    return last_day(end, zone_of(zone)).isoformat()


def _ids_in(values: Any) -> list[str]:
    rows = values.get("data") if isinstance(values, dict) else None
    return [str(row["id"]) for row in rows or () if isinstance(row, dict) and row.get("id")]
