"""The mirror of the store: what it sells, who buys, what they bought, how far it was read, and what its webhooks said."""

from __future__ import annotations

import sqlalchemy as sa

from tillroll.ledger.tables.columns import count, identity, metadata, of, text
from tillroll.ledger.tables.types import Amount, UtcDateTime

customers = sa.Table(
    "customers",
    metadata,
    of("stores"),
    sa.Column("customer_id", sa.BigInteger, nullable=False),
    text("email", ""),
    text("mailbox", ""),  # of that address, by which customers who are one person are found; empty: not known
    text("name", ""),
    text("first_name", ""),
    text("language", ""),
    text("country", ""),
    text("city", ""),
    text("region", ""),  # of the billing address: its code where the store knows one, else its name
    text("group_name", ""),
    text("households", ""),  # digest of the billing address, by which households are told apart
    text("surnames", ""),  # digests of the surnames
    sa.Column("accepts_marketing", sa.Boolean),  # none: never asked
    count("orders"),
    sa.Column("spent", Amount, nullable=False, server_default="0"),
    sa.Column("first_order_at", UtcDateTime),
    sa.Column("last_order_at", UtcDateTime),
    sa.Column("registered_at", UtcDateTime),
    sa.Column("updated_at", UtcDateTime),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "customer_id"),
    sa.Index(None, "store_id", "last_order_at"),
    sa.Index(None, "store_id", "mailbox"),
)

favourites = sa.Table(
    "favourites",
    metadata,
    of("stores"),
    sa.Column("customer_id", sa.BigInteger, nullable=False),
    sa.Column("product_id", sa.BigInteger, nullable=False),
    sa.Column("added_at", UtcDateTime),
    sa.PrimaryKeyConstraint("store_id", "customer_id", "product_id"),
    sa.Index(None, "store_id", "product_id"),
)

customer_fields = sa.Table(
    "customer_fields",
    metadata,
    of("stores"),
    sa.Column("customer_id", sa.BigInteger, nullable=False),
    text("title"),  # as the store's owner called the field
    text("value", ""),
    sa.PrimaryKeyConstraint("store_id", "customer_id", "title"),
    sa.Index(None, "store_id", "title", "value"),
)

list_members = sa.Table(
    "list_members",
    metadata,
    of("stores"),
    text("digest"),  # of the list's file: a changed list is another list
    text("member"),  # an e-mail address in lower case, or a customer's number
    sa.PrimaryKeyConstraint("store_id", "digest", "member"),
)

orders = sa.Table(
    "orders",
    metadata,
    of("stores"),
    text("order_id"),
    sa.Column("number", sa.BigInteger),  # the store's own; none: read before it was kept
    sa.Column("customer_id", sa.BigInteger),
    text("email", ""),
    sa.Column("total", Amount, nullable=False, server_default="0"),  # less what was refunded
    sa.Column("subtotal", Amount, nullable=False, server_default="0"),
    sa.Column("coupon_discount", Amount, nullable=False, server_default="0"),
    text("coupon_code", ""),
    text("payment_status", ""),
    text("fulfillment_status", ""),
    text("buyer", ""),  # digest of the buyer's mailbox
    text("households", ""),  # digests of the addresses that it is sent and billed to
    text("surnames", ""),  # digests of the surnames that it is sent and billed to
    sa.Column("created_at", UtcDateTime),
    sa.Column("updated_at", UtcDateTime),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "order_id"),
    sa.Index(None, "store_id", "number"),
    sa.Index(None, "store_id", "customer_id"),
    sa.Index(None, "store_id", "created_at", "customer_id", "payment_status", "total"),
    sa.Index(None, "store_id", "seen_at", "order_id"),
    sa.Index(
        "ix_orders_store_id_buyer",
        "store_id",
        "buyer",
        sqlite_where=sa.text("buyer != '' and coupon_code != ''"),
        postgresql_where=sa.text("buyer != '' and coupon_code != ''"),
    ),
)

