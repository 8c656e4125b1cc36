"""The table of endpoints: method, path, scope, and the function that answers (dossier sections 1 to 11)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tillroll.sandbox.areas import (
    application,
    carts,
    catalog,
    categories,
    contacts,
    coupons,
    customer_search,
    customers,
    deleted,
    extra_fields,
    groups,
    invoices,
    orders,
    placing,
    product_classes,
    products,
    profile,
    promotions,
    reports,
    reviews,
    staff,
    stats,
    statuses,
    storage,
    variations,
)
from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.wire import Query


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request to an endpoint."""

    store: Store
    ids: tuple[str, ...]  # of the path, decoded
    query: Query
    body: Any

    @property
    def id(self) -> str:
        """The first id of the path."""
        return self.ids[0]

    @property
    def inner(self) -> str:
        """The second id of the path: of what belongs to the first."""
        return self.ids[1]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One row of the API's endpoint tables."""

    method: str
    path: str
    pattern: re.Pattern[str]
    scope: str
    answer: Callable[[Call], Any]


def _route(method: str, path: str, scope: str, answer: Callable[[Call], Any]) -> Route:
    pattern = re.compile(path.replace("{id}", "([^/]+)") + "/?")
    return Route(method=method, path=path, pattern=pattern, scope=scope, answer=answer)


