"""The ledger's tables. States and causes are enums of `campaign/states.py`; moments are UTC; amounts are in the store's currency.

stores ─┬─ campaigns ── revisions            what the files say, and each version that a plan was made of
        ├─ runs ─┬─ plans ── recipients,     what one occurrence of a campaign would do, and for whom
        │        │           held_back       its control group, who get nothing
        │        ├─ approvals                who approved or rejected which digest
        │        ├─ agreements               who agreed that codes work again, while approvers are missing
        │        ├─ codes ── chunks          what the store was asked to create, and its answers
        │        └─ messages ── clicks       what was sent to whom, and who opened which link
        ├─ customers, favourites,            the mirror of the store
        │  customer_fields, orders,
        │  order_items, carts, products,
        │  product_categories, variations,
        │  categories, coupons, looks
        ├─ promotions, product_prices        discounts without a code, and what goods have cost
        ├─ readings                          how far a long list of the store has been read
        ├─ unread_rows                       what of the store's rows can't be read
        ├─ list_members                      who is in uploaded lists
        ├─ imports ── import_rows,           catalogue files: what each row wanted, what the store had before,
        │             import_chunks          and what it answered
        ├─ changes ── change_parts,          what is done to codes that are in the store, and
        │             change_chunks          what it answered
        ├─ drifts                            where its coupons differ from the ledger
        ├─ entries                           whom an event brought into a campaign, and their next step
        ├─ reviews, stock_changes,           what else happened in the store
        │  group_changes
        ├─ segment_looks, segment_members,   who is in the segments that campaigns wait for, and who came
        │  segment_changes                   and went
        ├─ tier_rules, tier_marks,           loyalty tiers: their rules, who must be counted again, who is in
        │  customer_tiers, tier_changes,     which, every change, and who is brought into the store's group of
        │  tier_group_moves                  their tier
        ├─ events                            webhook deliveries of the store
        ├─ suppressions, consents            who wants no e-mails, and the proof of who agreed to them
        ├─ consent_pushes                    what the store must be told of that
        ├─ sign_up_forms ── consent_texts,   the form by which people sign up, every text that they agreed to,
        │                   sign_ups         and who signed up
        ├─ mail_reports                      bounces and complaints
        ├─ notices                           what people of the shop are told, and whether it reached them
        ├─ privacy_requests                  what people ask about their own data, with the deadline
        ├─ forgotten, forgotten_runs         customers whose data was erased; runs that ended so long ago
        ├─ levels                            how much of the token's request allowance is left
        ├─ lanes                             when each store is worked on next
        ├─ fences                            what the store was told of this ledger's progress
        ├─ store_facts                       how the store answers, as far as a probe has learned it
        ├─ probes                            probes that may have left something in the store
        ├─ faults                            what went wrong with which item, and whether it is tried again
        ├─ code_counts, message_counts,      how many rows are in which state, and the sums of a run's orders: kept
        │  entry_counts, run_sums            by triggers (ledger/counting)
        ├─ leak_checks, leaks                who used each code, and what looks like a leak
        ├─ campaign_limits                   what campaigns may give and how many codes may leak, watched by the loop
        ├─ crm_feeds, crm_pushes, crm_events what a CRM is told of it, and how far that has come
        ├─ store_days                        what the whole store sold by day
        └─ redemptions, day_sums, effects    which order used which code, the sums of each day, what campaigns changed
transport_holds                              transports that take no e-mails
sender_days, domain_paces                    how many e-mails left on which day, and how fast to which mail domain
audit                                        every decision; each row holds the hash of the one before
users, roles, roles_users, store_roles       who may sign in, and what each may do
sessions, sign_in_counts                     who is signed in, and how many attempts failed
personal_keys                                by which commands know their person
passkeys                                     second factors that a device keeps

More than 13 modules: one for each subject above.
"""

from __future__ import annotations

