"""Notices by e-mail. Every notice that leaves by e-mail is made and sent here.

Each one names the last row of the audit chain, so that whoever keeps the e-mail can tell later whether rows were removed since
(`tillroll audit verify --head …`). The audit chain records whom a notice reached.

A notice is claimed before it leaves, and marked as its first byte does. After a kill, one that surely has not left is sent; one
that may have left is not sent again. While the transport is held, notices wait with the e-mails; one of them may be the e-mail by
which the transport is tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from tillroll.campaign.digest import digest
from tillroll.campaign.language.models import IfUnknown
from tillroll.campaign.states import MessageState, NoticeKind, RunState
from tillroll.errors import NotFound, Refused
from tillroll.ledger import audit
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.people.notices import (
    claim_notices,
    interrupted_notices,
    mark_leaving,
    ready_notices,
    settle_notices,
)
from tillroll.ledger.queries.runs import load_run
from tillroll.ledger.records import StoredNotice
from tillroll.loop.notices.letter import letter_of
from tillroll.loop.notices.whom import ShopPeople
from tillroll.rendering.mime import Outgoing, build
from tillroll.send.decide import DeliveryOutcome, next_state, pause_after
from tillroll.send.hold import hold, load_hold, release, take_probe
from tillroll.send.transport import Delivery

log = structlog.get_logger("tillroll.loop")

_MOST = 200  # notices looked at in one turn
_NO_SENDER = timedelta(minutes=10)
_ABOUT_WAITING = frozenset({NoticeKind.APPROVAL, NoticeKind.EXPIRING})


@dataclass(frozen=True, kw_only=True)
class _Bundle:
    """Notices of one kind to one address, which leave as one e-mail."""

    notices: tuple[StoredNotice, ...]

    @property
    def ids(self) -> list[int]:
        return [notice.id for notice in self.notices]

    @property
    def address(self) -> str:
        return self.notices[0].address


class _Leaving:
    """The gate of the notices: marks each as it leaves, if its claim still holds."""

    def __init__(self, people: ShopPeople, bundles: Sequence[_Bundle], claimed_at: datetime) -> None:
        self._people, self._bundles, self._claimed_at = people, bundles, claimed_at

    def may_leave(self, messages: Sequence[Outgoing]) -> bool:
        """Return True: whether a claim holds is asked for each as it leaves."""
        return True

    def leaves(self, message: Outgoing) -> bool:
        ids, services = self._bundles[message.message_id].ids, self._people.services
        with writing(services.engine) as connection:
            return mark_leaving(connection, ids, claimed_at=self._claimed_at, now=services.clock.now())

    def leave_together(self, messages: Sequence[Outgoing]) -> frozenset[int]:
        return frozenset(message.message_id for message in messages if self.leaves(message))


def send_notices(people: ShopPeople) -> None:
    """Send the notices that are due by e-mail. No failure is raised but that of the ledger."""
    services, store = people.services, people.store
    transport = services.transport_of(store.ecwid_id)
    _settle_interrupted(people)
    now = services.clock.now()
    with reading(services.engine) as connection:
        due = ready_notices(connection, store.id, now, by_hook=False, most=_MOST)
        held = load_hold(connection, transport.name) if due else None
    due = _still_true(people, due)
    if due and not _sender(people):
        _put_off(people, due)
        return
    if not due or (held is not None and not take_probe(services.engine, held, now=now)):
        return
    bundles = _bundled(due)[: 1 if held is not None else None]
    messages = [
        message for index, bundle in enumerate(bundles) if (message := _claimed(people, index, bundle, now))
    ]
    gate, answered = _Leaving(people, bundles, now), False
    for delivery in transport.deliver(messages, gate):
        _record(people, bundles[delivery.message_id], delivery)
        answered = answered or delivery.outcome in {DeliveryOutcome.SENT, DeliveryOutcome.FAILED}
    if held is not None and answered:
        release(services.engine, held, now=services.clock.now())
    _settle_interrupted(people)  # those that stayed


def _put_off(people: ShopPeople, due: Sequence[StoredNotice]) -> None:
    """Let notices wait that have no sender, and say so now and then."""
    reason, now = "no sender is known: set TILLROLL_MAIL_FROM", people.services.clock.now()
    with writing(people.services.engine) as connection:
        settle_notices(
            connection,
            [notice.id for notice in due],
            was=MessageState.READY,
            to=MessageState.READY,
            now=now,
            reason=reason,
            not_before=now + _NO_SENDER,
        )
    log.warning("notice.waits", store=people.store.ecwid_id, reason=reason)


def _still_true(people: ShopPeople, due: Sequence[StoredNotice]) -> list[StoredNotice]:
    """Return the notices without those about a decision that was made meanwhile, which need not leave any more."""
    services = people.services
    over: list[int] = []
    with reading(services.engine) as connection:
        for notice in due:
            if notice.kind not in _ABOUT_WAITING or notice.run_id is None:
                continue
            try:
                waits = load_run(connection, notice.run_id).state is RunState.WAITING
            except NotFound:  # the ledger was restored from before that run
                waits = False
            if not waits:
                over.append(notice.id)
    if over:
        with writing(services.engine) as connection:
            settle_notices(
                connection,
                over,
                was=MessageState.READY,
                to=MessageState.HELD,
                now=services.clock.now(),
                reason="it was decided before this could leave",
            )
    return [notice for notice in due if notice.id not in set(over)]


def _bundled(due: Sequence[StoredNotice]) -> list[_Bundle]:
    """Put notices of one kind to one address together, in the order of the oldest. Each report is an e-mail of its own."""
    groups: dict[tuple[NoticeKind, str, int], list[StoredNotice]] = {}
    for notice in due:
        alone = notice.id if notice.kind is NoticeKind.REPORT else 0
        groups.setdefault((notice.kind, notice.address, alone), []).append(notice)
    return [_Bundle(notices=tuple(group)) for group in groups.values()]


def _claimed(people: ShopPeople, index: int, bundle: _Bundle, now: datetime) -> Outgoing | None:
    """Claim a bundle and return its e-mail; None if it can't have one, which its rows then say."""
    services, store, sender = people.services, people.store, _sender(people)
    key = digest([store.id, bundle.ids, bundle.address])[:32]
    with reading(services.engine) as connection:
        content = letter_of(bundle.notices, audit.head_of(connection))
    try:
        mail = build(rendered=content, sender=sender, to_email=bundle.address, to_name="", key=key, at=now)
    except Refused as fault:
        _end(people, bundle, MessageState.READY, MessageState.FAILED, fault.message)
        return None
    with writing(services.engine) as connection:
        if not claim_notices(connection, bundle.ids, key=key, now=now):
            return None
    return Outgoing(
        message_id=index,
        key=key,
        run_id=0,
        campaign="",
        sender=sender,
        to=bundle.address,
        subject=content.subject,
        code="",
        content=mail,
    )


