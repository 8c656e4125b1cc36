"""The states of runs, codes, chunks, changes, drifts, messages, entries and faults, and the sets of states that queries share.

The values are stored in the ledger. Every change of state is a compare-and-set: update where the state is still the one read.
"""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """The state of a run, in the order in which a run passes through them."""

    PLANNING = "planning"  # due, or sent back because its files changed: needs a plan
    WAITING = "waiting"  # planned: awaits approval
    APPROVED = "approved"  # enough people approved the plan's digest: minting may begin
    MINTING = "minting"  # begun: follows its frozen plan to the end
    SENDING = "sending"  # every code is live, failed or replaced
    TRACKING = "tracking"  # every message is sent, failed or held; orders still count
    DONE = "done"  # its codes have expired
    REJECTED = "rejected"  # by a person
    REFUSED = "refused"  # by a guardrail or by the plan itself
    EXPIRED = "expired"  # not approved in time
    SKIPPED = "skipped"  # its slot was missed, and `if_late` or `within` says to skip it
    HALTED = "halted"  # stopped by a person


RUN_OPEN = frozenset(
    {
        RunState.PLANNING,
        RunState.WAITING,
        RunState.APPROVED,
        RunState.MINTING,
        RunState.SENDING,
        RunState.TRACKING,
    }
)
RUN_FINAL = frozenset(RunState) - RUN_OPEN
RUN_BEGUN = frozenset({RunState.MINTING, RunState.SENDING, RunState.TRACKING})
RUN_HOLDS_MONEY = frozenset({RunState.APPROVED, RunState.MINTING, RunState.SENDING, RunState.TRACKING})
"""Runs whose worst case counts against budgets: approved, with codes that have not expired."""


class CodeState(StrEnum):
    """The state of a code in the ledger and the store."""

    RESERVED = "reserved"  # drawn and recorded, not yet sent to the store
    POSTING = "posting"  # in a chunk that is being sent: it may be live already
    LIVE = "live"  # created in the store, with a coupon id
    CLASHED = "clashed"  # the store had this code already, not from us: a replacement was drawn
    FAILED = "failed"  # refused by the store; the reason says why
    PAUSED = "paused"  # paused in the store, or about to be: no e-mail with it is sent
    REVOKED = "revoked"  # deleted in the store before it expired, by us or by somebody else
    CLEARED = "cleared"  # expired and deleted in the store


class StoreUse(StrEnum):
    """What the store says of a code's uses, beyond the orders that count."""

    NONE = ""  # nothing: it works as far as its orders tell
    UNCLEAR = "unclear"  # an order that used it was undone; the store is asked whether it works again
    USED_UP = "used_up"  # it doesn't work any more
    RETURNED = "returned"  # an order that used it was undone, and it works again


WORKS_AGAIN = frozenset({StoreUse.NONE, StoreUse.RETURNED})
"""What the store says of a code that works."""


CODE_OPEN = frozenset({CodeState.RESERVED, CodeState.POSTING})
CODE_IN_STORE = frozenset({CodeState.LIVE, CodeState.PAUSED})


class ChangeKind(StrEnum):
    """A change to codes that are in the store."""

    PAUSE = "pause"
    RESUME = "resume"
    EXTEND = "extend"  # a later expiry
    REVOKE = "revoke"  # delete the usable ones in the store
    CLEAR = "clear"  # delete the expired ones in the store
    LAUNCH = "launch"  # activate codes that were made in advance, paused
    PUT_RIGHT = "put_right"  # fix a drift: make the store's coupon match the ledger again
    RECYCLE = "recycle"  # give unused codes of a halted run to another run


class ChangeState(StrEnum):
    """The state of a change."""

    GATHERING = "gathering"  # its codes are being recorded
    WORKING = "working"  # all codes are recorded; the store is being updated
    DONE = "done"  # every code is done, skipped or failed


CHANGE_OPEN = frozenset({ChangeState.GATHERING, ChangeState.WORKING})


