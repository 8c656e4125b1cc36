"""SMTP: messages leave through a mail server, with one connection for each call of `deliver`, and another if the server ends it.

The server's certificate is checked, and no password goes to a server without encryption, unless the address begins with
`smtp+insecure://`.

Until the line that ends a message is on its way, nothing has left. If the connection is lost after that, the outcome is unknown
and recorded as such (RFC 5321, section 4.5.3.2.6: the wait for the last reply is where duplicates come from). A message during
which the server ends a connection before that is handed over once more on the next one, at no cost to it.
"""

from __future__ import annotations

import smtplib
import ssl
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from datetime import datetime

from tillroll.campaign.language.models import Via
from tillroll.campaign.text.clean import clean_line
from tillroll.clock import SystemClock
from tillroll.errors import Refused
from tillroll.ledger.consent.return_path import ReturnPath
from tillroll.rendering.mime import Outgoing
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.transport import OPEN, Delivery, Departed, Gate
from tillroll.send.transports.bounded_smtp import BoundedSmtp, BoundedSmtpTls, InUtf8
from tillroll.send.transports.crew import Crew, Handed, Trade
from tillroll.send.transports.envelope import open_message
from tillroll.send.transports.replies import CLOSING, GO_ON, Judgement, SmtpReply, SmtpStep, judge
from tillroll.send.transports.smtp_server import SmtpServer, trusting
from tillroll.send.trouble import Trouble

_CLOCK = SystemClock()
_BATCH, _LARGEST_BATCH, _BATCH_OF_A_CONNECTION = 100, 500, 50
_SECONDS = 30.0  # for a connection, for a reply, and for a message to be taken


class _NotEncrypted(Exception):
    """The server offers no encryption, and a password would go to it."""

    def __str__(self) -> str:
        advice = "use smtps://, or smtp+insecure:// on a network that you trust"
        return f"it offers no encryption, so the password isn't given to it; {advice}"


