"""An SNS topic asks once whether it may post here. The link that it gives is opened, if it leads to Amazon and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tillroll.campaign.text.clean import clean_line
from tillroll.ecwid.http.hosts import AllowedHosts
from tillroll.ecwid.http.session import CallFailed, HttpAnswer, HttpSession
from tillroll.errors import Misconfigured, Refused
from tillroll.track.mail.hooks.event import word

_HOST = re.compile(r"sns\.[a-z0-9-]{1,30}\.amazonaws\.com(\.cn)?")
_QUERY = re.compile(r"[A-Za-z0-9%&=:._~+/-]{1,1000}")
_SECONDS = 10.0

OpenLink = Callable[[str, str], HttpAnswer]
"""Opens a link: its host, and what follows it."""


def open_link(host: str, path: str) -> HttpAnswer:
    """Open a link at a host. Raises `CallFailed` or `Misconfigured`."""
    session = HttpSession(f"https://{host}", hosts=AllowedHosts(), headers={})
    try:
        return session.call("GET", path, seconds=_SECONDS)
    finally:
        session.close()


def confirm_subscription(values: Any, opened: OpenLink = open_link) -> bool:
    """Confirm a topic's subscription, if a request asks for that. Returns whether it does.

    Raises `Refused` if the link doesn't lead to Amazon, or can't be opened: the topic asks again later.
    """
    if word(values, "Type") != "SubscriptionConfirmation":
        return False
    raw = values.get("SubscribeURL")
    parts = urlsplit(raw if isinstance(raw, str) else "")
    is_plain = parts.scheme == "https" and parts.path in {"", "/"} and not parts.fragment
    if not (is_plain and _HOST.fullmatch(parts.netloc) and _QUERY.fullmatch(parts.query)):
        raise Refused("The link that confirms the subscription doesn't lead to Amazon SNS.")
    try:
        answer = opened(parts.netloc, f"/?{parts.query}")
    except (CallFailed, Misconfigured) as fault:
        raise Refused(f"The subscription can't be confirmed: {clean_line(str(fault))}.") from fault
    if not 200 <= answer.status < 300:
        raise Refused(f"Amazon SNS refuses the confirmation of the subscription: {answer.status}.")
    return True
