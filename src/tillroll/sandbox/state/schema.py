"""The tables of the sandbox's file, and the upgrade of an older file."""

from __future__ import annotations

import sqlite3

_TABLES = """
create table if not exists facts (name text primary key, value text not null);
create table if not exists coupons (
    id integer primary key autoincrement, code text not null unique, created real not null,
    updated real not null, body text not null, status text not null default 'ACTIVE',
    kind text not null default 'ABS', expires integer);
create table if not exists customers (
    id integer primary key, email text not null unique, registered real not null, updated real not null,
    searchable real not null, orders integer not null, spent real not null, first_order real, last_order real,
    consent integer, lang text not null, country text not null, name text not null,
    body text not null, group_id integer not null default 0);
create table if not exists customer_groups (id integer primary key, name text not null, reference text);
insert or ignore into customer_groups values (0, 'General', null);
create table if not exists extra_fields (key text primary key, body text not null);
create table if not exists orders (
    number integer primary key, id text not null unique, customer integer, email text not null,
    created real not null, updated real not null, searchable real not null, status text not null,
    coupon text not null, total real not null, body text not null,
    cart text not null default '', cart_left real, hidden integer not null default 0);
create table if not exists products (
    id integer primary key, sku text not null, body text not null, created real not null default 0,
    updated real not null default 0, searchable real not null default 0);
create table if not exists combinations (
    id integer primary key, product integer not null, number integer not null, sku text not null,
    options text not null, body text not null, unique (product, options));
create table if not exists categories (id integer primary key, body text not null);
create table if not exists classes (id integer primary key, body text not null);
create table if not exists reviews (
    id integer primary key, product integer not null, number integer, customer integer, status text not null,
    rating integer not null, created real not null, updated real not null, body text not null);
create table if not exists promotions (id integer primary key, body text not null, version integer not null);
create table if not exists documents (
    kind text not null, key text not null, body text not null, primary key (kind, key));
create table if not exists files (
    id integer primary key, product integer not null, name text not null, description text not null,
    size integer not null, content blob not null);
create table if not exists storage (key text primary key, value text not null);
create table if not exists staff (id integer primary key, body text not null);
create table if not exists deleted (
    number integer primary key autoincrement, kind text not null, id text not null, date real not null,
    entity integer);
create table if not exists batches (
    number integer primary key autoincrement, ticket text not null unique, key text not null,
    groupid text not null, stop_on_failure integer not null, status text not null,
    total integer not null, created real not null);
create table if not exists inner_requests (
    batch integer not null, position integer not null, request text not null, answer text,
    primary key (batch, position));
"""

_INDEXES = """
create index if not exists coupons_created on coupons (created);
create index if not exists coupons_updated on coupons (updated);
create index if not exists coupons_kinds on coupons (status, kind, expires);
drop index if exists customers_updated;
drop index if exists customers_registered;
drop index if exists customers_name;
create index if not exists customers_changed on customers (updated, id, searchable, registered);
create index if not exists customers_named on customers (name, id, searchable, registered, updated, consent);
create index if not exists customers_spent on customers (spent, id);
create index if not exists customers_orders on customers (orders, id);
create index if not exists customers_first on customers (first_order, id);
create index if not exists customers_last on customers (last_order, id);
create index if not exists customers_grouped on customers (group_id) where group_id > 0;
create index if not exists customers_page on customers (registered, id, searchable, updated);
create index if not exists customers_searchable on customers (searchable);
drop index if exists orders_updated;
create index if not exists orders_changed on orders (updated, status, created, number, searchable);
create index if not exists orders_status on orders (status);
create index if not exists orders_coupon on orders (coupon);
create index if not exists orders_page on orders (created, number, searchable, updated, status);
create index if not exists orders_listed on orders (created, number, searchable, updated)
    where status != 'INCOMPLETE';
create index if not exists orders_customer on orders (customer);
create index if not exists orders_email on orders (email);
create index if not exists orders_searchable on orders (searchable);
create index if not exists orders_cart on orders (cart) where cart != '';
create index if not exists products_searchable on products (searchable);
create index if not exists products_sku on products (sku);
create index if not exists combinations_sku on combinations (sku);
create index if not exists deleted_kind on deleted (kind, date);
create index if not exists reviews_product on reviews (product);
create index if not exists batches_key on batches (key);
create index if not exists inner_open on inner_requests (batch, position) where answer is null;
"""

_ADDED = (
    ("coupons", "status", "text not null default 'ACTIVE'", "json_extract(body, '$.status')"),
    ("coupons", "kind", "text not null default 'ABS'", "json_extract(body, '$.discountType')"),
    ("coupons", "expires", "integer", "json_extract(body, '$.expirationDate')"),
    ("customers", "group_id", "integer not null default 0", "iif(group_name = 'Staff', 1, 0)"),
    (
        "orders",
        "cart",
        "text not null default ''",
        "iif(status = 'INCOMPLETE', hex(randomblob(4)) || '-' || hex(randomblob(12)), '')",
    ),
    ("orders", "cart_left", "real", "iif(status = 'INCOMPLETE', created, null)"),
    ("orders", "hidden", "integer not null default 0", ""),
    ("deleted", "entity", "integer", ""),
    ("products", "created", "real not null default 0", ""),
    ("products", "updated", "real not null default 0", ""),
    ("products", "searchable", "real not null default 0", ""),
)
"""Columns added later: (table, column, declaration, value for older rows)."""
_DROPPED = (("customers", "group_name"),)


def make(db: sqlite3.Connection) -> None:
    """Create the tables. An older file gets the columns it lacks and keeps its rows."""
    db.executescript(f"begin; {_TABLES} commit;")
    for table, column, declaration, value in _ADDED:
        if column not in _columns(db, table):
            db.execute(f"alter table {table} add column {column} {declaration}")
            if value:
                db.execute(f"update {table} set {column} = {value}")  # noqa: S608 - fixed texts
            if column == "group_id":
                db.execute("insert or ignore into customer_groups values (1, 'Staff', null)")
    for table, column in _DROPPED:
        if column in _columns(db, table):
            db.execute(f"alter table {table} drop column {column}")
    db.executescript(f"begin; {_INDEXES} commit;")


def _columns(db: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in db.execute(f"pragma table_info({table})")}