class PartState(StrEnum):
    """The state of one code of a change."""

    WANTED = "wanted"  # not yet sent to the store
    POSTING = "posting"  # in a chunk that is being sent
    DONE = "done"
    PASSED = "passed"  # skipped, since nothing had to be done; the reason says why
    FAILED = "failed"  # refused by the store; the reason says why


PART_OPEN = frozenset({PartState.WANTED, PartState.POSTING})


class DriftKind(StrEnum):
    """How a coupon in the store differs from the ledger."""

    CHANGED = "changed"  # edited in the store
    DELETED = "deleted"  # deleted in the store
    STILL_THERE = "still_there"  # deleted by us, but in the store
    CLASH = "clash"  # has a code from the ledger, but isn't our coupon
    STRAY = "stray"  # not in the ledger, but looks like one of ours


class DriftState(StrEnum):
    """The state of a drift."""

    OPEN = "open"  # awaits a decision
    FIXING = "fixing"  # being fixed by a change
    FIXED = "fixed"
    ACCEPTED = "accepted"  # the store's values were accepted
    OVER = "over"  # gone at a later comparison


DRIFT_OPEN = frozenset({DriftState.OPEN, DriftState.FIXING})


class CodeCause(StrEnum):
    """Why a code is in its state, where other code depends on it. For people: `sentences/causes.py`."""

    NONE = ""  # the state says it all
    SWITCHED_OFF_IN_STORE = "switched_off_in_store"  # paused in the store's admin; an approver decides
    LEFT_OVER = "left_over"  # of a halted run, never sent; a run with the same terms may take it
    IMPORTED = "imported"  # found in the store by a ledger that was restored from before it was made
    REFUSED = "refused"  # the store refused a change of it; the reason holds its answer


class ChunkState(StrEnum):
    """The state of one batch of up to 500 codes sent to the store."""

    POSTING = "posting"  # the intent is recorded; the request may or may not have arrived
    POSTED = "posted"  # the store returned a ticket
    DONE = "done"  # every result is recorded
    LOST = "lost"  # the batch's results could not be read: its codes were looked up one by one


class StoreEmail(StrEnum):
    """An automated e-mail of the store itself, by its name in the store's profile."""

    ABANDONED_CART = "abandonedCartRecovery"
    FAVOURITES = "favoriteProductsReminder"
    FEEDBACK = "feedbackRequest"
    LOYALTY = "customerLoyaltyAppreciation"
    INACTIVE = "inactiveCustomerReminder"
    ANNIVERSARY = "purchaseAnniversary"


class MessageKind(StrEnum):
    """Which of a run's e-mails."""

    OFFER = "offer"
    REMINDER = "reminder"  # to recipients who haven't used their code


class MessageState(StrEnum):
    """The state of an e-mail."""

    READY = "ready"  # will be sent once its code is live and its time has come
    SENDING = "sending"  # the intent is recorded; it may or may not have been sent
    SENT = "sent"  # accepted by the transport
    FAILED = "failed"  # refused for good; the reason says why
    UNKNOWN = "unknown"  # may have been sent: never silently repeated or dropped
    HELD = "held"  # not allowed (consent withdrawn, no code); the reason says why


class WireState(StrEnum):
    """How far a claimed e-mail came, for a transport that keeps no log of its own."""

    UNMARKED = ""  # not claimed, or claimed by a version that left no mark
    WAITING = "waiting"  # claimed; it has surely not left
    LEAVING = "leaving"  # its end is being sent; it may have left


class MailEventKind(StrEnum):
    """What became of an e-mail after it left."""

    DELIVERED = "delivered"  # the reader's mail server took it
    BOUNCED = "bounced"  # for good: there is no such mailbox
    SOFT_BOUNCED = "soft_bounced"  # for a reason that may pass
    COMPLAINED = "complained"  # the reader called it spam
    UNSUBSCRIBED = "unsubscribed"  # by the service's own link


MESSAGE_OPEN = frozenset({MessageState.READY, MessageState.SENDING})


class EntryState(StrEnum):
    """The state of an entry: a customer (or product) that an event brought into a campaign."""

    WAITING = "waiting"  # the next step is due later; the reason says if the campaign is not acting
    LEFT = "left"  # left before the last step; the reason says why
    DONE = "done"  # finished all steps


