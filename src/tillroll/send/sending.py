"""What sending one run works with, read once a slice: the store, the plan, and the e-mail of each arm, compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tillroll.campaign import Campaign, Revision
from tillroll.campaign.frozen.proposal import Goods, Proposal
from tillroll.campaign.language.models import Message, Offer
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.states import RunState
from tillroll.campaign.text.units import Rate
from tillroll.clock import Clock
from tillroll.errors import Refused
from tillroll.ledger.engine import one
from tillroll.ledger.given import earlier_code
from tillroll.ledger.plans import load_plan, load_revision
from tillroll.ledger.tables import codes, messages, runs, stores
from tillroll.send.compile import Compiled, compile_message
from tillroll.send.facts import Code, Shop, filters_for
from tillroll.send.preview import in_short, shop_of, with_amounts
from tillroll.send.transport import Transport


class Kind(StrEnum):
    """Which of a run's e-mails."""

    OFFER = "offer"
    REMINDER = "reminder"  # to those who haven't used their code


class Source(StrEnum):
    """Whose code a message shows."""

    OWN = "own"  # the recipient's, made for them or handed out of the pool
    SHARED = "shared"
    EARLIER = "earlier"  # that of an earlier step of the flow
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Voice:
    """One arm's e-mail."""

    message: Message
    compiled: Compiled
    offer: Offer | None
    offer_text: str  # as the plan says it


@dataclass(frozen=True, kw_only=True)
class Share:
    """The part of a run's messages that is one sender's: the `index`th of so many."""

    index: int
    of: int


@dataclass(frozen=True, kw_only=True)
class Post:
    """What sends, for whom, and by what clock."""

    engine: Engine
    clock: Clock
    transport: Transport
    sender: str  # "Shop <hello@shop.example>"; empty: the store's own
    owner: int = (
        0  # who writes the intent: the lane's holder, or one of those that send beside it, by its number
    )
    share: Share | None = None  # of a run's messages; none: all


@dataclass(frozen=True, kw_only=True)
class Sending:
    """One run's e-mails of one kind."""

    post: Post
    kind: Kind
    run: sa.Row[Any]
    store: sa.Row[Any]
    revision: Revision
    shop: Shop
    voices: Mapping[str, Voice]  # by arm
    source: Source
    code_id: int | None  # of the one code that all its messages show
    happened: Mapping[str, Any] | None
    goods: Goods | None

    @property
    def campaign(self) -> Campaign:
        """The campaign as the run's step has it, arms aside."""
        return self.revision.as_run(step=self.run.step)

    @property
    def message(self) -> Message:
        """The e-mail, arms aside: how it leaves is the same for all."""
        return self.revision.message(step=self.run.step)

    @property
    def sender(self) -> str:
        """Whom it is from."""
        return self.post.sender or f"{self.shop.name} <{self.shop.email}>"

    def code_of(self, row: sa.Row[Any], voice: Voice) -> Code | None:
        """The code that a message row shows, with its recipient's own value."""
        if row.code is None or voice.offer is None:
            return None
        offer, text = voice.offer, voice.offer_text
        if row.code_value is not None:
            offer = offer.model_copy(update={"value": in_short(row.code_value)})
            text = say_offer(offer, self.shop.currency, self.goods)
        return Code(
            text=row.code,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
            offer=offer,
            value=offer.fixed_value,
            offer_text=text,
        )


def open_sending(connection: Connection, post: Post, run: sa.Row[Any], kind: Kind) -> Sending:
    """Read and compile what is needed. `Refused` when its template is faulty, or it must leave by another way than ours."""
    plan = load_plan(connection, run.id)
    store = one(
        connection, sa.select(stores).where(stores.c.id == run.store_id), missing="The store is gone."
    )
    if plan is None:
        raise Refused(f"Run {run.id} has no plan.", hint="Let it be planned again: edit its campaign file.")
    revision, shop = load_revision(connection, plan.revision_id), shop_of(store)
    campaign = revision.as_run(step=run.step)
    _check_way(revision.message(step=run.step), post.transport)
    source, code_id, earlier = _source(connection, run, revision, campaign)
    voices = {
        arm: _voice(revision, run.step, arm, kind, plan.proposal, shop, earlier)
        for arm in ("", *revision.arms)
    }
    return Sending(
        post=post,
        kind=kind,
        run=run,
        store=store,
        revision=revision,
        shop=shop,
        voices=voices,
        source=source,
        code_id=code_id,
        happened=with_amounts(plan.proposal.facts),
        goods=plan.proposal.goods,
    )


