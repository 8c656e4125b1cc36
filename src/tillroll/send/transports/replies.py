"""What a mail server's reply means for a message: whose fault a refusal is, and whether to try again. Pure.

Only an answer about the recipient fails the recipient. The codes are RFC 5321's (section 4.2.3) and the enhanced status codes RFC
3463's. Many servers refuse for reasons of their own with the codes for a missing mailbox; there the words decide, and a reply
that may be about something else counts as doubtful.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from tillroll.campaign.text.clean import clean_line
from tillroll.send.decide import DeliveryOutcome
from tillroll.send.trouble import Trouble

GO_ON, CLOSING = 354, 421

_ENHANCED = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})\b")
_LIMIT = re.compile(
    r"\blimit|\bquota|\brate\b|too many|exceed|throttl|slow down|\bvolume|frequen", re.IGNORECASE
)
_MAILBOX_FULL = re.compile(r"mailbox|inbox|recipient.{0,20}(full|quota|storage)", re.IGNORECASE)
_GREYLISTED = re.compile(r"gr[ae]y.?list", re.IGNORECASE)
_NOT_THEIRS = re.compile(
    r"spam|\bblock|black.?list|deny.?list|\bpolic|\brelay|\bauth|\bsender|from address|not allowed|not permitted|reputation"
    r"|dmarc|\bspf\b|dkim|\bip\b|client host|suspend",
    re.IGNORECASE,
)
_LOGIN_CODES = frozenset({530, 534, 535, 538})
_NO_SUCH_MAILBOX = frozenset({550, 551, 553})
_NO_MAIL_THERE = frozenset({521, 556})  # RFC 7504: the domain takes no mail at all
_TOO_LARGE = 552


class SmtpStep(StrEnum):
    """What the server answered."""

    LOGIN = "login"
    SENDER = "sender"  # MAIL FROM
    RECIPIENT = "recipient"  # RCPT TO
    DATA = "data"  # whether it wants the message
    CONTENT = "content"  # the message itself


@dataclass(frozen=True, kw_only=True)
class SmtpReply:
    """What a server said to a command."""

    code: int
    text: str

    @classmethod
    def of(cls, answer: tuple[int, bytes | str]) -> SmtpReply:
        code, text = answer
        return cls(code=code, text=text.decode(errors="replace") if isinstance(text, bytes) else text)

    @property
    def is_good(self) -> bool:
        return 200 <= self.code < 300

    @property
    def enhanced(self) -> tuple[int, int] | None:
        """Return subject and detail of the enhanced status code, as (1, 1) for 5.1.1; None if there is none that fits."""
        found = _ENHANCED.match(self.text)
        if found is None or int(found[1]) != self.code // 100:
            return None
        return int(found[2]), int(found[3])

    @property
    def status(self) -> str:
        """Return the codes alone: replies with the same status say the same of different recipients."""
        enhanced = self.enhanced
        return f"{self.code}" if enhanced is None else f"{self.code} {enhanced[0]}.{enhanced[1]}"

    def say(self) -> str:
        """Return the reply for people."""
        return clean_line(f"{self.code} {self.text}")


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What follows from a reply."""

    outcome: DeliveryOutcome
    trouble: Trouble | None = None  # whose it is, if it isn't the recipient's alone


_SENT = Judgement(outcome=DeliveryOutcome.SENT)
_FAILED = Judgement(outcome=DeliveryOutcome.FAILED)
_LATER = Judgement(outcome=DeliveryOutcome.LATER)


def judge(step: SmtpStep, reply: SmtpReply) -> Judgement:
    """Return what a reply to a step means for the message at hand."""
    if reply.is_good:
        return _SENT
    if step is SmtpStep.LOGIN or reply.code in _LOGIN_CODES:
        return _untried(Trouble.LOGIN)
    if step is SmtpStep.SENDER:
        return _judge_sender(reply)
    if reply.code < 500:
        return _judge_later(reply)
    if reply.enhanced is not None:
        return _judge_enhanced(step, reply, reply.enhanced)
    return _judge_code(step, reply)


def _judge_sender(reply: SmtpReply) -> Judgement:
    """Judge the reply to MAIL FROM, which comes before any recipient is named."""
    if reply.code == _TOO_LARGE or reply.enhanced in {(3, 4), (2, 3)}:
        return _doubtful(Trouble.SIZE)
    if _LIMIT.search(reply.text) or reply.code == 452:
        return _untried(Trouble.LIMIT)
    return _untried(Trouble.SENDER if reply.code >= 500 else Trouble.UNREACHABLE)


def _judge_later(reply: SmtpReply) -> Judgement:
    if _LIMIT.search(reply.text) and not _GREYLISTED.search(reply.text) and not _is_full(reply):
        return Judgement(outcome=DeliveryOutcome.LATER, trouble=Trouble.LIMIT)
    return _LATER


def _judge_enhanced(step: SmtpStep, reply: SmtpReply, enhanced: tuple[int, int]) -> Judgement:
    subject, detail = enhanced
    if enhanced in {(1, 7), (1, 8)}:  # the sender's address is malformed, or its domain doesn't exist
        return _untried(Trouble.SENDER)
    if enhanced in {(3, 4), (2, 3)}:
        return _doubtful(Trouble.SIZE)
    if step is SmtpStep.RECIPIENT and subject == 1 and _LIMIT.search(reply.text) and not _is_full(reply):
        return _doubtful(Trouble.LIMIT)
    if subject in {1, 2} or (subject == 4 and detail != 5):
        return _FAILED
    return _doubtful(_kind_of_refusal(reply))


def _judge_code(step: SmtpStep, reply: SmtpReply) -> Judgement:
    if reply.code == _TOO_LARGE and step is not SmtpStep.RECIPIENT:
        return _doubtful(Trouble.SIZE)
    if step is SmtpStep.RECIPIENT and reply.code in _NO_MAIL_THERE:
        return _FAILED
    is_about_others = _NOT_THEIRS.search(reply.text) or (_LIMIT.search(reply.text) and not _is_full(reply))
    if step is SmtpStep.RECIPIENT and reply.code in _NO_SUCH_MAILBOX and not is_about_others:
        return _FAILED
    return _doubtful(_kind_of_refusal(reply))


def _is_full(reply: SmtpReply) -> bool:
    """Return whether the reply says that the recipient's mailbox is full."""
    return reply.enhanced == (2, 2) or _MAILBOX_FULL.search(reply.text) is not None


def _kind_of_refusal(reply: SmtpReply) -> Trouble:
    return Trouble.LIMIT if _LIMIT.search(reply.text) else Trouble.POLICY


def _untried(trouble: Trouble) -> Judgement:
    return Judgement(outcome=DeliveryOutcome.UNTRIED, trouble=trouble)


def _doubtful(trouble: Trouble) -> Judgement:
    return Judgement(outcome=DeliveryOutcome.DOUBTFUL, trouble=trouble)