from tillroll.ledger.tables.changes import change_chunks, change_parts, changes, drifts
from tillroll.ledger.tables.codes import chunks, codes
from tillroll.ledger.tables.columns import metadata
from tillroll.ledger.tables.crm import crm_events, crm_feeds, crm_pushes
from tillroll.ledger.tables.events import (
    entries,
    forgotten,
    forgotten_runs,
    group_changes,
    privacy_requests,
    reviews,
    segment_changes,
    segment_looks,
    segment_members,
    stock_changes,
)
from tillroll.ledger.tables.faults import faults
from tillroll.ledger.tables.imports import import_chunks, import_rows, imports
from tillroll.ledger.tables.lanes import fences, lanes, probes, store_facts
from tillroll.ledger.tables.limits import campaign_limits, leak_checks, leaks
from tillroll.ledger.tables.messages import (
    clicks,
    consent_pushes,
    consent_texts,
    consents,
    domain_paces,
    holds,
    mail_events,
    mail_reports,
    messages,
    notices,
    redemptions,
    sender_days,
    sign_up_forms,
    sign_ups,
    suppressions,
)
from tillroll.ledger.tables.mirror import (
    carts,
    categories,
    coupons,
    customer_fields,
    customers,
    events,
    favourites,
    levels,
    list_members,
    looks,
    order_items,
    orders,
    product_categories,
    product_prices,
    products,
    promotions,
    readings,
    unread_rows,
    variations,
)
from tillroll.ledger.tables.people import (
    audit,
    passkeys,
    personal_keys,
    roles,
    roles_users,
    sessions,
    sign_in_counts,
    store_roles,
    users,
)
from tillroll.ledger.tables.runs import (
    agreements,
    approvals,
    campaigns,
    held_back,
    plans,
    recipients,
    revisions,
    runs,
    stores,
)
from tillroll.ledger.tables.sums import (
    code_counts,
    day_sums,
    effects,
    entry_counts,
    message_counts,
    run_sums,
    store_days,
)
from tillroll.ledger.tables.tiers import (
    customer_tiers,
    tier_changes,
    tier_group_moves,
    tier_marks,
    tier_rules,
)

__all__ = [
    "agreements",
    "approvals",
    "audit",
    "campaign_limits",
    "campaigns",
    "carts",
    "categories",
    "change_chunks",
    "change_parts",
    "changes",
    "chunks",
    "clicks",
    "code_counts",
    "codes",
    "consent_pushes",
    "consent_texts",
    "consents",
    "coupons",
    "crm_events",
    "crm_feeds",
    "crm_pushes",
    "customer_fields",
    "customer_tiers",
    "customers",
    "day_sums",
    "domain_paces",
    "drifts",
    "effects",
    "entries",
    "entry_counts",
    "events",
    "faults",
    "favourites",
    "fences",
    "forgotten",
    "forgotten_runs",
    "group_changes",
    "held_back",
    "holds",
    "import_chunks",
    "import_rows",
    "imports",
    "lanes",
    "leak_checks",
    "leaks",
    "levels",
    "list_members",
    "looks",
    "mail_events",
    "mail_reports",
    "message_counts",
    "messages",
    "metadata",
    "notices",
    "order_items",
    "orders",
    "passkeys",
    "personal_keys",
    "plans",
    "privacy_requests",
    "probes",
    "product_categories",
    "product_prices",
    "products",
    "promotions",
    "readings",
    "recipients",
    "redemptions",
    "reviews",
    "revisions",
    "roles",
    "roles_users",
    "run_sums",
    "runs",
    "segment_changes",
    "segment_looks",
    "segment_members",
    "sender_days",
    "sessions",
    "sign_in_counts",
    "sign_up_forms",
    "sign_ups",
    "stock_changes",
    "store_days",
    "store_facts",
    "store_roles",
    "stores",
    "suppressions",
    "tier_changes",
    "tier_group_moves",
    "tier_marks",
    "tier_rules",
    "unread_rows",
    "users",
    "variations",
]