class Smtp:
    """A transport that hands messages to one mail server."""

    via = Via.SMTP
    keeps_log = False

    def __init__(
        self,
        server: SmtpServer,
        *,
        name: str = Via.SMTP.value,
        seconds: float = _SECONDS,
        context: ssl.SSLContext | None = None,
        return_path: ReturnPath | None = None,
    ) -> None:
        """`seconds`: the most that the server may take to connect, to reply, and to take a message.

        `context`: which certificates are trusted; by default, those that the machine trusts. `return_path`: where what can't be
        delivered is sent back to; by default, the sender.
        """
        self.name = name
        self._server, self._seconds, self._return_path = server, seconds, return_path
        self._context = context or trusting(server)
        self._limit = _Limit(server.per_connection)
        self.batch = max(_BATCH, min(_LARGEST_BATCH, _BATCH_OF_A_CONNECTION * server.connections))

    def deliver(self, messages: Sequence[Outgoing], gate: Gate = OPEN) -> Iterator[Delivery]:
        """Hand the messages over, on as many connections as it takes: one after the other, or several at once.

        Each connection must settle a message; a message that two connections end at waits, and the others go on.
        """
        server = self._server
        if len(messages) > 1 and (server.connections > 1 or server.per_connection or server.rate):
            return Crew(self._trade(), messages, gate).hand_all_over()
        return self._deliver_in_turn(messages, gate)

    def _deliver_in_turn(self, messages: Sequence[Outgoing], gate: Gate) -> Iterator[Delivery]:
        remaining: deque[Outgoing] = deque(messages)
        ended_at: Outgoing | None = None  # the message at which the connection before ended
        while remaining:
            try:
                connection = self._connect()
            except Exception as fault:  # whatever it is, it isn't the fault of a message
                yield from map(_unreachable(fault), remaining)
                return
            try:
                last = yield from self._converse(connection, remaining, gate)
            finally:
                connection.close()
            if last.may_not:
                return
            if last.has_hung:
                yield from map(_hung, remaining)
                return
            if (
                last.delivery is None and remaining[0] is ended_at
            ):  # it may be the cause, or the server is in trouble
                yield _ended_twice(remaining.popleft())
            elif last.delivery is None:
                ended_at = remaining[0]

    def _converse(
        self, connection: BoundedSmtp, remaining: deque[Outgoing], gate: Gate
    ) -> Generator[Delivery, None, Handed]:
        """Hand messages over while a connection lasts, and drop the settled ones. Returns what came of the last one."""
        while True:
            handed = self._hand_over(connection, remaining[0], gate)
            if handed.delivery is not None:
                remaining.popleft()
                yield handed.delivery
            if handed.delivery is None or handed.is_lost or not remaining:
                return handed

    def _trade(self) -> Trade:
        server = self._server
        return Trade(
            connect=self._connect,
            hand_over=self._hand_over,
            unreachable=_unreachable,
            hung=_hung,
            ended_twice=_ended_twice,
            connections=server.connections,
            pause=server.rate.seconds / server.rate.count if server.rate is not None else 0.0,
            most_served=self._limit.most,
            note_end=self._limit.note,
        )

    def delivered(self, keys: Collection[str]) -> frozenset[str] | None:
        """Return None: a mail server can't be asked."""
        return None

    def since(self, moment: datetime) -> Iterator[Departed] | None:
        """Return None: a mail server keeps no log that we can read."""
        return None

    def _connect(self) -> BoundedSmtp:
        server = self._server
        connection = (
            BoundedSmtpTls(
                server.host, server.port, server.helo, timeout=self._seconds, context=self._context
            )
            if server.tls
            else BoundedSmtp(server.host, server.port, server.helo, timeout=self._seconds)
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
                connection.login(InUtf8(server.user), InUtf8(server.password))
        except BaseException:
            connection.close()
            raise
        return connection

    def _hand_over(self, connection: BoundedSmtp, message: Outgoing, gate: Gate) -> Handed:
        """Hand one message over. Until its end is on the way nothing has left, and a lost connection costs it nothing."""
        if not gate.may_leave([message]):
            return Handed(delivery=None, is_lost=True, may_not=True)
        is_leaving, began = False, _CLOCK.monotonic()
        try:
            step, reply = open_message(connection, message, self._return_path)
            if reply.code == GO_ON:
                connection.send_content(message.content)
                if not gate.leaves(message):
                    return Handed(delivery=None, is_lost=True, may_not=True)
                is_leaving = True
                step, reply = SmtpStep.CONTENT, SmtpReply.of(connection.end_content())
        except (smtplib.SMTPServerDisconnected, OSError) as fault:
            has_hung = _CLOCK.monotonic() - began >= self._seconds
            if not is_leaving:
                return Handed(delivery=None, is_lost=True, has_hung=has_hung)
            reason = f"the reply was lost: {_describe(fault)}"
            delivery = _delivery(message, DeliveryOutcome.UNKNOWN, reason, Trouble.UNREACHABLE)
            return Handed(delivery=delivery, is_lost=True, has_hung=has_hung)
        except Refused as refusal:
            delivery = _delivery(message, DeliveryOutcome.FAILED, refusal.message)
            return Handed(delivery=delivery, is_lost=not _is_ready(connection))
        except Exception as fault:
            outcome = DeliveryOutcome.UNKNOWN if is_leaving else DeliveryOutcome.FAILED
            reason = f"{type(fault).__name__}: {_describe(fault)}"
            is_lost = is_leaving or not _is_ready(connection)
            return Handed(delivery=_delivery(message, outcome, reason), is_lost=is_lost)
        if reply.code == CLOSING:  # it takes no more on this connection, and did not take this one
            return Handed(delivery=None, is_lost=True)
        delivery = _judged(message, judge(step, reply), step, reply)
        is_lost = delivery.outcome is not DeliveryOutcome.SENT and not _is_ready(connection)
        return Handed(delivery=delivery, is_lost=is_lost)


def _judged(message: Outgoing, judgement: Judgement, step: SmtpStep, reply: SmtpReply) -> Delivery:
    if judgement.outcome is DeliveryOutcome.SENT and step is not SmtpStep.CONTENT:
        return _delivery(message, DeliveryOutcome.LATER, "the mail server did not ask for the message")
    reason = "" if judgement.outcome is DeliveryOutcome.SENT else reply.say()
    return Delivery(
        message_id=message.message_id,
        outcome=judgement.outcome,
        reason=reason,
        trouble=judgement.trouble,
        status=reply.status,
    )


def _is_ready(connection: BoundedSmtp) -> bool:
    """Forget a message that wasn't sent. Returns whether the server takes another."""
    try:
        return 200 <= connection.rset()[0] < 300
    except (smtplib.SMTPException, OSError):
        return False


def _delivery(
    message: Outgoing, outcome: DeliveryOutcome, reason: str, trouble: Trouble | None = None
) -> Delivery:
    return Delivery(message_id=message.message_id, outcome=outcome, reason=reason, trouble=trouble)


def _unreachable(fault: Exception) -> Callable[[Outgoing], Delivery]:
    """Return the outcome of each message when no connection could be made."""
    reason, trouble = f"the mail server can't be reached: {_describe(fault)}", _why_unreachable(fault)
    return lambda message: _delivery(message, DeliveryOutcome.UNTRIED, reason, trouble)


def _hung(message: Outgoing) -> Delivery:
    reason = "the mail server doesn't answer"
    return _delivery(message, DeliveryOutcome.UNTRIED, reason, Trouble.UNREACHABLE)


def _ended_twice(message: Outgoing) -> Delivery:
    reason = "the mail server ended two connections at it"
    return _delivery(message, DeliveryOutcome.LATER, reason, Trouble.UNREACHABLE)


class _Limit:
    """How many messages the server takes on a connection: as the address says, or less, if it ends two after the same number."""

    def __init__(self, said: int | None) -> None:
        self._most, self._last = said, 0

    def most(self) -> int | None:
        return self._most

    def note(self, served: int) -> None:
        """Note that the server ended a connection after so many messages."""
        if served and served == self._last:
            self._most = min(served, self._most or served)
        self._last = served


def _why_unreachable(fault: Exception) -> Trouble:
    """Return why no connection could be made."""
    if isinstance(fault, (_NotEncrypted, ssl.SSLError)):
        return Trouble.ENCRYPTION
    if isinstance(fault, smtplib.SMTPAuthenticationError) and fault.smtp_code != CLOSING:
        return (
            judge(SmtpStep.LOGIN, SmtpReply.of((fault.smtp_code, fault.smtp_error))).trouble or Trouble.LOGIN
        )
    if isinstance(fault, smtplib.SMTPNotSupportedError):  # the server offers no login
        return Trouble.LOGIN
    return Trouble.UNREACHABLE


def _describe(fault: Exception) -> str:
    if isinstance(fault, smtplib.SMTPResponseException):
        return SmtpReply.of((fault.smtp_code, fault.smtp_error)).say()
    return clean_line(str(fault)) or type(fault).__name__