order_items = sa.Table(
    "order_items",
    metadata,
    of("stores"),
    text("order_id"),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("product_id", sa.BigInteger),
    text("sku", ""),
    count("quantity"),
    sa.Column("price", Amount, nullable=False, server_default="0"),  # each
    sa.Column("customer_id", sa.BigInteger),  # who bought it; none: nobody known, or the order was undone
    sa.Column("bought_at", UtcDateTime),
    sa.PrimaryKeyConstraint("store_id", "order_id", "line"),
    sa.Index(None, "store_id", "product_id", "customer_id", "bought_at"),
    sa.Index(None, "store_id", "sku", "customer_id", "bought_at"),
)

carts = sa.Table(
    "carts",
    metadata,
    of("stores"),
    text("cart_id"),
    sa.Column("customer_id", sa.BigInteger),
    text("email", ""),
    sa.Column("accepts_marketing", sa.Boolean),
    text("language", ""),
    sa.Column("total", Amount, nullable=False, server_default="0"),
    sa.Column("subtotal", Amount, nullable=False, server_default="0"),
    text("coupon_code", ""),
    sa.Column("hidden", sa.Boolean, nullable=False),
    sa.Column("recovered_order", sa.BigInteger),
    sa.Column("recovery_email_at", UtcDateTime),
    sa.Column("items", sa.JSON, nullable=False, server_default="[]"),  # as the API gives them, prices as text
    sa.Column("created_at", UtcDateTime),
    sa.Column("updated_at", UtcDateTime),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "cart_id"),
)

products = sa.Table(
    "products",
    metadata,
    of("stores"),
    sa.Column("product_id", sa.BigInteger, nullable=False),
    text("sku", ""),
    text("name", ""),
    sa.Column("price", Amount, nullable=False, server_default="0"),
    sa.Column("compare_to_price", Amount),  # the price it is reduced from; none: not reduced
    sa.Column("cost_price", Amount),
    sa.Column("quantity", sa.BigInteger),  # none: unlimited
    sa.Column("in_stock", sa.Boolean, nullable=False),
    sa.Column("low_stock_at", sa.BigInteger),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("discounts_allowed", sa.Boolean, nullable=False),
    sa.Column("category_ids", sa.JSON, nullable=False),
    text("url", ""),
    text("picture", ""),
    sa.Column("created_at", UtcDateTime),
    sa.Column("updated_at", UtcDateTime),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "product_id"),
    sa.Index(None, "store_id", "sku"),
)

product_prices = sa.Table(
    "product_prices",
    metadata,
    of("stores"),
    sa.Column("product_id", sa.BigInteger, nullable=False),
    sa.Column("variation_id", sa.BigInteger, nullable=False),  # 0: the product itself
    sa.Column("since", UtcDateTime, nullable=False),  # when the mirror first saw it
    sa.Column("price", Amount, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "product_id", "variation_id", "since"),
)

promotions = sa.Table(
    "promotions",
    metadata,
    of("stores"),
    sa.Column("promotion_id", sa.BigInteger, nullable=False),
    text("name", ""),
    sa.Column("enabled", sa.Boolean, nullable=False),
    text("base", ""),  # ITEM, SUBTOTAL, SHIPPING
    text("discount_type", ""),  # PERCENT, ABSOLUTE, FIXED_PRICE
    sa.Column("amount", Amount, nullable=False),
    sa.Column("least_subtotal", Amount),  # of the baskets that get it; none: any
    sa.Column("is_limited", sa.Boolean, nullable=False),  # to some products, groups or times
    sa.Column("begins_at", UtcDateTime),
    sa.Column("ends_at", UtcDateTime),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "promotion_id"),
)

product_categories = sa.Table(
    "product_categories",
    metadata,
    of("stores"),
    sa.Column("product_id", sa.BigInteger, nullable=False),
    sa.Column("category_id", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "category_id", "product_id"),
)