class EntryCause(StrEnum):
    """Why an entry waits or has left, where other code depends on it."""

    NONE = ""  # nothing special, or a reason that only people read
    CAMPAIGN_INACTIVE = "campaign_inactive"  # waiting: the campaign does not act until it is active again
    UNKNOWN_CUSTOMER = "unknown_customer"  # left: no customer of the store has this address
    MAY_BE_ANSWERED = "may_be_answered"  # left: the event is from before a restore; it may have been answered
    MAY_HAVE_RUN = "may_have_run"  # left: the step was due before a restore, and may have run
    WAS_CONTACTED = "was_contacted"  # left: the customer was contacted before a restore


UNPLACED = "INCOMPLETE"
"""The payment status of a cart, and of an order that went back to being one: the store's lists of orders leave it out."""

WITHDRAWN = "WITHDRAWN"
"""The mirror's payment status of an order whose buyer withdrew from the contract, whatever the store's own status is."""

REFUNDED = "REFUNDED"
"""The payment status of an order whose whole amount was paid back. The mirror's too if the store's status doesn't say so."""

NO_SALE = ("CANCELLED", REFUNDED, UNPLACED, WITHDRAWN)
"""Payment statuses of orders that don't count as sales."""


class ItemKind(StrEnum):
    """What a fault happened to: one item of a loop, whose neighbours go on."""

    STORE = "store"  # a whole stage of it; the other stages and stores go on
    CAMPAIGN = "campaign"
    RUN = "run"
    MESSAGE = "message"
    ENTRY = "entry"
    CHANGE = "change"
    CHUNK = "chunk"  # a batch request, whose codes keep the state they had
    CODE = "code"
    EVENT = "event"  # a webhook delivery
    AREA = "area"  # a list of the store: customers, orders, …
    ROW = "row"  # of a list of the store, like `customers 1234`, or of a file
    COUPON = "coupon"  # of the store, beside the ledger


class Stage(StrEnum):
    """What was being done as a fault happened."""

    FILES = "files"
    WEBHOOKS = "webhooks"
    MIRROR = "mirror"
    SLOTS = "slots"
    ENTER = "enter"  # store events bring customers into campaigns
    STEPS = "steps"
    POOLS = "pools"
    PLAN = "plan"
    APPROVE = "approve"  # by policy, or the end of a plan that nobody decided on
    BEGIN = "begin"  # minting begins: the last look at files, audience and goods
    MINT = "mint"
    CHANGE = "change"
    COMPARE = "compare"  # the store's coupons with the ledger
    SEND = "send"
    REMIND = "remind"
    RESULTS = "results"
    TIERS = "tiers"  # loyalty tiers follow the orders
    CONSENT = "consent"  # the store is told who takes e-mails back
    CATALOGUE = "catalogue"  # an import, or its undo
    PRIVACY = "privacy"  # the recipients of runs that ended long ago are forgotten
    AUDIT = "audit"  # the audit chain's head is kept in the store
    NOTICES = "notices"  # people of the shop are told what happened
    CRM = "crm"  # a CRM is told what changed


class NoticeKind(StrEnum):
    """What people of the shop are told."""

    APPROVAL = "approval"  # a run awaits approval
    EXPIRING = "expiring"  # nobody has decided on a run, and its plan expires soon
    DONE = "done"  # a run's e-mails have left
    HELD = "held"  # a run was halted, or set aside after a fault
    MAIL_HELD = "mail_held"  # no e-mail leaves
    OUTAGE = "outage"  # the store no longer accepts our calls
    COMPLAINTS = "complaints"  # a campaign is held because too many readers call it spam
    PRIVACY = "privacy"  # somebody asks about their own data
    ODD_DAY = "odd_day"  # the store had far more or far fewer orders than on other such days
    BUDGET = "budget"  # a campaign has given most of the discount that it may give, or all of it
    LEAKS = (
        "leaks"  # a campaign's codes are paused because too many were used by others than their recipients
    )
    REPORT = "report"  # what a week has brought
    CRM = "crm"  # the CRM takes no changes, or has refused some for good


