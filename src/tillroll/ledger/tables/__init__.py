"""The ledger's tables. States are the values of `campaign/states.py`; moments are UTC; amounts are in the store's currency.

stores ─┬─ campaigns ── revisions            what the files say, and every version a plan was made of
        ├─ runs ─┬─ plans ── recipients      what one occurrence would do, and for whom
        │        ├─ approvals                who agreed to which digest
        │        ├─ agreements               who agreed that codes work again, while it takes more people
        │        ├─ codes ── chunks          what the store was asked for, and what it answered
        │        └─ messages                 what reached whom
        ├─ customers, favourites,            the mirror of the store
        │  customer_fields, orders,
        │  order_items, carts, products,
        │  product_categories, variations,
        │  categories, coupons, looks
        ├─ readings                          how far a list of the store was read that is being read
        ├─ list_members                      who stands in uploaded lists
        ├─ imports ── import_rows,           catalogue files: what each row wanted, what the store had before,
        │             import_chunks          and what it answered
        ├─ changes ── change_parts,          what is done to codes that are in the store, and
        │             change_chunks          what it answered
        ├─ drifts                            where its coupons are not what the ledger says
        ├─ entries                           whom an event brought into a campaign, and their next step
        ├─ reviews, stock_changes            what else happened in the store
        ├─ events                            what the store's webhooks said happened
        ├─ levels                            how much of the token's allowance of requests is left
        ├─ lanes                             when each store's lane is due
        ├─ fences                            how far the ledger has told its store that it came
        └─ redemptions                       which order used which code
audit                                        every decision, each row holding the hash of the one before
users, roles, roles_users                    who may sign in
"""

from __future__ import annotations

from tillroll.ledger.tables.changes import change_chunks, change_parts, changes, drifts
from tillroll.ledger.tables.codes import chunks, codes
from tillroll.ledger.tables.columns import metadata
from tillroll.ledger.tables.events import entries, reviews, stock_changes
from tillroll.ledger.tables.imports import import_chunks, import_rows, imports
from tillroll.ledger.tables.lanes import fences, lanes
from tillroll.ledger.tables.messages import messages, redemptions
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
    products,
    readings,
    variations,
)
from tillroll.ledger.tables.people import audit, roles, roles_users, users
from tillroll.ledger.tables.runs import (
    agreements,
    approvals,
    campaigns,
    plans,
    recipients,
    revisions,
    runs,
    stores,
)

__all__ = [
    "agreements",
    "approvals",
    "audit",
    "campaigns",
    "carts",
    "categories",
    "change_chunks",
    "change_parts",
    "changes",
    "chunks",
    "codes",
    "coupons",
    "customer_fields",
    "customers",
    "drifts",
    "entries",
    "events",
    "favourites",
    "fences",
    "import_chunks",
    "import_rows",
    "imports",
    "lanes",
    "levels",
    "list_members",
    "looks",
    "messages",
    "metadata",
    "order_items",
    "orders",
    "plans",
    "product_categories",
    "products",
    "readings",
    "recipients",
    "redemptions",
    "reviews",
    "revisions",
    "roles",
    "roles_users",
    "runs",
    "stock_changes",
    "stores",
    "users",
    "variations",
]
