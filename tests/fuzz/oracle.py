"""The oracle: reads each e-mail as its customer would, and asks the till whether what it says is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from email import message_from_bytes, policy
from functools import partial
from html import unescape
from zoneinfo import ZoneInfo

from tests.fuzz.draws import POTS, DrawnCampaign, DrawnShop, Person
from tests.fuzz.reader import Understood, understand
from tests.fuzz.till import Answer, ask
from tests.fuzz.written import HELLO
from tillroll.sandbox.serve import Sandbox

_CENT = Decimal("0.01")
_ROUND = 200
"""Units of the currency in a basket of somebody to whom no minimum was named."""


@dataclass(frozen=True, kw_only=True)
class Mail:
    """An e-mail that somebody got."""

    name: str  # of the campaign's file
    campaign: DrawnCampaign
    reader: Person
    code: str
    subject: str
    text: str
    html: str
    sent_at: datetime

    @classmethod
    def of(
        cls,
        content: bytes,
        *,
        name: str,
        campaign: DrawnCampaign,
        reader: Person,
        code: str,
        sent_at: datetime,
    ) -> Mail:
        """Read an e-mail's bytes with the standard library."""
        message = message_from_bytes(content, policy=policy.default)
        parts = {kind: message.get_body((kind,)) for kind in ("plain", "html")}
        bodies = {kind: str(part.get_content()) if part is not None else "" for kind, part in parts.items()}
        shown = re.sub(r"(?s)<head>.*?</head>|<style.*?</style>|<!--.*?-->", " ", bodies["html"])
        html = unescape(re.sub(r"<[^>]+>", " ", shown))
        return cls(
            name=name, campaign=campaign, reader=reader, code=code, subject=str(message["subject"]), text=bodies["plain"],
            html=html, sent_at=sent_at,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Try:
    """A basket that a customer brings to the till, and what they expect."""

    at: datetime
    mail: Mail
    pieces: int
    why: str
    sku: str = "TEA-1"
    times: int = 1
    accepted: bool = True
    off: Decimal | None = None
    ships_free: bool | None = None

    def faults(self, sandbox: Sandbox) -> Iterator[str]:
        """Ask the till, and yield what the customer would complain of."""
        email, code = self.mail.reader.email, self.mail.code
        answer: Answer = ask(
            sandbox, email=email, code=code, sku=self.sku, pieces=self.pieces, times=self.times
        )
        if self.accepted and answer.refused:
            yield f"{self.why}: the till says {answer.refused}"
        elif not self.accepted and not answer.refused:
            yield f"{self.why}: the till takes it, and gives {answer.off}"
        elif self.accepted:
            if (
                self.off is not None and abs(answer.off - self.off) > _CENT
            ):  # the till rounds binary fractions
                yield f"{self.why}: expected {self.off} off, and got {answer.off}"
            if self.ships_free is not None and answer.ships_free is not self.ships_free:
                yield f"{self.why}: free shipping is {answer.ships_free}"


def language_of(shop: DrawnShop, mail: Mail) -> str:
    """Return the language that this reader must be written to in."""
    if mail.campaign.wording == "sample":
        return "en"
    own = mail.reader.language.partition("-")[0]
    return own if own in mail.campaign.languages else shop.language


def misread(shop: DrawnShop, mail: Mail) -> Iterator[str]:
    """Yield what is wrong with an e-mail by itself, and against what its campaign's file says."""
    language, campaign = language_of(shop, mail), mail.campaign
    if campaign.wording != "sample" and not mail.text.startswith(HELLO[language]):
        yield f"it isn't in {language}: {mail.text[:30]!r}"
        return
    text, html = (understand(part, language, shop.currency) for part in (mail.text, mail.html))
    subject = understand(mail.subject, language, shop.currency)
    if text != html:
        yield f"its parts differ: {text} and {html}"
    if (subject.percents, subject.amounts) != (
        text.percents,
        text.amounts - {text.minimum},
    ) and text.minimum not in subject.amounts:
        yield f"its subject differs: {mail.subject!r} and {text}"
    discounts = [each for each in (campaign.discount, campaign.other) if each is not None]
    capped = campaign.discount.at_most is not None
    if capped:
        if not text.amounts or min(text.amounts) > (campaign.discount.at_most or 0):
            yield f"it promises more than the cap: {text}"
    elif campaign.discount.kind.startswith("percent"):
        if len(text.percents) != 1 or not text.percents <= {
            value for each in discounts for value in each.values
        }:
            yield f"it doesn't name the percentage: {text}"
    elif campaign.discount.kind.startswith("amount"):
        off = text.amounts - {text.minimum} or text.amounts
        if len(off) != 1 or not off <= {value for each in discounts for value in each.values}:
            yield f"it doesn't name the amount: {text}"
    if not capped and text.minimum != campaign.minimum:
        yield f"it names another minimum: {text.minimum}, not {campaign.minimum}"
    if text.free_shipping is not (campaign.discount.kind.endswith("shipping")):
        yield f"free shipping is {text.free_shipping}"
    yield from _misdated(shop, mail, text)


def _misdated(shop: DrawnShop, mail: Mail, text: Understood) -> Iterator[str]:
    campaign, zone = mail.campaign, ZoneInfo(shop.zone)
    if text.last_day is None:
        yield "it doesn't say until when"
        return
    if campaign.until is not None and text.last_day != campaign.until:
        yield f"it is good until {text.last_day}, and the file says {campaign.until}"
    if campaign.days is not None and text.last_day != mail.sent_at.astimezone(zone).date() + timedelta(
        days=campaign.days
    ):
        yield f"it is good until {text.last_day}, and the file says {campaign.valid} on {mail.sent_at}"
    said = re.search(r"(\d\d):30", campaign.valid)
    if said and (
        text.last_time is None or (text.last_time.hour, text.last_time.minute) != (int(said[1]), 30)
    ):
        yield f"it names no time, or another: {text.last_time}, and the file says {campaign.valid}"


def tries(shop: DrawnShop, mail: Mail, opens: datetime) -> Iterator[Try]:
    """Yield what a customer who read this e-mail may try at the till. `opens`: when the campaign's codes begin to work."""
    text = understand(mail.text, language_of(shop, mail), shop.currency)
    if text.last_day is None:
        return
    zone, campaign, buyer = ZoneInfo(shop.zone), mail.campaign, mail.reader
    last = _last_moment(text, zone)
    minimum = text.minimum or Decimal(0)
    pieces = max(1, int(minimum / shop.unit)) if minimum else int(_ROUND / shop.unit)
    subtotal = pieces * shop.unit
    off = Decimal(0) if campaign.discount.kind == "free_shipping" else _expected(text, subtotal)
    own, other = ("POT-1", "TEA-1") if campaign.goods == POTS else ("TEA-1", "POT-1")
    tried = partial(Try, mail=mail, pieces=pieces, sku=own)
    allowed = not (text.first_orders and buyer.spent) and not (text.repeat_only and not buyer.spent)
    ship = text.free_shipping
    start = max(opens, mail.sent_at) + timedelta(seconds=2)
    yield tried(at=start, why="at once", accepted=allowed, off=off, ships_free=ship)
    yield tried(at=last, why=f"at {last}, the last moment", accepted=allowed, off=off, ships_free=ship)
    after = last + timedelta(seconds=62 if text.last_time else 2)
    yield tried(at=after, why=f"at {after}, after the end", accepted=False)
    if minimum and pieces > 1:
        yield tried(at=start, pieces=pieces - 1, why="below the minimum", accepted=False)
    if campaign.goods:
        yield tried(at=start, sku=other, why="for other goods", accepted=False)
    if allowed:
        yield tried(at=start, times=2, why="a second time", accepted=False)
    if opens > mail.sent_at:
        yield tried(at=mail.sent_at, why="before its first day", accepted=False)


def _last_moment(text: Understood, zone: ZoneInfo) -> datetime:
    """Return the last moment at which a reader expects the code to work."""
    assert text.last_day is not None
    wall = datetime.combine(text.last_day, text.last_time or time(23, 59, 58))
    moments = [wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
    return max(moments)


def _expected(text: Understood, subtotal: Decimal) -> Decimal:
    if text.percents:
        (share,) = text.percents
        exact = subtotal * share / 100
        return min(exact.quantize(Decimal("0.01"), ROUND_HALF_UP), subtotal)
    amounts = text.amounts - {text.minimum} or text.amounts
    return min(next(iter(amounts)), subtotal) if amounts else Decimal(0)
