"""Reading one order or cart from the store at the moment at which an e-mail about it would leave."""

from __future__ import annotations

import structlog

from tillroll.ecwid.http.errors import StoreRefusal
from tillroll.errors import OutcomeUnknown, ScopeMissing, TryLater
from tillroll.ledger.mirror.event_subject import EventSubject, SubjectKind
from tillroll.loop.stages.store_worker import StoreWorker
from tillroll.track.mirror.areas import CARTS, ORDERS
from tillroll.track.mirror.session import MirrorSession
from tillroll.track.mirror.sync import sync_one

log = structlog.get_logger("tillroll.loop")

_AREAS = {SubjectKind.ORDER: ORDERS, SubjectKind.CART: CARTS}


class StoreAsker:
    """Asks a store about orders and carts in one turn. Once it gave no answer, it isn't asked again in the same turn."""

    def __init__(self, worker: StoreWorker) -> None:
        self._worker = worker
        self._is_silent = False

    def __call__(self, subject: EventSubject) -> bool:
        """Bring the mirror's row up to date. Returns whether the store answered."""
        if self._is_silent:
            return False
        try:
            sync_one(MirrorSession.of(self._worker.session), _AREAS[subject.kind], subject.id)
        except StoreRefusal as refusal:  # of this one
            log.warning("subject.refused", store_id=self._worker.store_id, status=refusal.status)
            return False
        except (TryLater, OutcomeUnknown, ScopeMissing) as fault:
            log.warning("subject.unanswered", store_id=self._worker.store_id, reason=fault.message)
            self._is_silent = True
            return False
        return True
