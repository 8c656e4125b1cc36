"""`GET /customers`: every filter and sort of dossier section 8.2."""

from __future__ import annotations

from typing import Any

from tillroll.sandbox.endpoints import customers, groups
from tillroll.sandbox.endpoints.searches import Search
from tillroll.sandbox.formats.wire import Query, decimal, flag, number, one_of, whole_numbers, window, wrong
from tillroll.sandbox.state.store import SandboxStore

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


def search(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`GET /customers`; the index lags writes."""
    selection = Search(store, "customers", query)
    selection.reads("customer_groups")
    selection.indexed("registered")
    selection.bounds(_BOUNDS)
    _who(query, selection)
    _where(query, selection)
    _kind(query, selection)
    names = groups.names(store)
    answer = selection.answer(
        _order(query),
        lambda row: customers.show(row, names),
        columns=customers.COLUMNS,
        remember=True,
    )
    everybody = store.state.count("select count(*) from customers", (), tables=["customers"])
    return {**answer, "allCustomerCount": everybody}


def _who(query: Query, selection: Search) -> None:
    """Conditions on name and e-mail."""
    if "email" in query:
        exact = flag("useExactEmailMatch", query.get("useExactEmailMatch", "false"))
        selection.where("email = ?" if exact else "instr(email, ?) > 0", query["email"].lower())
    if "keyword" in query:
        keyword = query["keyword"]
        either = "(instr(email, ?) > 0 or instr(folded(name), ?) > 0)"
        selection.where(either, keyword.lower(), keyword.casefold())
    if "name" in query:
        selection.where("instr(folded(name), ?) > 0", query["name"].casefold())


def _where(query: Query, selection: Search) -> None:
    """Conditions on any saved address; a phone is also looked for among the contacts."""
    for name in _ADDRESS_FIELDS:
        if name not in query:
            continue
        term = query[name].casefold()
        own = f"instr(folded(coalesce(json_extract(body, '$.billingPerson.{name}'), '')), ?) > 0"
        others = f"{_ADDRESSES} where instr(folded(coalesce(json_extract(value, '$.{name}'), '')), ?) > 0)"
        if name == "phone":
            contacts = "exists (select 1 from json_each(body, '$.contacts') where instr(json_extract(value, '$.contact'), ?) > 0)"
            selection.where(f"({own} or {others} or {contacts})", term, term, term)
        else:
            selection.where(f"({own} or {others})", term, term)
    if "countryCodes" in query:
        wanted = query["countryCodes"].split(",")
        marks = ", ".join("?" * len(wanted))
        others = f"{_ADDRESSES} where json_extract(value, '$.countryCode') in ({marks}))"
        selection.where(f"(country in ({marks}) or {others})", *wanted, *wanted)


def _kind(query: Query, selection: Search) -> None:
    """Conditions on everything else."""
    if "acceptMarketing" in query:
        selection.where("consent = ?", int(flag("acceptMarketing", query["acceptMarketing"])))
    if "lang" in query:
        selection.among("lang", query["lang"].split(","))
    for name in ("customerGroupIds", "customerGroup"):
        if name in query:
            selection.among("group_id", whole_numbers(name, query[name]))
    if "purchasedProductIds" in query:
        bought = whole_numbers("purchasedProductIds", query["purchasedProductIds"])
        selection.where(_BOUGHT.format(", ".join("?" * len(bought))), *bought, reads=["orders"])
    if "taxExempt" in query:
        exempt = int(flag("taxExempt", query["taxExempt"]))
        selection.where("coalesce(json_extract(body, '$.taxExempt'), 0) = ?", exempt)
    if "b2b_b2c" in query:
        kinds = one_of("b2b_b2c", query["b2b_b2c"], ("b2b", "b2c"))
        selection.among("coalesce(json_extract(body, '$.b2b_b2c'), 'b2c')", kinds)


def _order(query: Query) -> str:
    sort_by = query.get("sortBy", "NAME_ASC")
    name, _, direction = sort_by.rpartition("_")
    if name not in _SORTS or direction not in {"ASC", "DESC"}:
        raise wrong("sortBy", f"expected one of {', '.join(f'{key}_ASC, {key}_DESC' for key in _SORTS)}")
    return f"{_SORTS[name]} {direction.lower()}, id {direction.lower()}"
