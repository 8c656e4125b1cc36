"""`GET /customers`: every filter and sort of dossier section 8.2."""

from __future__ import annotations

from typing import Any

from tillroll.sandbox.areas import customers, groups
from tillroll.sandbox.memory.store import Store
from tillroll.sandbox.searches import Search
from tillroll.sandbox.wire import Query, decimal, flag, number, one_of, whole_numbers, window, wrong

_SORTS = {
    "NAME": "name",
    "EMAIL": "email",
    "ORDER_COUNT": "orders",
    "REGISTERED_DATE": "registered",
    "UPDATED_DATE": "updated",
    "SALES_VALUE": "spent",
    "FIRST_ORDER_DATE": "first_order",
    "LAST_ORDER_DATE": "last_order",
}
_BOUNDS = {
    **window("registered"),
    "minOrderCount": ("orders >= ?", number),
    "maxOrderCount": ("orders <= ?", number),
    "minSalesValue": ("spent >= ?", decimal),
    "maxSalesValue": ("spent <= ?", decimal),
}
_ADDRESS_FIELDS = ("phone", "city", "postalCode", "stateOrProvinceCode", "companyName")
_ADDRESSES = "instr(body, '\"shippingAddresses\"') > 0 and exists (select 1 from json_each(body, '$.shippingAddresses')"
_BOUGHT = (
    "id in (select customer from orders, json_each(orders.body, '$.items')"
    " where status != 'INCOMPLETE' and json_extract(value, '$.productId') in ({}))"
)


def search(store: Store, query: Query) -> dict[str, Any]:
    """`GET /customers`; the index lags writes."""
    found = Search(store, "customers", query)
    found.reads("customer_groups")
    found.indexed("registered")
    found.bounds(_BOUNDS)
    _who(query, found)
    _where(query, found)
    _kind(query, found)
    names = groups.names(store)
    answer = found.answer(
        _order(query),
        lambda row: customers.show(row, names),
        columns=customers.COLUMNS,
        remember=True,
    )
    everybody = store.state.count("select count(*) from customers", (), tables=["customers"])
    return {**answer, "allCustomerCount": everybody}


def _who(query: Query, found: Search) -> None:
    """By name and e-mail."""
    if "email" in query:
        exact = flag("useExactEmailMatch", query.get("useExactEmailMatch", "false"))
        found.where("email = ?" if exact else "instr(email, ?) > 0", query["email"].lower())
    if "keyword" in query:
        keyword = query["keyword"]
        either = "(instr(email, ?) > 0 or instr(folded(name), ?) > 0)"
        found.where(either, keyword.lower(), keyword.casefold())
    if "name" in query:
        found.where("instr(folded(name), ?) > 0", query["name"].casefold())


def _where(query: Query, found: Search) -> None:
    """By any saved address; a phone also by the contacts."""
    for name in _ADDRESS_FIELDS:
        if name not in query:
            continue
        term = query[name].casefold()
        own = f"instr(folded(coalesce(json_extract(body, '$.billingPerson.{name}'), '')), ?) > 0"
        others = f"{_ADDRESSES} where instr(folded(coalesce(json_extract(value, '$.{name}'), '')), ?) > 0)"
        if name == "phone":
            contacts = "exists (select 1 from json_each(body, '$.contacts') where instr(json_extract(value, '$.contact'), ?) > 0)"
            found.where(f"({own} or {others} or {contacts})", term, term, term)
        else:
            found.where(f"({own} or {others})", term, term)
    if "countryCodes" in query:
        wanted = query["countryCodes"].split(",")
        marks = ", ".join("?" * len(wanted))
        others = f"{_ADDRESSES} where json_extract(value, '$.countryCode') in ({marks}))"
        found.where(f"(country in ({marks}) or {others})", *wanted, *wanted)


def _kind(query: Query, found: Search) -> None:
    """By what is known of them."""
    if "acceptMarketing" in query:
        found.where("consent = ?", int(flag("acceptMarketing", query["acceptMarketing"])))
    if "lang" in query:
        found.among("lang", query["lang"].split(","))
    for name in ("customerGroupIds", "customerGroup"):
        if name in query:
            found.among("group_id", whole_numbers(name, query[name]))
    if "purchasedProductIds" in query:
        bought = whole_numbers("purchasedProductIds", query["purchasedProductIds"])
        found.where(_BOUGHT.format(", ".join("?" * len(bought))), *bought, reads=["orders"])
    if "taxExempt" in query:
        exempt = int(flag("taxExempt", query["taxExempt"]))
        found.where("coalesce(json_extract(body, '$.taxExempt'), 0) = ?", exempt)
    if "b2b_b2c" in query:
        kinds = one_of("b2b_b2c", query["b2b_b2c"], ("b2b", "b2c"))
        found.among("coalesce(json_extract(body, '$.b2b_b2c'), 'b2c')", kinds)


def _order(query: Query) -> str:
    asked = query.get("sortBy", "NAME_ASC")
    name, _, direction = asked.rpartition("_")
    if name not in _SORTS or direction not in {"ASC", "DESC"}:
        raise wrong("sortBy", f"expected one of {', '.join(f'{one}_ASC, {one}_DESC' for one in _SORTS)}")
    return f"{_SORTS[name]} {direction.lower()}, id {direction.lower()}"