def _check_way(message: Message, transport: Transport) -> None:
    via = message.send.via
    if via is not None and via.value != transport.name:
        raise Refused(
            f"The campaign sends via {via.value}, and this installation has {transport.name}.",
            hint="Set SMTP_URL, or leave out message.send.via.",
        )


def _source(
    connection: Connection, run: sa.Row[Any], revision: Revision, campaign: Campaign
) -> tuple[Source, int | None, tuple[Offer, str] | None]:
    """Whose code the messages show; for an earlier step's, its row and what it gives."""
    steps = revision.campaign.steps
    if steps and steps[run.step - 1].same_code:
        return _earlier(connection, run)
    if campaign.offer is None:
        return Source.NONE, None, None
    if campaign.codes.shared is not None:
        where = (codes.c.store_id == run.store_id, codes.c.code == campaign.codes.shared)
        return Source.SHARED, connection.scalar(sa.select(codes.c.id).where(*where)), None
    return Source.OWN, None, None


def _earlier(connection: Connection, run: sa.Row[Any]) -> tuple[Source, int | None, tuple[Offer, str] | None]:
    """The code that the latest earlier step of the same flow gave, and the offer it was made for."""
    row = earlier_code(connection, run)
    plan = load_plan(connection, row.run_id) if row is not None else None
    if row is None or plan is None:
        return Source.EARLIER, None, None
    offer = load_revision(connection, plan.revision_id).offer(step=row.step, arm=row.arm)
    return Source.EARLIER, row.id, (offer, _text_of(plan.proposal, row.arm))


def _voice(
    revision: Revision,
    step: int,
    arm: str,
    kind: Kind,
    proposal: Proposal,
    shop: Shop,
    earlier: tuple[Offer, str] | None,
) -> Voice:
    message = revision.message(step=step, arm=arm)
    if kind is Kind.REMINDER and message.reminder is not None:
        said = message.reminder
        message = message.model_copy(update={"template": said.template, "subject": said.subject})
    offer, text = revision.as_run(step=step, arm=arm).offer, _text_of(proposal, arm)
    if earlier is not None:
        offer, text = earlier
    return Voice(
        message=message,
        compiled=compile_message(revision, message, filters_for(shop)),
        offer=offer,
        offer_text=text,
    )


def _text_of(proposal: Proposal, arm: str) -> str:
    """The offer's sentence as the plan was approved with it."""
    return next((one.offer for one in proposal.arms if one.name == arm), proposal.offer)


def has_room_from(
    connection: Connection, run: sa.Row[Any], rate: Rate, now: datetime
) -> tuple[int, datetime]:
    """How many of the campaign's messages may leave now, and if none, from when one may again."""
    since = now - timedelta(seconds=rate.seconds)
    lately = sa.or_(runs.c.state == RunState.SENDING, runs.c.id == run.id, runs.c.changed_at > since)
    same = (runs.c.store_id == run.store_id, runs.c.campaign == run.campaign, lately)
    query = (
        sa.select(messages.c.sending_at)
        .where(messages.c.run_id.in_(sa.select(runs.c.id).where(*same)), messages.c.sending_at > since)
        .order_by(messages.c.sending_at.desc())
        .limit(rate.count)
    )
    left = list(connection.scalars(query))
    if len(left) < rate.count:
        return rate.count - len(left), now
    return 0, left[-1] + timedelta(seconds=rate.seconds)
