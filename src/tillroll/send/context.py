"""What sending one run needs, read once a slice: the settings of its e-mails, and each arm's template, compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Campaign, Revision
from tillroll.campaign.frozen.proposal import Goods, Proposal
from tillroll.campaign.language.models import MessageSettings, Offer, Via
from tillroll.campaign.states import MessageKind
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.quiet import QuietTimes, quiet_times
from tillroll.clock import Clock
from tillroll.errors import Refused
from tillroll.ledger.database_watch import DatabaseWatch
from tillroll.ledger.mirror.event_subject import EventSubject, subject_of, why_over
from tillroll.ledger.queries.given import earlier_code
from tillroll.ledger.queries.plans import load_plan, load_revision
from tillroll.ledger.queries.stores import load_store
from tillroll.ledger.records import Run
from tillroll.ledger.tables import codes
from tillroll.rendering.bulk.click import ShopClicks
from tillroll.rendering.bulk.link import NEEDS_URL, UnsubscribeLinks
from tillroll.rendering.facts import StoreFacts
from tillroll.rendering.preview import store_facts, with_amounts
from tillroll.rendering.translated import Translated
from tillroll.send.terms import TermsOfRun
from tillroll.send.transport import Transport


class ShownCode(StrEnum):
    """Whose code a message shows."""

    OWN = "own"  # the recipient's: made for them, or from a pool
    SHARED = "shared"  # the same for all recipients
    EARLIER = "earlier"  # the code of an earlier step of the flow
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class ArmMessage:
    """The e-mail of one arm, in all its languages."""

    email: Translated
    offer: Offer | None
    offer_text: str  # the offer as the plan says it
    goods: Goods | None  # that the offer is limited to


@dataclass(frozen=True, kw_only=True)
class Share:
    """One sender's part of a run's messages: every `of`th of them, beginning at `index`."""

    index: int
    of: int


AskStore = Callable[[EventSubject], bool]
"""Reads an order or cart from the store into the mirror. Returns whether the store answered; it may be called again."""


@dataclass(frozen=True, kw_only=True)
class SendContext:
    """What a sender works with, whichever run it sends."""

    engine: Engine
    clock: Clock
    transport: Transport
    sender: str  # From: "Shop <hello@shop.example>"; empty: the store's own name and address
    links: UnsubscribeLinks  # by which readers stop e-mails; without an address of the pages there are none
    database: DatabaseWatch = field(default_factory=DatabaseWatch)
    owner: int = 0  # number of the sender, stored with each claim; 0: the holder of the store's lock
    share: Share | None = None  # of each run's messages; None: all
    ask_store: AskStore | None = None  # None: there is no store to ask, and the mirror counts


@dataclass(frozen=True, kw_only=True)
class Sending:
    """The e-mails of one kind of one run."""

    context: SendContext
    kind: MessageKind
    run: Run
    revision: Revision
    words_id: int | None  # the revision that its words are from, if they were mended; None: the plan's
    shop: StoreFacts
    ecwid_id: int  # the store's own number
    arms: Mapping[str, ArmMessage]  # by name; empty for recipients without an arm
    shows: ShownCode
    code_id: int | None  # if all its messages show one code: that code
    event: Mapping[str, Any] | None  # facts of the event that the run is about
    terms: TermsOfRun = field(default_factory=TermsOfRun)
    subject: EventSubject | None = None  # the order or cart that an offer of a flow is about
    over: str = ""  # why that is over: then its e-mail is held

    @property
    def campaign(self) -> Campaign:
        """The campaign as the run's step has it, without arms."""
        return self.revision.as_run(step=self.run.step)

    @property
    def message(self) -> MessageSettings:
        """The settings of the e-mail. How it leaves is the same for all arms."""
        return self.revision.message(step=self.run.step)

    @property
    def quiet(self) -> QuietTimes:
        """When its e-mails don't leave."""
        return quiet_times(self.revision, self.message.send, zone_of(self.shop.timezone))

    @property
    def sender(self) -> str:
        """The sender in the e-mails' From header."""
        return self.context.sender or f"{self.shop.name} <{self.shop.email}>"


