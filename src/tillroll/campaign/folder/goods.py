"""Looks up an offer's SKUs and category names in the store's catalogue. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tillroll.campaign.frozen.proposal import Goods, OfferCategory, OfferProduct
from tillroll.campaign.language.models import AppliesTo
from tillroll.campaign.text.findings import nearest

_MOST_PATHS = 6  # shown for an ambiguous name


@dataclass(frozen=True, kw_only=True)
class GoodsProduct:
    """A product of the store, as an offer needs it."""

    product_id: int
    sku: str
    name: str
    in_stock: bool
    enabled: bool
    discounts_allowed: bool
    price: str = ""  # in the store's currency; empty: not known


@dataclass(frozen=True, kw_only=True)
class GoodsCategory:
    """A category of the store; `parent_id` is None at the top."""

    category_id: int
    parent_id: int | None
    name: str
    enabled: bool


@dataclass(frozen=True, kw_only=True)
class GoodsIndex:
    """The catalogue for an offer: the products it may mean, all categories, and SKUs to suggest."""

    products: Collection[GoodsProduct]
    variations: Collection[tuple[str, int]]  # a variation's SKU → its product
    categories: Collection[GoodsCategory]
    skus: Collection[str] = ()


@dataclass(frozen=True, kw_only=True)
class GoodsMatch:
    """The products and categories found for an offer's names, and a sentence for each name without a match."""

    goods: Goods
    products: tuple[GoodsProduct, ...]
    categories: tuple[GoodsCategory, ...]
    below: tuple[str, ...]  # paths of named categories with subcategories that aren't named
    unknown: tuple[str, ...]


def look_up(wanted: AppliesTo, index: GoodsIndex) -> GoodsMatch:
    """Find the store's ids for every name of the offer; unknown and ambiguous names are in `unknown`."""
    unknown: list[str] = []
    products, goods = _products(wanted.products, index, unknown)
    categories, named = _categories(wanted.categories, index.categories, unknown)
    return GoodsMatch(
        goods=Goods(products=goods, categories=named),
        products=products,
        categories=categories,
        below=_below(named, index.categories),
        unknown=tuple(unknown),
    )


def fold_name(name: str) -> str:
    """Return a category's name or path in the form that is compared: without case, extra blanks and extra slashes."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    parts = (" ".join(part.split()) for part in unicodedata.normalize("NFC", text).split("/"))
    return ("/" if text.strip().startswith("/") else "") + "/".join(part for part in parts if part)


def category_paths(categories: Iterable[GoodsCategory]) -> dict[int, tuple[str, ...]]:
    """Return each category's names from the top down to its own; a missing parent or a cycle ends the path."""
    by_id = {category.category_id: category for category in categories}
    paths = {}
    for category in by_id.values():
        names, seen, at = [category.name], {category.category_id}, category
        while at.parent_id in by_id and at.parent_id not in seen:
            at = by_id[at.parent_id]
            seen.add(at.category_id)
            names.append(at.name)
        paths[category.category_id] = tuple(reversed(names))
    return paths


def _products(
    wanted: Sequence[str], index: GoodsIndex, unknown: list[str]
) -> tuple[tuple[GoodsProduct, ...], tuple[OfferProduct, ...]]:
    by_id = {product.product_id: product for product in index.products}
    own: dict[str, set[int]] = {}
    for product in index.products:
        own.setdefault(product.sku, set()).add(product.product_id)
    varied: dict[str, set[int]] = {}
    for sku, product_id in index.variations:
        if product_id in by_id:
            varied.setdefault(sku, set()).add(product_id)
    matched: dict[int, OfferProduct] = {}
    for name in wanted:
        sku = name.strip()
        ids = own.get(sku, set()) | varied.get(sku, set())
        if not ids:
            unknown.append(f"the store has no product {sku!r}{_hint(sku, index.skus)}")
        elif len(ids) > 1:
            names = ", ".join(sorted(by_id[product_id].name for product_id in ids))
            unknown.append(f"several products have the SKU {sku!r}: {names}")
        else:
            product = by_id[ids.pop()]
            by_variation = sku if product.sku != sku else ""
            on = OfferProduct(
                product_id=product.product_id,
                sku=product.sku,
                name=product.name,
                by_variation=by_variation,
                price=product.price,
            )
            matched.setdefault(product.product_id, on)
    return tuple(by_id[product_id] for product_id in matched), tuple(matched.values())


def _categories(
    wanted: Sequence[str], categories: Collection[GoodsCategory], unknown: list[str]
) -> tuple[tuple[GoodsCategory, ...], tuple[OfferCategory, ...]]:
    by_id = {category.category_id: category for category in categories}
    paths = category_paths(categories)
    keys: dict[str, set[int]] = {}
    for category_id, names in paths.items():
        for start in range(len(names)):
            keys.setdefault(fold_name("/".join(names[start:])).lstrip("/"), set()).add(category_id)
        keys.setdefault("/" + fold_name("/".join(names)).lstrip("/"), set()).add(category_id)
    matched: dict[int, OfferCategory] = {}
    for name in wanted:
        key = fold_name(name)
        ids = keys.get(key, set()) if key.strip("/") else set()
        if not ids:
            category_names = ["/".join(names) for names in paths.values()] + [
                names[-1] for names in paths.values()
            ]
            unknown.append(f"the store has no category {name!r}{_hint(name, category_names)}")
        elif len(ids) > 1:
            unknown.append(
                _ambiguous(name, sorted("/" + "/".join(paths[category_id]) for category_id in ids))
            )
        else:
            category_id = ids.pop()
            path = "/".join(paths[category_id])
            matched.setdefault(category_id, OfferCategory(category_id=category_id, path=path))
    return tuple(by_id[category_id] for category_id in matched), tuple(matched.values())


def _below(named: Sequence[OfferCategory], categories: Collection[GoodsCategory]) -> tuple[str, ...]:
    ids = {category.category_id for category in named}
    parents = {category.parent_id for category in categories if category.category_id not in ids}
    return tuple(category.path for category in named if category.category_id in parents)


def _ambiguous(name: str, could_be: list[str]) -> str:
    if len({fold_name(path) for path in could_be}) == 1:
        return f"{len(could_be)} categories are called {could_be[0]!r}; rename all but one in the store"
    shown = " or ".join(could_be[:_MOST_PATHS])
    more = f", and {len(could_be) - _MOST_PATHS} more" if len(could_be) > _MOST_PATHS else ""
    return f"the category {name!r} could be {shown}{more}; write one of these paths"


def _hint(name: str, valid_names: Iterable[str]) -> str:
    """Return the nearest known name, ignoring case, as a hint."""
    by_folded: Mapping[str, str] = {fold_name(word): word for word in sorted(valid_names, reverse=True)}
    word = nearest(fold_name(name), by_folded)
    return f" (did you mean {by_folded[word]}?)" if word else ""