def _sender(people: ShopPeople) -> str:
    """Return who writes; empty while nobody is set and the store's profile, which names its address, wasn't read yet."""
    return people.services.sender_of(people.store)


def _record(people: ShopPeople, bundle: _Bundle, delivery: Delivery) -> None:
    """Write what became of an e-mail. Trouble that is nobody's holds the transport, and costs no attempt."""
    services, now = people.services, people.services.clock.now()
    attempts = bundle.notices[0].attempts + 1
    state = next_state(delivery.outcome, attempts=attempts, if_unknown=IfUnknown.SKIP)
    if state is not MessageState.READY:
        _end(people, bundle, MessageState.SENDING, state, delivery.reason)
        return
    untried = delivery.outcome is DeliveryOutcome.UNTRIED
    pause = pause_after(delivery.outcome, attempts=attempts)
    with writing(services.engine) as connection:
        settle_notices(
            connection,
            bundle.ids,
            was=MessageState.SENDING,
            to=state,
            now=now,
            reason=delivery.reason,
            attempts=attempts - untried,
            not_before=now + pause if pause is not None else None,
        )
    log.warning("notice.waits", store=people.store.ecwid_id, told=0, reason=delivery.outcome.value)
    if untried and delivery.trouble is not None:
        hold(
            services.engine,
            transport=services.transport_of(people.store.ecwid_id).name,
            trouble=delivery.trouble,
            answer=delivery.reason,
            now=now,
            wait=delivery.wait,
        )


def _end(people: ShopPeople, bundle: _Bundle, was: MessageState, state: MessageState, reason: str) -> None:
    """Write the last state of notices, with the row of the audit that says whom they reached."""
    services, store = people.services, people.store
    is_sent = state is MessageState.SENT
    now = services.clock.now()
    body = {
        "about": bundle.notices[0].kind.value,
        "told": [bundle.address] if is_sent else [],
        "not_told": {} if is_sent else {bundle.address: f"{state.value}: {reason}"},
    }
    with writing(services.engine) as connection:
        if not settle_notices(connection, bundle.ids, was=was, to=state, now=now, reason=reason):
            return
        audit.record(
            connection,
            at=now,
            actor="loop",
            action="store.notice",
            subject=f"store {store.ecwid_id}",
            body=body,
        )
    level = log.info if is_sent else log.warning
    level(
        "store.notice",
        store=store.ecwid_id,
        kind=bundle.notices[0].kind,
        told=int(is_sent),
        not_told=int(not is_sent),
    )


def _settle_interrupted(people: ShopPeople) -> None:
    """Settle what a process left that died: what surely has not left is ready again, what may have left is unknown."""
    services, store = people.services, people.store
    with reading(services.engine) as connection:
        found = interrupted_notices(connection, store.id)
    if not found:
        return
    left = services.transport_of(store.ecwid_id).delivered({notice.message_key for notice in found})
    groups: dict[str, list[StoredNotice]] = {}
    for notice in found:
        groups.setdefault(notice.message_key, []).append(notice)
    for key, notices in groups.items():
        bundle = _Bundle(notices=tuple(notices))
        if left is not None and key in left:
            _end(people, bundle, MessageState.SENDING, MessageState.SENT, "")
        elif left is None and any(notice.leaving_at is not None for notice in notices):
            _end(people, bundle, MessageState.SENDING, MessageState.UNKNOWN, "it may have left")
        else:
            with writing(services.engine) as connection:
                settle_notices(
                    connection,
                    bundle.ids,
                    was=MessageState.SENDING,
                    to=MessageState.READY,
                    now=services.clock.now(),
                    attempts=max(0, notices[0].attempts - 1),
                )
