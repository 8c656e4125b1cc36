"""What an offer is on: the SKUs and category names of the file, looked up in what the store sells. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tillroll.campaign.frozen.proposal import CategoryOn, Goods, ProductOn
from tillroll.campaign.language.models import AppliesTo
from tillroll.campaign.text.findings import nearest

_MOST_PATHS = 6  # that an ambiguous name is told to mean


@dataclass(frozen=True, kw_only=True)
class Product:
    """A product of the store, as far as an offer cares."""

    product_id: int
    sku: str
    name: str
    in_stock: bool
    enabled: bool
    discounts_allowed: bool
    price: str = ""  # in the store's currency; empty: not known


@dataclass(frozen=True, kw_only=True)
class Category:
    """A category of the store; `parent_id` is None at the top."""

    category_id: int
    parent_id: int | None
    name: str
    enabled: bool


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """What the store sells: the products an offer may mean, every category, and SKUs to suggest."""

    products: Collection[Product]
    variations: Collection[tuple[str, int]]  # a variation's SKU → its product
    categories: Collection[Category]
    skus: Collection[str] = ()


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the names of an offer mean: what was found, and why the rest wasn't, as sentences."""

    goods: Goods
    products: tuple[Product, ...]
    categories: tuple[Category, ...]
    below: tuple[str, ...]  # paths of named categories with others below them that aren't named
    unknown: tuple[str, ...]


def look_up(wanted: AppliesTo, shelf: Shelf) -> Found:
    """Every name of the offer, as the store's ids; a name that means nothing or several things is told."""
    unknown: list[str] = []
    products, goods = _products(wanted.products, shelf, unknown)
    categories, shelves = _categories(wanted.categories, shelf.categories, unknown)
    return Found(
        goods=Goods(products=goods, categories=shelves),
        products=products,
        categories=categories,
        below=_below(shelves, shelf.categories),
        unknown=tuple(unknown),
    )


def folded(name: str) -> str:
    """A category's name or path in the one form that is compared: without case, spare blanks and spare slashes."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    parts = (" ".join(part.split()) for part in unicodedata.normalize("NFC", text).split("/"))
    return ("/" if text.strip().startswith("/") else "") + "/".join(part for part in parts if part)


def paths(categories: Iterable[Category]) -> dict[int, tuple[str, ...]]:
    """Each category's names from the top down to its own; a parent that is not there, or a ring, ends the way up."""
    known = {one.category_id: one for one in categories}
    found = {}
    for one in known.values():
        names, seen, at = [one.name], {one.category_id}, one
        while at.parent_id in known and at.parent_id not in seen:
            at = known[at.parent_id]
            seen.add(at.category_id)
            names.append(at.name)
        found[one.category_id] = tuple(reversed(names))
    return found


def _products(
    wanted: Sequence[str], shelf: Shelf, unknown: list[str]
) -> tuple[tuple[Product, ...], tuple[ProductOn, ...]]:
    by_id = {one.product_id: one for one in shelf.products}
    own: dict[str, set[int]] = {}
    for product in shelf.products:
        own.setdefault(product.sku, set()).add(product.product_id)
    varied: dict[str, set[int]] = {}
    for sku, product_id in shelf.variations:
        if product_id in by_id:
            varied.setdefault(sku, set()).add(product_id)
    found: dict[int, ProductOn] = {}
    for name in wanted:
        sku = name.strip()
        ids = own.get(sku, set()) | varied.get(sku, set())
        if not ids:
            unknown.append(f"the store has no product {sku!r}{_hint(sku, shelf.skus)}")
        elif len(ids) > 1:
            names = ", ".join(sorted(by_id[one].name for one in ids))
            unknown.append(f"several products have the SKU {sku!r}: {names}")
        else:
            product = by_id[ids.pop()]
            by_variation = sku if product.sku != sku else ""
            on = ProductOn(
                product_id=product.product_id,
                sku=product.sku,
                name=product.name,
                by_variation=by_variation,
                price=product.price,
            )
            found.setdefault(product.product_id, on)
    return tuple(by_id[one] for one in found), tuple(found.values())


def _categories(
    wanted: Sequence[str], categories: Collection[Category], unknown: list[str]
) -> tuple[tuple[Category, ...], tuple[CategoryOn, ...]]:
    by_id = {one.category_id: one for one in categories}
    ways = paths(categories)
    keys: dict[str, set[int]] = {}
    for category_id, names in ways.items():
        for start in range(len(names)):
            keys.setdefault(folded("/".join(names[start:])).lstrip("/"), set()).add(category_id)
        keys.setdefault("/" + folded("/".join(names)).lstrip("/"), set()).add(category_id)
    found: dict[int, CategoryOn] = {}
    for name in wanted:
        key = folded(name)
        ids = keys.get(key, set()) if key.strip("/") else set()
        if not ids:
            known = ["/".join(names) for names in ways.values()] + [names[-1] for names in ways.values()]
            unknown.append(f"the store has no category {name!r}{_hint(name, known)}")
        elif len(ids) > 1:
            unknown.append(_ambiguous(name, sorted("/" + "/".join(ways[one]) for one in ids)))
        else:
            one = ids.pop()
            found.setdefault(one, CategoryOn(category_id=one, path="/".join(ways[one])))
    return tuple(by_id[one] for one in found), tuple(found.values())


def _below(named: Sequence[CategoryOn], categories: Collection[Category]) -> tuple[str, ...]:
    ids = {one.category_id for one in named}
    parents = {one.parent_id for one in categories if one.category_id not in ids}
    return tuple(one.path for one in named if one.category_id in parents)


def _ambiguous(name: str, could_be: list[str]) -> str:
    if len({folded(one) for one in could_be}) == 1:
        return f"{len(could_be)} categories are called {could_be[0]!r}; rename all but one in the store"
    shown = " or ".join(could_be[:_MOST_PATHS])
    more = f", and {len(could_be) - _MOST_PATHS} more" if len(could_be) > _MOST_PATHS else ""
    return f"the category {name!r} could be {shown}{more}; write one of these paths"


def _hint(name: str, known: Iterable[str]) -> str:
    """The nearest known word, whatever its case."""
    shown: Mapping[str, str] = {folded(one): one for one in sorted(known, reverse=True)}
    word = nearest(folded(name), shown)
    return f" (did you mean {shown[word]}?)" if word else ""
