"""The envelope of one message: its sender and its one recipient, and the question whether the server wants it.

A server that offers PIPELINING (RFC 2920) is told all three at once: three answers for the time of one. One that offers DSN (RFC
3461) is asked to report only what can't be delivered, without the e-mail's body, and to name the message and its reader: so
nobody gets a notice for each e-mail that is merely delayed.
"""

from __future__ import annotations

import re

from tillroll.errors import Refused
from tillroll.ledger.consent.return_path import ReturnPath
from tillroll.rendering.addresses import mailbox, sender_of
from tillroll.rendering.mime import Outgoing
from tillroll.send.transports.bounded_smtp import BoundedSmtp
from tillroll.send.transports.replies import GO_ON, SmtpReply, SmtpStep

_NOT_PLAIN = re.compile(r"[^!-*,-<>-~]")
_STEPS = (SmtpStep.SENDER, SmtpStep.RECIPIENT, SmtpStep.DATA)


def open_message(
    connection: BoundedSmtp, message: Outgoing, return_path: ReturnPath | None
) -> tuple[SmtpStep, SmtpReply]:
    """Name the sender and the one recipient, and ask to send. Returns the server's last reply, and to what.

    `return_path`: where what can't be delivered is sent back to; None: to the sender. Raises `Refused` for an address.
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
    back_to = return_path.of(message.key) if return_path is not None else sender.address
    wanted = ["NOTIFY=FAILURE"] if connection.has_extn("dsn") else []
    if wanted:
        options += ["RET=HDRS", f"ENVID={_in_xtext(message.key)}"]
        wanted += [] if reader.needs_utf8 else [f"ORCPT=rfc822;{_in_xtext(reader.address)}"]
    commands = (
        " ".join([f"MAIL FROM:<{back_to}>", *options]),
        " ".join([f"RCPT TO:<{reader.address}>", *wanted]),
        "DATA",
    )
    if connection.has_extn("pipelining"):
        return _at_once(connection, commands)
    answers = (
        (step, SmtpReply.of(connection.docmd(command)))
        for step, command in zip(_STEPS, commands, strict=True)
    )
    return next(answer for answer in answers if answer[0] is SmtpStep.DATA or not answer[1].is_good)


def _at_once(connection: BoundedSmtp, commands: tuple[str, ...]) -> tuple[SmtpStep, SmtpReply]:
    """Send the commands together. If one is refused, the message is not wanted, whatever the server says to the next ones."""
    connection.send("".join(f"{command}\r\n" for command in commands))
    replies = [SmtpReply.of(connection.getreply()) for _ in commands]
    for step, reply in zip(_STEPS[:-1], replies[:-1], strict=True):
        if not reply.is_good:
            if (
                replies[-1].code == GO_ON
            ):  # RFC 2920, section 3.1: it must be ended; there is nobody to send it to
                connection.end_content()
            return step, reply
    return SmtpStep.DATA, replies[-1]


def _in_xtext(text: str) -> str:
    """Return an ASCII text as the options of DSN take it (RFC 3461, section 4): what isn't plain is a plus and two digits."""
    return _NOT_PLAIN.sub(lambda found: f"+{ord(found[0]):02X}", text)