# fmt: off
_STORE = (
    _route("GET", "/profile", "read_store_profile",
           lambda c: profile.profile(c.store, c.query)),
    _route("PUT", "/profile", "update_store_profile",
           lambda c: profile.update(c.store, c.body)),
    _route("GET", "/profile/order_statuses", "read_store_profile",
           lambda c: statuses.listed(c.store)),
    _route("GET", "/profile/order_status/{id}", "read_store_profile",
           lambda c: statuses.get(c.store, c.id)),
    _route("PUT", "/profile/order_status/{id}", "update_store_profile",
           lambda c: statuses.update(c.store, c.id, c.body)),
    _route("GET", "/latest-stats", "read_store_profile",
           lambda c: stats.latest(c.store, c.query)),
    _route("GET", "/reports/{id}", "read_store_stats",
           lambda c: reports.report(c.store, c.id, c.query)),
    _route("GET", "/application", "read_store_profile",
           lambda c: application.get(c.store)),
    _route("GET", "/application/token", "read_store_profile",
           lambda c: application.token(c.store, SCOPES)),
    _route("DELETE", "/application", "update_store_profile",
           lambda c: application.delete(c.store, c.query)),
    _route("GET", "/storage", "read_store_profile",
           lambda c: storage.listed(c.store)),
    _route("GET", "/storage/{id}", "read_store_profile",
           lambda c: storage.get(c.store, c.id)),
    _route("POST", "/storage/{id}", "update_store_profile",
           lambda c: storage.keep(c.store, c.id, c.body)),
    _route("PUT", "/storage/{id}", "update_store_profile",
           lambda c: storage.keep(c.store, c.id, c.body)),
    _route("DELETE", "/storage/{id}", "update_store_profile",
           lambda c: storage.delete(c.store, c.id)),
    _route("GET", "/staff", "read_staff",
           lambda c: staff.listed(c.store)),
    _route("GET", "/profile/staffScopes", "read_staff",
           lambda c: staff.scopes()),
    _route("POST", "/staff", "create_staff",
           lambda c: staff.create(c.store, c.body)),
    _route("POST", "/staff/invite", "invite_staff",
           lambda c: staff.invite(c.store, c.body)),
    _route("DELETE", "/staff/invite", "invite_staff",
           lambda c: staff.cancel(c.store, c.body)),
    _route("GET", "/staff/{id}", "read_staff",
           lambda c: staff.get(c.store, c.id)),
    _route("PUT", "/staff/{id}", "update_staff",
           lambda c: staff.update(c.store, c.id, c.body)),
    _route("DELETE", "/staff/{id}", "delete_staff",
           lambda c: staff.delete(c.store, c.id)),
)
_DISCOUNTS = (
    _route("GET", "/discount_coupons", "read_discount_coupons",
           lambda c: coupons.search(c.store, c.query)),
    _route("POST", "/discount_coupons", "create_discount_coupons",
           lambda c: coupons.create(c.store, c.body)),
    _route("GET", "/discount_coupons/deleted", "read_discount_coupons",
           lambda c: deleted.history(c.store, "coupons", c.query)),
    _route("GET", "/coupons/deleted", "read_discount_coupons",
           lambda c: deleted.history(c.store, "coupons", c.query)),
    _route("GET", "/discount_coupons/{id}", "read_discount_coupons",
           lambda c: coupons.get(c.store, c.id)),
    _route("PUT", "/discount_coupons/{id}", "update_discount_coupons",
           lambda c: coupons.update(c.store, c.id, c.body)),
    _route("DELETE", "/discount_coupons/{id}", "update_discount_coupons",
           lambda c: coupons.delete(c.store, c.id)),
    _route("GET", "/promotions", "read_promotion",
           lambda c: promotions.search(c.store, c.query)),
    _route("POST", "/promotions", "create_promotion",
           lambda c: promotions.create(c.store, c.body)),
    _route("PUT", "/promotions/{id}", "update_promotion",
           lambda c: promotions.update(c.store, c.id, c.body)),
    _route("DELETE", "/promotions/{id}", "update_promotion",
           lambda c: promotions.delete(c.store, c.id)),
)
_CUSTOMERS = (
    _route("GET", "/customers", "read_customers",
           lambda c: customer_search.search(c.store, c.query)),
    _route("POST", "/customers", "create_customers",
           lambda c: customers.create(c.store, c.body)),
    _route("GET", "/customers/deleted", "read_customers",
           lambda c: deleted.history(c.store, "customers", c.query)),
    _route("GET", "/customers/{id}", "read_customers",
           lambda c: customers.get(c.store, c.id)),
    _route("PUT", "/customers/{id}", "update_customers",
           lambda c: customers.update(c.store, c.id, c.body)),
    _route("DELETE", "/customers/{id}", "update_customers",
           lambda c: customers.delete(c.store, c.id)),
    _route("GET", "/customers/{id}/contacts", "read_customers",
           lambda c: contacts.listed(c.store, c.id)),
    _route("POST", "/customers/{id}/contacts", "update_customers",
           lambda c: contacts.create(c.store, c.id, c.body)),
    _route("GET", "/customers/{id}/contacts/{id}", "read_customers",
           lambda c: contacts.get(c.store, c.id, c.inner)),
    _route("PUT", "/customers/{id}/contacts/{id}", "update_customers",
           lambda c: contacts.update(c.store, c.id, c.inner, c.body)),
    _route("DELETE", "/customers/{id}/contacts/{id}", "update_customers",
           lambda c: contacts.delete(c.store, c.id, c.inner)),
    _route("GET", "/customer_groups", "read_customers",
           lambda c: groups.search(c.store, c.query)),
    _route("POST", "/customer_groups", "create_customers",
           lambda c: groups.create(c.store, c.body)),
    _route("GET", "/customer_groups/{id}", "read_customers",
           lambda c: groups.get(c.store, c.id)),
    _route("PUT", "/customer_groups/{id}", "update_customers",
           lambda c: groups.update(c.store, c.id, c.body)),
    _route("DELETE", "/customer_groups/{id}", "update_customers",
           lambda c: groups.delete(c.store, c.id)),
    _route("GET", "/store_extrafields/customers", "read_customers_extrafields",
           lambda c: extra_fields.listed(c.store)),
    _route("POST", "/store_extrafields/customers", "update_customers_extrafields",
           lambda c: extra_fields.create(c.store, c.body)),
    _route("GET", "/store_extrafields/customers/{id}", "read_customers_extrafields",
           lambda c: extra_fields.get(c.store, c.id)),
    _route("PUT", "/store_extrafields/customers/{id}", "update_customers_extrafields",
           lambda c: extra_fields.update(c.store, c.id, c.body)),
    _route("DELETE", "/store_extrafields/customers/{id}", "delete_customers_extrafields",
           lambda c: extra_fields.delete(c.store, c.id)),
)
_ORDERS = (
    _route("GET", "/orders", "read_orders",
           lambda c: orders.search(c.store, c.query)),
    _route("POST", "/orders", "create_orders",
           lambda c: placing.create(c.store, c.body)),
    _route("POST", "/order/calculate", "read_store_profile",
           lambda c: placing.calculate(c.store, c.body)),
    _route("GET", "/orders/last", "read_orders",
           lambda c: orders.last(c.store, c.query)),
    _route("GET", "/orders/deleted", "read_orders",
           lambda c: deleted.history(c.store, "orders", c.query)),
    _route("GET", "/orders/{id}", "read_orders",
           lambda c: orders.get(c.store, c.id)),
    _route("PUT", "/orders/{id}", "update_orders",
           lambda c: placing.update(c.store, c.id, c.body)),
    _route("DELETE", "/orders/{id}", "update_orders",
           lambda c: placing.delete(c.store, c.id)),
    _route("GET", "/orders/{id}/repeatURL", "read_orders",
           lambda c: orders.repeat_url(c.store, c.id)),
    _route("GET", "/orders/{id}/invoices", "read_orders",
           lambda c: invoices.listed(c.store, c.id)),
    _route("POST", "/orders/{id}/invoices/create-invoice", "read_invoices",
           lambda c: invoices.create(c.store, c.id)),
    _route("GET", "/orders/{id}/extraFields", "read_orders",
           lambda c: orders.extra_fields(c.store, c.id)),
    _route("POST", "/orders/{id}/extraFields", "update_orders",
           lambda c: extra_fields.add_to_order(c.store, c.id, c.body)),
    _route("PUT", "/orders/{id}/extraFields/{id}", "update_orders",
           lambda c: extra_fields.update_of_order(c.store, c.id, c.inner, c.body)),
    _route("DELETE", "/orders/{id}/extraFields/{id}", "update_orders",
           lambda c: extra_fields.delete_from_order(c.store, c.id, c.inner)),
    _route("GET", "/carts", "read_orders",
           lambda c: carts.search(c.store, c.query)),
    _route("GET", "/carts/{id}", "read_orders",
           lambda c: carts.get(c.store, c.id)),
    _route("PUT", "/carts/{id}", "update_orders",
           lambda c: carts.update(c.store, c.id, c.body)),
    _route("POST", "/carts/{id}/place", "create_orders",
           lambda c: carts.place(c.store, c.id)),
)
_CATALOG = (
    _route("GET", "/products", "read_catalog",
           lambda c: catalog.search(c.store, c.query)),
    _route("POST", "/products", "create_catalog",
           lambda c: products.create(c.store, c.body)),
    _route("DELETE", "/products", "update_catalog_batch_delete",
           lambda c: products.delete_all(c.store)),
    _route("GET", "/products/deleted", "read_catalog",
           lambda c: deleted.history(c.store, "products", c.query)),
    _route("GET", "/products/{id}", "read_catalog",
           lambda c: catalog.get(c.store, c.id)),
    _route("PUT", "/products/{id}", "update_catalog",
           lambda c: products.update(c.store, c.id, c.body)),
    _route("DELETE", "/products/{id}", "update_catalog",
           lambda c: products.delete(c.store, c.id)),
    _route("PUT", "/products/{id}/inventory", "update_catalog",
           lambda c: products.adjust(c.store, c.id, c.body)),
    _route("GET", "/products/{id}/combinations", "read_catalog",
           lambda c: variations.listed(c.store, c.id)),
    _route("POST", "/products/{id}/combinations", "create_catalog",
           lambda c: variations.create(c.store, c.id, c.body)),
    _route("DELETE", "/products/{id}/combinations", "update_catalog",
           lambda c: variations.delete_all(c.store, c.id)),
    _route("GET", "/products/{id}/combinations/{id}", "read_catalog",
           lambda c: variations.get(c.store, c.id, c.inner)),
    _route("PUT", "/products/{id}/combinations/{id}", "update_catalog",
           lambda c: variations.update(c.store, c.id, c.inner, c.body)),
    _route("DELETE", "/products/{id}/combinations/{id}", "update_catalog",
           lambda c: variations.delete(c.store, c.id, c.inner)),
    _route("PUT", "/products/{id}/combinations/{id}/inventory", "update_catalog",
           lambda c: variations.adjust(c.store, c.id, c.inner, c.body)),
    _route("GET", "/categories", "read_catalog",
           lambda c: categories.search(c.store, c.query)),
    _route("POST", "/categories", "create_catalog",
           lambda c: categories.create(c.store, c.body)),
    _route("GET", "/categoriesByPath", "read_catalog",
           lambda c: categories.by_path(c.store, c.query)),
    _route("GET", "/categories/{id}", "read_catalog",
           lambda c: categories.get(c.store, c.id, c.query)),
    _route("PUT", "/categories/{id}", "update_catalog",
           lambda c: categories.update(c.store, c.id, c.body)),
    _route("DELETE", "/categories/{id}", "update_catalog",
           lambda c: categories.delete(c.store, c.id)),
    _route("POST", "/categories/{id}/assignProducts", "update_catalog",
           lambda c: categories.assign(c.store, c.id, c.body)),
    _route("POST", "/categories/{id}/unassignProducts", "update_catalog",
           lambda c: categories.unassign(c.store, c.id, c.body)),
    _route("GET", "/classes", "read_catalog",
           lambda c: product_classes.listed(c.store)),
    _route("POST", "/classes", "create_catalog",
           lambda c: product_classes.create(c.store, c.body)),
    _route("GET", "/classes/{id}", "read_catalog",
           lambda c: product_classes.get(c.store, c.id)),
    _route("PUT", "/classes/{id}", "update_catalog",
           lambda c: product_classes.update(c.store, c.id, c.body)),
    _route("DELETE", "/classes/{id}", "update_catalog",
           lambda c: product_classes.delete(c.store, c.id)),
    _route("GET", "/brands", "read_brands",
           lambda c: product_classes.brands(c.store, c.query)),
    _route("GET", "/swatches", "read_catalog",
           lambda c: product_classes.swatches(c.store)),
    _route("GET", "/reviews", "read_reviews",
           lambda c: reviews.search(c.store, c.query)),
    _route("GET", "/reviews/deleted", "read_reviews",
           lambda c: deleted.history(c.store, "reviews", c.query)),
    _route("GET", "/reviews/{id}", "read_reviews",
           lambda c: reviews.get(c.store, c.id)),
    _route("PUT", "/reviews/{id}", "update_reviews",
           lambda c: reviews.update(c.store, c.id, c.body)),
    _route("DELETE", "/reviews/{id}", "update_reviews",
           lambda c: reviews.delete(c.store, c.id)),
)
# fmt: on

ROUTES = (*_STORE, *_DISCOUNTS, *_CUSTOMERS, *_ORDERS, *_CATALOG)
SCOPES: frozenset[str] = frozenset(route.scope for route in ROUTES)
"""Every scope that some endpoint wants."""
