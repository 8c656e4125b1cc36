"""The campaign files as the engines see them: whether they changed, and what they say for a store and its ledger."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import structlog

from tillroll.campaign import Book
from tillroll.campaign.folder.files import fingerprint, read_book, stores_with_own
from tillroll.campaign.folder.folder_reader import TIERS
from tillroll.errors import FaultyFiles, TillrollError
from tillroll.ledger.consent.sign_ups import record_form
from tillroll.loop.stages.store_worker import StoreWorker
from tillroll.plan.record.revisions import record_book
from tillroll.track.tiers.follow import record_tiers

log = structlog.get_logger("tillroll.loop")


class WatchedFolder:
    """The campaign folder, checked for changes again and again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = ""

    def has_changed(self) -> bool:
        """Return whether the files differ from the last call; the first call counts as a change."""
        try:
            seen = fingerprint(self._folder)
        except TillrollError:
            return False  # each store's turn reports it
        changed, self._seen = seen != self._seen, seen
        return changed


def book_for(folder: Path, *, environment: str, ecwid_id: int, seen: str) -> Book:
    """Return what the files say for a store. Stores without campaigns of their own share one book.

    `seen` is the fingerprint of the files: the cache is read again when it changes.
    """
    own = ecwid_id if ecwid_id in _stores_with_own(folder, seen) else None
    return _read(folder, environment, own, seen)


@lru_cache(maxsize=2)
def _stores_with_own(folder: Path, _seen: str) -> frozenset[int]:
    return frozenset(stores_with_own(folder))


@lru_cache(maxsize=4)
def _read(folder: Path, environment: str, ecwid_id: int | None, _seen: str) -> Book:
    return read_book(folder, environment=environment, store=ecwid_id)


def read_files(worker: StoreWorker) -> bool:
    """Bring the ledger in line with the campaign files, if they have changed since the last turn.

    Returns True: the ledger agrees with the files, or says which of them are faulty.
    """
    folder = worker.services.settings.folder
    try:
        seen = fingerprint(folder)
        if seen == worker.files_seen:
            return True
        environment = worker.services.settings.environment
        book = book_for(
            folder, environment=environment, ecwid_id=worker.client.connection.store_id, seen=seen
        )
    except FaultyFiles as trouble:
        if not worker.files_unreadable:  # logged once, until they can be read again
            log.error("campaigns.unreadable", reason=trouble.message, do=trouble.hint)
        worker.files_seen, worker.files_unreadable = "", True
        return True
    now = worker.services.clock.now()
    is_whole = record_book(worker.services.engine, store_id=worker.store_id, book=book, now=now)
    worker.files_seen, worker.files_unreadable = seen if is_whole else "", False
    worker.privacy, worker.notices = book.privacy, book.notices
    worker.reports, worker.brand, worker.store_holdout = book.reports, book.brand, book.store_holdout
    if not any(finding.file == TIERS for finding in book.findings):  # else those that were valid last stay
        record_tiers(worker.services.engine, store_id=worker.store_id, rules=book.tiers)
    if not book.crm_unreadable:
        worker.crm, worker.crm_known = book.crm, True
    record_form(worker.services.engine, store_id=worker.store_id, terms=book.sign_up, now=now)
    if not is_whole:
        return True  # the campaigns that could not be recorded have faults, and their runs don't begin
    for finding in book.findings:
        log.warning("campaign.finding", where=f"{finding.file}:{finding.line}", problem=finding.problem)
    log.info("campaign.read", campaigns=len(book.revisions), faulty=len(book.faulty))
    return True
