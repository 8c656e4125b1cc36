"""The worker of one store in this process: its API client, and what it remembers from turn to turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tillroll.batches.session import StoreSession
from tillroll.campaign.brand.brand import Brand
from tillroll.campaign.language.blocks import StoreHoldout
from tillroll.campaign.language.crm import CrmRules
from tillroll.campaign.language.notices import NoticeRules, ReportRules
from tillroll.campaign.language.privacy import PrivacyRules
from tillroll.ecwid.client import Client
from tillroll.ledger.queries.plans import Recount
from tillroll.ledger.records import Store
from tillroll.mint.context import MintContext, MintMemory
from tillroll.mint.reconcile.hourly import RecentComparison
from tillroll.mint.reconcile.nightly import NightlyComparison
from tillroll.plan.make import Planning
from tillroll.track.connect import CONNECTED
from tillroll.track.mirror.follow import Following
from tillroll.track.mirror.session import MirrorSession, SliceFinished
from tillroll.wiring import Services

STAGE_TIME = timedelta(seconds=2)
"""How long minting, a run's e-mails, a plan or a long list may take in one turn, so that urgent work need not wait longer."""


@dataclass(kw_only=True)
class StoreWorker:
    """The worker of one store in this process. Everything it remembers may be lost: the ledger holds what counts."""

    services: Services
    store_id: int
    client: Client
    files_seen: str = ""  # fingerprint of the campaign files that the ledger agrees with
    privacy: PrivacyRules = field(default_factory=PrivacyRules)  # of those files
    notices: NoticeRules = field(default_factory=NoticeRules)  # of those files
    store_holdout: StoreHoldout | None = None  # of those files
    reports: ReportRules = field(default_factory=ReportRules)  # of those files
    brand: Brand = field(default_factory=Brand)  # of those files
    crm: CrmRules | None = None  # of those files
    crm_known: bool = (
        False  # whether that is what the files say: they could be read, and the CRM's has no faults
    )
    files_unreadable: bool = False  # the campaign files could not be read at the last look
    following: Following = field(default_factory=Following)
    events_checked_at: datetime | None = None  # when store events were last looked for
    idle_since: datetime | None = None  # no work was due since then
    reconciled: bool = False  # the ledger was compared with the store since this process began
    hourly: RecentComparison | None = None  # the hourly comparison, while it is running
    mint_memory: MintMemory = field(default_factory=MintMemory)  # how fast the store makes codes
    forgot_at: datetime | None = None  # when runs that ended long ago were last looked for
    cleared_at: datetime | None = None  # when expired codes were last looked for
    nightly: NightlyComparison | None = None  # the nightly comparison, while it is running
    opened_with: tuple[str, str] | None = None  # address and encrypted token that the client was opened with
    fence_checked: bool = False  # the store has confirmed that this ledger is the one that works for it
    in_trouble: bool = False  # the store failed in the last turn
    hangs: int = 0  # turns in a row in which it did not answer
    good_turns_left: int = 0  # good turns left before the store leaves the slow pool
    stage_time: timedelta = STAGE_TIME
    plannings: dict[int, Planning] = field(default_factory=dict)  # plans being made, by their runs' ids
    approval_recounts: dict[int, Recount] = field(default_factory=dict)  # counts before approval, by run id
    begin_recounts: dict[int, Recount] = field(default_factory=dict)  # counts before minting, by run id
    share_out: Callable[[int], None] | None = None  # distributes a run's messages to other senders

    @property
    def ecwid_id(self) -> int:
        """The store's own number."""
        return self.client.connection.store_id

    @property
    def session(self) -> StoreSession:
        """The store session for one call; do not keep it, since the client may be replaced between turns."""
        return self.services.session(self.store_id, self.client)

    @property
    def mint_context(self) -> MintContext:
        """The same session with what the worker remembers of minting."""
        return MintContext(
            engine=self.services.engine,
            client=self.client,
            store_id=self.store_id,
            clock=self.services.clock,
            memory=self.mint_memory,
        )

    def use_current_token(self, store: Store) -> None:
        """Open a new client when the ledger has a new token, so that a reconnected store continues without a restart."""
        current = (store.base_url, store.token)
        refused = self.client.connection.refused and store.state == CONNECTED
        if refused or self.opened_with not in {None, current}:
            self.client.close()
            self.client = self.services.open_client(store)
            self.fence_checked = False
        self.opened_with = current

    def note_poll(self, polled_at: datetime | None) -> None:
        """Take over the time at which any process last asked the store what changed, if it is later than ours."""
        times = [time for time in (self.following.polled_at, polled_at) if time is not None]
        self.following.polled_at = max(times, default=None)

    def discard_started_work(self) -> None:
        """Forget plans and counts that are half done: after a pause they would be out of date."""
        self.plannings, self.approval_recounts, self.begin_recounts = {}, {}, {}

    def close(self) -> None:
        """Close the client's connections. They are opened again when needed."""
        self.client.close()


def slice_end(worker: StoreWorker, until: datetime) -> SliceFinished:
    """Return a function that says whether a slice that starts now has ended; long work asks it after each piece."""
    clock = worker.services.clock
    ends_at = min(until, clock.now() + worker.stage_time)
    return lambda: clock.now() >= ends_at


def mirror_session(worker: StoreWorker, until: datetime) -> MirrorSession:
    """Return what a slice of reading the store needs. The slice starts now and ends as `slice_end` says."""
    return MirrorSession.of(worker.session, finished=slice_end(worker, until))
