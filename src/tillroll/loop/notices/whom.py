"""Whom a notice goes to, as `rules/notices.yaml` says, and whether NOTICE_URL gets it too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy.engine import Connection

from tillroll.approve.people import approver_addresses
from tillroll.campaign.brand.brand import Brand
from tillroll.campaign.language.notices import APPROVERS, OWNER, STORE, NoticeRules, ReportRules
from tillroll.campaign.states import NoticeKind
from tillroll.campaign.text.addresses import same_address
from tillroll.ledger.people.notices import HOOK
from tillroll.ledger.records import Store
from tillroll.wiring import Services


@dataclass(frozen=True, kw_only=True)
class ShopPeople:
    """Who may be told of what happens in one store."""

    services: Services
    store: Store
    rules: NoticeRules
    reports: ReportRules = field(default_factory=ReportRules)
    brand: Brand = field(default_factory=Brand)

    @property
    def name(self) -> str:
        """The store's name, for people."""
        return self.store.name or f"store {self.store.ecwid_id}"

    def page(self, path: str = "") -> str:
        """Return the address of a page of the store; empty if the pages have no public address."""
        url = self.services.settings.public_url
        return f"{url}/stores/{self.store.ecwid_id}/{path}" if url else ""

    def are_told(self, connection: Connection, kind: NoticeKind) -> bool:
        """Return whether anybody may be told of this kind of thing: an owner is known only with their campaign."""
        return OWNER in self.rules.whom(kind) or bool(self.addresses(connection, kind))

    def addresses(self, connection: Connection, kind: NoticeKind, *, owner: str = "") -> list[str]:
        """Return whom to tell, each address once. `owner`: of the campaign, if it is about one."""
        found = self._once_each(connection, self.rules.whom(kind), owner)
        return [*found, *([HOOK] if self.services.settings.notice_url else [])]

    def report_readers(self, connection: Connection, words: Iterable[str]) -> list[str]:
        """Return who gets a report, each address once. NOTICE_URL gets none: it is told of events."""
        return self._once_each(connection, words, "")

    def _once_each(self, connection: Connection, words: Iterable[str], owner: str) -> list[str]:
        found: dict[str, str] = {}
        for word in words:
            for address in self._meant(connection, word, owner):
                if "@" in address:
                    found.setdefault(same_address(address), address)
        return list(found.values())

    def _meant(self, connection: Connection, word: str, owner: str) -> list[str]:
        if word == APPROVERS:
            return approver_addresses(connection, self.store.id)
        return [{OWNER: owner, STORE: self.store.email}.get(word, word)]
