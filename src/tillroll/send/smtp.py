"""SMTP: messages leave through a mail server, one connection a handful of messages.

A server that drops the line after the data went out leaves the outcome unknown (RFC 5321, section 4.5.3.2.6: the wait for
the last answer is where duplicates come from), and that is what is recorded.
"""

from __future__ import annotations

import smtplib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote, urlsplit

from tillroll.errors import Misconfigured
from tillroll.send.decide import Outcome
from tillroll.send.mime import Outgoing
from tillroll.send.transport import Delivery, Departed

_TIMEOUT = 30.0


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where mail is handed in."""

    host: str
    port: int
    user: str
    password: str
    tls: bool  # from the first byte (smtps)
    starttls: bool  # as soon as the server offers it

    @classmethod
    def from_url(cls, url: str) -> Server:
        """`smtp://user:password@host:587` (STARTTLS when offered) or `smtps://…:465`."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as fault:
            raise Misconfigured(
                "SMTP_URL is not an address.", hint="Write it like smtp://user:password@host:587"
            ) from fault
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise Misconfigured(
                "SMTP_URL must begin with smtp:// or smtps:// and name a host.",
                hint="Write it like smtp://user:password@host:587",
            )
        tls = parts.scheme == "smtps"
        return cls(
            host=parts.hostname,
            port=port or (465 if tls else 587),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls=tls,
            starttls=not tls,
        )


class Smtp:
    """Hands messages to one server."""

    name = "smtp"

    def __init__(self, server: Server) -> None:
        self._server = server

    def deliver(self, messages: Sequence[Outgoing]) -> Iterator[Delivery]:
        """One connection for all; when it can't be had, or is lost, the messages not yet begun are for later."""
        try:
            connection = self._connect()
        except (OSError, smtplib.SMTPException) as fault:
            yield from _all_later(messages, f"the mail server can't be reached: {_say(fault)}")
            return
        left = list(messages)
        try:
            while left:
                delivery, lost = self._one(connection, left.pop(0))
                yield delivery
                if lost:
                    yield from _all_later(left, "the mail server closed the connection")
                    return
        finally:
            connection.close()

    def delivered(self, keys: Collection[str]) -> frozenset[str] | None:
        """A mail server can't be asked."""
        return None

    def since(self, moment: datetime) -> Iterator[Departed] | None:
        """A mail server keeps no record that we could read."""
        return None

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        kind = smtplib.SMTP_SSL if server.tls else smtplib.SMTP
        connection = kind(server.host, server.port, timeout=_TIMEOUT)
        try:
            connection.ehlo()
            if server.starttls and connection.has_extn("starttls"):
                connection.starttls()
            if server.user:
                connection.login(server.user, server.password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _one(self, connection: smtplib.SMTP, message: Outgoing) -> tuple[Delivery, bool]:
        """What became of one message, and whether the connection is lost."""

        def say(outcome: Outcome, reason: str = "", *, lost: bool = False) -> tuple[Delivery, bool]:
            return Delivery(message_id=message.message_id, outcome=outcome, reason=reason), lost

        try:
            connection.sendmail(message.sender, [message.to], message.content)
        except smtplib.SMTPRecipientsRefused as fault:
            code, words = next(iter(fault.recipients.values()))
            return say(
                Outcome.FAILED if code >= 500 else Outcome.LATER, f"{code} {words.decode(errors='replace')}"
            )
        except smtplib.SMTPResponseException as fault:
            return say(Outcome.FAILED if fault.smtp_code >= 500 else Outcome.LATER, _say(fault))
        except smtplib.SMTPNotSupportedError as fault:
            return say(Outcome.FAILED, _say(fault))
        except (smtplib.SMTPServerDisconnected, OSError) as fault:
            return say(Outcome.UNKNOWN, f"the answer was lost: {_say(fault)}", lost=True)
        return say(Outcome.SENT)


def _all_later(messages: Sequence[Outgoing], reason: str) -> Iterator[Delivery]:
    for message in messages:
        yield Delivery(message_id=message.message_id, outcome=Outcome.LATER, reason=reason)


def _say(fault: Exception) -> str:
    if isinstance(fault, smtplib.SMTPResponseException):
        words = (
            fault.smtp_error.decode(errors="replace")
            if isinstance(fault.smtp_error, bytes)
            else fault.smtp_error
        )
        return f"{fault.smtp_code} {words}"
    return str(fault) or type(fault).__name__
