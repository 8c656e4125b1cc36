"""Which mail service an address names."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tillroll.campaign.language.models import Via
from tillroll.clock import Clock
from tillroll.ecwid.http.session import HttpSession
from tillroll.errors import Misconfigured
from tillroll.send.transports.services.address import ServiceAddress
from tillroll.send.transports.services.api import MailApi
from tillroll.send.transports.services.brevo import BrevoApi
from tillroll.send.transports.services.mailgun import MailgunApi
from tillroll.send.transports.services.postmark import PostmarkApi
from tillroll.send.transports.services.resend import ResendApi
from tillroll.send.transports.services.sendgrid import SendgridApi
from tillroll.send.transports.services.service import MailService
from tillroll.send.transports.services.ses import SesApi
from tillroll.send.transports.services.webhook import WebhookApi


class _Kind(NamedTuple):
    """How a service is made from its address."""

    example: str  # of the address
    of: Callable[[ServiceAddress], tuple[MailApi, HttpSession]]


SERVICES: dict[Via, _Kind] = {
    Via.POSTMARK: _Kind("postmark://TOKEN@?stream=broadcast", PostmarkApi.of),
    Via.SENDGRID: _Kind("sendgrid://KEY@", SendgridApi.of),
    Via.MAILGUN: _Kind("mailgun://KEY@mail.shop.example?region=eu", MailgunApi.of),
    Via.BREVO: _Kind("brevo://KEY@", BrevoApi.of),
    Via.SES: _Kind("ses://ACCESS:SECRET@eu-central-1", SesApi.of),
    Via.RESEND: _Kind("resend://KEY@", ResendApi.of),
    Via.WEBHOOK: _Kind("webhook+https://shop.example/mail?secret=…", WebhookApi.of),
}


def open_service(via: Via, url: str, clock: Clock, *, name: str = "", seconds: float = 30.0) -> MailService:
    """Return the mail service that an address names. Raises `Misconfigured` with what is wrong, in one sentence.

    `name`: what its transport is called, by default like the service. `seconds`: the most that an answer may take.
    """
    kind = SERVICES[via]
    address = ServiceAddress.from_url(url, via, example=kind.example)
    if address.scheme not in ({"webhook+https", "webhook+http"} if via is Via.WEBHOOK else {via.value}):
        raise Misconfigured("The address is not valid.", hint=f"Write it like {kind.example}")
    api, session = kind.of(address)
    return MailService(
        api,
        session,
        clock,
        name=name,
        batch=address.batch(api.most),
        connections=address.connections(),
        seconds=seconds,
    )