class LimitKind(StrEnum):
    """A limit on a campaign that the loop watches while the campaign's codes work."""

    BUDGET = "budget"  # the discount that its orders take
    LEAKS = "leaks"  # the share of its codes that others than their recipients used


class UsedBy(StrEnum):
    """Who used a code, beside the recipient to whom it was given."""

    RECIPIENT = "recipient"
    HOUSEHOLD = "household"  # somebody at the same address, or with the same surname
    LIKELY = "likely"  # an address like theirs: with a typo, or the same name at another provider
    UNKNOWN = "unknown"  # too little is known of one of them
    OTHER = "other"  # both are known, and nothing agrees
    TOLD = "told"  # a code for everybody, by somebody whom an e-mail told of it
    PUBLIC = "public"  # a code that was given to nobody in particular, by somebody whom no e-mail told of it


class LeakKind(StrEnum):
    """What looks like a leak."""

    OTHER_BUYER = "other_buyer"  # a code was used by somebody else than its recipient
    MANY_CODES = "many_codes"  # one buyer used codes of several recipients
    MANY_BUYERS = "many_buyers"  # several buyers used one recipient's code
    BURST = "burst"  # within an hour, people whom nobody told used far more codes of a campaign than usual


class FaultState(StrEnum):
    """The state of a fault."""

    OPEN = "open"  # tried again after a pause
    SET_ASIDE = "set_aside"  # needs a developer: nothing is done with the item until somebody says so
    RELEASED = "released"  # somebody had it tried again, or it went well since


class PrivacyKind(StrEnum):
    """What somebody asks about their own data."""

    REMOVAL = "removal"  # to be forgotten
    EXPORT = "export"  # a copy of it


class PrivacySubject(StrEnum):
    """Whose data it is."""

    CUSTOMER = "customer"
    OWNER = "profile"  # the store's owner, by the store's word for it


class SuppressionCause(StrEnum):
    """Why somebody gets no e-mails, or fewer."""

    UNSUBSCRIBED = "unsubscribed"  # they said so
    COMPLAINT = "complaint"  # they called one spam
    HARD_BOUNCE = "hard_bounce"  # there is no such mailbox
    SOFT_BOUNCES = "soft_bounces"  # several e-mails in a row couldn't be delivered
    BY_HAND = "by_hand"  # somebody of the shop added them
    IMPORTED = "imported"  # they were in a file


class ConsentSource(StrEnum):
    """By what a wish about e-mails came."""

    LINK = "link"  # the page that the link in an e-mail leads to
    ONE_CLICK = "one_click"  # the button of a mail program (RFC 8058)
    MAIL = "mail"  # an e-mail to the address of List-Unsubscribe
    STORE = "store"  # the store's own record of the customer
    SERVICE = "service"  # a mail service or a mail server
    PERSON = "person"  # of the shop
    FILE = "file"
    FORM = "form"  # the sign-up form


class ReportKind(StrEnum):
    """What mail services and servers report about an e-mail that left."""

    COMPLAINT = "complaint"
    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCE = "soft_bounce"


class SignUpState(StrEnum):
    """How far somebody's wish to get e-mails has come (`ledger/consent/sign_ups.py`)."""

    ASKED = "asked"  # the e-mail to confirm it waits to leave
    LEAVING = "leaving"  # that e-mail is being handed over
    MAILED = "mailed"  # it left, or may have left; its reader hasn't confirmed yet
    AGREED = "agreed"  # they agreed; the store must be told
    CREATING = "creating"  # the store is asked to make the customer, and may have made them
    DONE = "done"  # the store has the customer, who agrees
    DROPPED = "dropped"  # nothing follows, for a reason


class PushOutcome(StrEnum):
    """What became of telling the store about somebody's consent."""

    TOLD = "told"
    NO_CUSTOMER = "no_customer"  # the store has nobody with that address
    OVERTAKEN = "overtaken"  # they said something else before the store was told
    REFUSED = "refused"  # the store refuses it each time
