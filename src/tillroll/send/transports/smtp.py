"""SMTP: messages leave through a mail server, with one connection for each call of `deliver`.

The server's certificate is checked, and no password goes to a server without encryption, unless the address begins with
`smtp+insecure://`.

If the connection is lost after the data was sent, the outcome is unknown and recorded as such (RFC 5321, section 4.5.3.2.6: the
wait for the last reply is where duplicates come from).
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote, urlsplit

from tillroll.campaign.language.models import Via
from tillroll.campaign.text.clean import clean_line
from tillroll.errors import Misconfigured, Refused
from tillroll.rendering.addresses import mailbox, sender_of
from tillroll.rendering.mime import Outgoing
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transport import Delivery, Departed, MayLeave, always
from tillroll.send.transports.bounded_smtp import BoundedSmtp, BoundedSmtpTls

_SECONDS = 30.0  # for a connection, for a reply, and for a message to be taken
_GO_ON, _CLOSING = 354, 421


@dataclass(frozen=True, kw_only=True)
class SmtpServer:
    """The mail server that messages are handed to."""

    host: str
    port: int
    user: str  # empty: no login
    password: str
    tls: bool  # encrypted from the first byte (smtps)
    starttls: bool  # encrypted if the server offers it
    is_checked: bool = True  # its certificate; and no password goes to it without encryption

    @classmethod
    def from_url(cls, url: str) -> SmtpServer:
        """Read `smtp://user:password@host:587` (STARTTLS if offered) or `smtps://…:465`. Raises `Misconfigured`.

        `smtp+insecure://` and `smtps+insecure://` accept any certificate, and give the password without encryption too.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as fault:
            raise Misconfigured(
                "SMTP_URL is not a valid address.", hint="Write it like smtp://user:password@host:587"
            ) from fault
        scheme, _, insecure = parts.scheme.partition("+")
        if scheme not in {"smtp", "smtps"} or insecure not in {"", "insecure"} or not parts.hostname:
            raise Misconfigured(
                "SMTP_URL must begin with smtp:// or smtps:// and name a host.",
                hint="Write it like smtp://user:password@host:587",
            )
        tls = scheme == "smtps"
        return cls(
            host=parts.hostname,
            port=port or (465 if tls else 587),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls=tls,
            starttls=not tls,
            is_checked=not insecure,
        )


class _NotEncrypted(Exception):
    """The server offers no encryption, and a password would go to it."""

    def __str__(self) -> str:
        advice = "use smtps://, or smtp+insecure:// on a network that you trust"
        return f"it offers no encryption, so the password isn't given to it; {advice}"