def open_sending(connection: Connection, context: SendContext, run: Run, kind: MessageKind) -> Sending:
    """Read and compile what is needed to send.

    Raises `Refused` when a template is faulty, or the campaign asks for another transport than this installation's.
    """
    plan = load_plan(connection, run.id)
    if plan is None:
        raise Refused(f"Run {run.id} has no plan.", hint="To plan it again, edit its campaign file.")
    revision = load_revision(connection, plan.revision_id)
    words = revision if run.words_id is None else load_revision(connection, run.words_id)
    store = load_store(connection, run.store_id)
    shop = replace(store_facts(store), clicks=ShopClicks(links=context.links.clicks, ecwid_id=store.ecwid_id))
    if not context.links:
        raise Refused(
            "Its readers couldn't unsubscribe: no https address of the pages is known.", hint=NEEDS_URL
        )
    _check_transport(revision.message(step=run.step), context.transport)
    shows, code_id, earlier = _shown_code(connection, run, revision)
    subject = _subject(run, kind, plan.proposal.facts)
    return Sending(
        context=context,
        kind=kind,
        run=run,
        revision=revision,
        words_id=run.words_id,
        shop=shop,
        ecwid_id=store.ecwid_id,
        arms={
            arm: _arm_message(revision, words, run.step, arm, kind, plan.proposal, shop, earlier)
            for arm in ("", *revision.arms)
        },
        shows=shows,
        code_id=code_id,
        event=with_amounts(plan.proposal.facts),
        subject=subject,
        over=why_over(connection, run.store_id, subject) if subject is not None else "",
    )


def _subject(run: Run, kind: MessageKind, facts: Mapping[str, Any] | None) -> EventSubject | None:
    """Return what the first e-mail of a flow's step is about; a reminder is about its code alone."""
    return subject_of(facts) if run.entry_id is not None and kind is MessageKind.OFFER else None


def _check_transport(message: MessageSettings, transport: Transport) -> None:
    via = message.send.via
    if via is not None and via is not transport.via:
        choose = (
            "Unset MAIL_URL"
            if via is Via.OUTBOX
            else f"Set MAIL_URL to an address that begins with {via.value}"
        )
        raise Refused(
            f"The campaign sends via {via.value}, but the e-mails of this store leave via {transport.name}.",
            hint=f"{choose}, or remove message.send.via.",
        )


@dataclass(frozen=True, kw_only=True)
class _EarlierOffer:
    """What the code of an earlier step gives."""

    offer: Offer
    text: str
    goods: Goods | None


def _shown_code(
    connection: Connection, run: Run, revision: Revision
) -> tuple[ShownCode, int | None, _EarlierOffer | None]:
    """Return whose code the messages show, the code's id if it is one for all, and what an earlier step's code gives."""
    steps = revision.campaign.steps
    if steps and steps[run.step - 1].same_code:
        return _earlier_code(connection, run)
    campaign = revision.as_run(step=run.step)
    if campaign.offer is None:
        return ShownCode.NONE, None, None
    if campaign.codes.shared is not None:
        where = (codes.c.store_id == run.store_id, codes.c.code == campaign.codes.shared)
        return ShownCode.SHARED, connection.scalar(sa.select(codes.c.id).where(*where)), None
    return ShownCode.OWN, None, None


def _earlier_code(connection: Connection, run: Run) -> tuple[ShownCode, int | None, _EarlierOffer | None]:
    """Return the code that the latest earlier step of the same flow showed, and the offer it was made for."""
    code = earlier_code(connection, run)
    plan = load_plan(connection, code.run_id) if code is not None else None
    if code is None or plan is None:
        return ShownCode.EARLIER, None, None
    offer = load_revision(connection, plan.revision_id).offer(step=code.step, arm=code.arm)
    return (
        ShownCode.EARLIER,
        code.id,
        _EarlierOffer(
            offer=offer,
            text=_approved_text(plan.proposal, code.arm),
            goods=plan.proposal.goods_of(code.arm),
        ),
    )


def _arm_message(
    revision: Revision,
    words: Revision,
    step: int,
    arm: str,
    kind: MessageKind,
    proposal: Proposal,
    shop: StoreFacts,
    earlier: _EarlierOffer | None,
) -> ArmMessage:
    """Return an arm's e-mail: its words from one revision, its offer from the plan's."""
    message = words.message(step=step, arm=arm)
    if kind is MessageKind.REMINDER:
        message = message.as_reminder or message
    offer, text = revision.as_run(step=step, arm=arm).offer, _approved_text(proposal, arm)
    goods = proposal.goods_of(arm)
    if earlier is not None:
        offer, text, goods = earlier.offer, earlier.text, earlier.goods
    return ArmMessage(email=Translated.of(words, message, shop), offer=offer, offer_text=text, goods=goods)


def _approved_text(proposal: Proposal, arm: str) -> str:
    """Return the sentence about the offer that the plan was approved with."""
    return next((row.offer for row in proposal.arms if row.name == arm), proposal.offer)