variations = sa.Table(
    "variations",
    metadata,
    of("stores"),
    sa.Column("product_id", sa.BigInteger, nullable=False),
    sa.Column("variation_id", sa.BigInteger, nullable=False),
    text("sku", ""),
    sa.Column("price", Amount),  # none: the product's own
    sa.Column("quantity", sa.BigInteger),
    sa.Column("in_stock", sa.Boolean, nullable=False),
    sa.Column("low_stock_at", sa.BigInteger),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "product_id", "variation_id"),
    sa.Index(None, "store_id", "sku"),
)

categories = sa.Table(
    "categories",
    metadata,
    of("stores"),
    sa.Column("category_id", sa.BigInteger, nullable=False),
    sa.Column("parent_id", sa.BigInteger),
    text("name", ""),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "category_id"),
)

coupons = sa.Table(
    "coupons",
    metadata,
    of("stores"),
    sa.Column("coupon_id", sa.BigInteger, nullable=False),
    text("code"),
    text("name", ""),
    text("discount_type", ""),
    sa.Column("discount", Amount, nullable=False, server_default="0"),
    text("status", ""),
    text("uses_limit", ""),
    text("application_limit", ""),
    sa.Column("minimum_subtotal", Amount),
    sa.Column("launches_at", UtcDateTime),
    sa.Column("expires_at", UtcDateTime),
    count("order_count"),
    sa.Column("created_at", UtcDateTime),
    sa.Column("updated_at", UtcDateTime),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "coupon_id"),
    sa.Index(None, "store_id", "code"),
)

looks = sa.Table(
    "looks",
    metadata,
    of("stores"),
    text("area"),  # customers, orders, carts, products, categories, coupons
    sa.Column(
        "looked_at", UtcDateTime, nullable=False
    ),  # by the store's clock: the mirror is complete up to here
    sa.Column("whole_at", UtcDateTime),  # when the area was last read from end to end
    sa.Column("stamp", UtcDateTime),  # when the area had last changed, as the store said at that look
    sa.PrimaryKeyConstraint("store_id", "area"),
)

readings = sa.Table(
    "readings",
    metadata,
    of("stores"),
    text("area"),
    text("kind"),  # track/mirror/readings.py
    sa.Column(
        "since", UtcDateTime
    ),  # by the store's clock: only what changed since is read; none: everything
    sa.Column(
        "began_at", UtcDateTime, nullable=False
    ),  # by the store's clock: what changes later is the next one's
    sa.Column("seen_since", UtcDateTime, nullable=False),  # the same by ours
    sa.Column("place", sa.JSON, nullable=False),  # ecwid/http/paging.py
    sa.Column("went_on_at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "area", "kind"),
)

unread_rows = sa.Table(
    "unread_rows",
    metadata,
    of("stores"),
    text("area"),
    text("row_id", ""),  # in the store, as far as it can be shown
    text("field", ""),  # that is empty in the mirror; empty: the whole row is missing
    text("reason"),  # why it can't be read
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("store_id", "area", "row_id", "field"),
)

events = sa.Table(
    "events",
    metadata,
    identity(),
    of("stores"),
    text("event_id"),  # the store's own, the same at every delivery
    text("kind"),  # like order.updated
    text("entity"),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("happened_at", UtcDateTime, nullable=False),  # as the store says
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("handled_at", UtcDateTime),
    text("outcome", ""),
    sa.UniqueConstraint("store_id", "event_id"),
    sa.Index(None, "store_id", "handled_at"),
    sa.Index(None, "store_id", "received_at"),
)

levels = sa.Table(
    "levels",
    metadata,
    of("stores"),
    sa.Column("calls_left", sa.Double, nullable=False),
    sa.Column("at", sa.Double, nullable=False),  # UNIX seconds
    sa.Column("blocked_until", sa.Double, nullable=False),
    sa.PrimaryKeyConstraint("store_id"),
)