def _trusting(server: SmtpServer) -> ssl.SSLContext:
    """Return how the server's certificate is checked: by the machine's list of authorities, and for the server's name."""
    context = ssl.create_default_context()
    if not server.is_checked:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Smtp:
    """A transport that hands messages to one mail server."""

    name = Via.SMTP.value

    def __init__(
        self, server: SmtpServer, *, seconds: float = _SECONDS, context: ssl.SSLContext | None = None
    ) -> None:
        """`seconds`: the most that the server may take to connect, to reply, and to take a message.

        `context`: which certificates are trusted; by default, those that the machine trusts.
        """
        self._server, self._seconds = server, seconds
        self._context = context or _trusting(server)

    def deliver(self, messages: Sequence[Outgoing], may_leave: MayLeave = always) -> Iterator[Delivery]:
        """Hand the messages over on one connection. If it fails or is lost, the remaining messages are for later."""
        try:
            connection = self._connect()
        except Exception as fault:  # whatever it is, it isn't the fault of a message
            yield from _all_later(messages, f"the mail server can't be reached: {_describe(fault)}")
            return
        remaining = list(messages)
        try:
            while remaining and may_leave(remaining[:1]):
                delivery, is_lost = self._hand_over(connection, remaining.pop(0))
                yield delivery
                if is_lost:
                    yield from _all_later(remaining, "the mail server closed the connection")
                    return
        finally:
            connection.close()

    def delivered(self, keys: Collection[str]) -> frozenset[str] | None:
        """Return None: a mail server can't be asked."""
        return None

    def since(self, moment: datetime) -> Iterator[Departed] | None:
        """Return None: a mail server keeps no log that we can read."""
        return None

    def _connect(self) -> BoundedSmtp:
        server = self._server
        connection = (
            BoundedSmtpTls(server.host, server.port, timeout=self._seconds, context=self._context)
            if server.tls
            else BoundedSmtp(server.host, server.port, timeout=self._seconds)
        )
        try:
            connection.ehlo()
            is_encrypted = server.tls
            if server.starttls and connection.has_extn("starttls"):
                connection.starttls(context=self._context)
                is_encrypted = True
            if server.user:
                if server.is_checked and not is_encrypted:
                    raise _NotEncrypted
                connection.login(server.user, server.password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _hand_over(self, connection: BoundedSmtp, message: Outgoing) -> tuple[Delivery, bool]:
        """Hand one message over. Returns what became of it, and whether the connection is lost.

        Until its data is on the way, nothing has left: a lost connection costs it nothing, and a fault is its own.
        """
        is_leaving = is_lost = False
        try:
            reply = self._open(connection, message)
            if reply.code == _GO_ON:
                is_leaving = True
                reply = _Reply(*connection.send_content(message.content))
            outcome, reason = reply.outcome, reply.reason
            if outcome is DeliveryOutcome.SENT and not is_leaving:
                outcome, reason = DeliveryOutcome.LATER, "the mail server did not ask for the message"
            is_lost = reply.code == _CLOSING
        except (smtplib.SMTPServerDisconnected, OSError) as fault:
            outcome = DeliveryOutcome.UNKNOWN if is_leaving else DeliveryOutcome.LATER
            what = "the reply was lost" if is_leaving else "the connection was lost"
            reason, is_lost = f"{what}: {_describe(fault)}", True
        except Refused as refusal:
            outcome, reason = DeliveryOutcome.FAILED, refusal.message
        except Exception as fault:
            outcome = DeliveryOutcome.UNKNOWN if is_leaving else DeliveryOutcome.FAILED
            reason, is_lost = f"{type(fault).__name__}: {_describe(fault)}", is_leaving
        if outcome is not DeliveryOutcome.SENT and not is_lost:
            is_lost = not _is_ready(connection)
        return Delivery(message_id=message.message_id, outcome=outcome, reason=reason), is_lost

    def _open(self, connection: BoundedSmtp, message: Outgoing) -> _Reply:
        """Name the sender and the one recipient, and ask to send. Returns the server's last reply.

        Raises `Refused` for an address.
        """
        sender, reader = sender_of(message.sender), mailbox("", message.to)
        needs_utf8 = sender.needs_utf8 or reader.needs_utf8
        if needs_utf8 and not connection.has_extn("smtputf8"):
            raise Refused(
                "The mail server takes no e-mail addresses with such letters before the @ (it doesn't offer SMTPUTF8)."
            )
        connection.command_encoding = "utf-8" if needs_utf8 else "ascii"
        options = [f"SIZE={len(message.content)}"] if connection.has_extn("size") else []
        options += ["BODY=8BITMIME", "SMTPUTF8"] if needs_utf8 else []
        reply = _Reply(*connection.docmd("MAIL", " ".join([f"FROM:<{sender.address}>", *options])))
        if reply.outcome is DeliveryOutcome.SENT:
            reply = _Reply(*connection.docmd("RCPT", f"TO:<{reader.address}>"))
        return _Reply(*connection.docmd("DATA")) if reply.outcome is DeliveryOutcome.SENT else reply


@dataclass(frozen=True)
class _Reply:
    """What the server said to a command."""

    code: int
    text: bytes | str

    @property
    def outcome(self) -> DeliveryOutcome:
        """What it means for the message."""
        if 200 <= self.code < 300:
            return DeliveryOutcome.SENT
        return DeliveryOutcome.FAILED if self.code >= 500 else DeliveryOutcome.LATER

    @property
    def reason(self) -> str:
        """The reply, for people; empty if the message was sent."""
        if self.outcome is DeliveryOutcome.SENT:
            return ""
        text = self.text.decode(errors="replace") if isinstance(self.text, bytes) else self.text
        return clean_line(f"{self.code} {text}")


def _is_ready(connection: BoundedSmtp) -> bool:
    """Forget a message that wasn't sent. Returns whether the server takes another."""
    try:
        return 200 <= connection.rset()[0] < 300
    except (smtplib.SMTPException, OSError):
        return False


def _all_later(messages: Sequence[Outgoing], reason: str) -> Iterator[Delivery]:
    for message in messages:
        yield Delivery(message_id=message.message_id, outcome=DeliveryOutcome.LATER, reason=reason)


def _describe(fault: Exception) -> str:
    if isinstance(fault, smtplib.SMTPResponseException):
        return _Reply(fault.smtp_code, fault.smtp_error).reason
    return clean_line(str(fault)) or type(fault).__name__
