"""An offer's SKUs and category names, looked up in the catalogue, and the offer in words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shop import ROOT
from tillroll.campaign.folder.goods import (
    GoodsCategory,
    GoodsIndex,
    GoodsMatch,
    GoodsProduct,
    category_paths,
    fold_name,
    look_up,
)
from tillroll.campaign.frozen.proposal import Goods, OfferCategory, OfferProduct
from tillroll.campaign.language.models import AppliesTo, Offer
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.text.source import read_source


def product(product_id: int, sku: str, name: str = "", **values: Any) -> GoodsProduct:
    plain = {"in_stock": True, "enabled": True, "discounts_allowed": True}
    return GoodsProduct(product_id=product_id, sku=sku, name=name or f"Product {sku}", **{**plain, **values})


def category(
    category_id: int, name: str, parent_id: int | None = None, *, enabled: bool = True
) -> GoodsCategory:
    return GoodsCategory(category_id=category_id, parent_id=parent_id, name=name, enabled=enabled)


TREE = (
    category(1, "Tea"),
    category(2, "Green", 1),
    category(3, "Black", 1),
    category(4, "Tableware"),
    category(5, "Green", 4),
    category(6, "Gifts"),
    category(7, "Tea", 6),
    category(8, "Cups/Mugs", 4),
    category(9, "Šálice", 4),
)


def look(*names: str, among: tuple[GoodsCategory, ...] = TREE) -> GoodsMatch:
    return look_up(AppliesTo(categories=names), GoodsIndex(products=(), variations=(), categories=among))


def only(match: GoodsMatch) -> str:
    assert match.goods == Goods()
    (problem,) = match.unknown
    return problem


@pytest.mark.parametrize(
    ("name", "category_id"),
    [
        ("Tableware", 4),
        ("tableWARE", 4),
        ("Tableware/Green", 5),
        ("/tea", 1),
        ("/Tea/Green", 2),
        (" Tea /  Black ", 3),
        ("black", 3),
        ("gifts/tea", 7),
        ("Cups/Mugs", 8),
        ("tableware/cups/mugs", 8),
        ("ŠÁLICE", 9),
        ("S\u030ca\u0301lice", 9),
    ],
)
def test_a_category_is_found_by_its_name_or_its_path_in_any_case(name: str, category_id: int) -> None:
    match = look(name)
    assert [category.category_id for category in match.goods.categories] == [category_id]
    assert match.unknown == ()


def test_an_ambiguous_category_is_reported_with_all_paths() -> None:
    problem = only(look("green"))
    assert problem == "the category 'green' could be /Tableware/Green or /Tea/Green; write one of these paths"
    assert "could be /Gifts/Tea or /Tea;" in only(look("Tea"))


def test_two_categories_with_equal_paths_must_be_renamed_in_the_store() -> None:
    twins = (category(1, "Tea"), category(2, "tea"))
    assert "rename all but one" in only(look("Tea", among=twins))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("Tablewear", "Tableware"), ("TABLEWEAR", "Tableware"), ("Tea/Blak", "Tea/Black"), ("Bicycles", "")],
)
def test_an_unknown_category_is_reported_with_the_nearest_name(name: str, nearest: str) -> None:
    problem = only(look(name))
    assert problem.startswith(f"the store has no category {name!r}")
    assert ("did you mean" in problem) == bool(nearest)
    assert nearest in problem


def test_all_unknown_names_are_reported_at_once() -> None:
    wanted = AppliesTo(products=("NO-1", "TEA-01", "NO-2"), categories=("Nowhere",))
    shelf = GoodsIndex(
        products=[product(1, "TEA-01")], variations=(), categories=TREE, skus=["TEA-01", "NO-11"]
    )
    match = look_up(wanted, shelf)
    assert [each.sku for each in match.goods.products] == ["TEA-01"]
    assert [problem.partition(" (")[0] for problem in match.unknown] == [
        "the store has no product 'NO-1'",
        "the store has no product 'NO-2'",
        "the store has no category 'Nowhere'",
    ]
    assert "did you mean NO-11?" in match.unknown[0]


def test_a_variations_sku_selects_its_product() -> None:
    shelf = GoodsIndex(products=[product(1, "TEA-01")], variations=[("TEA-01-L", 1)], categories=())
    for names in (("TEA-01-L",), ("TEA-01-L", "TEA-01")):
        (on,) = look_up(AppliesTo(products=names), shelf).goods.products
        assert (on.product_id, on.by_variation) == (1, "TEA-01-L")


def test_a_sku_in_another_case_is_another_sku_but_is_suggested() -> None:
    shelf = GoodsIndex(
        products=[product(1, "TEA-01")], variations=(), categories=(), skus=["TEA-01", "POT-01"]
    )
    assert "did you mean TEA-01?" in only(look_up(AppliesTo(products=("tea-01",)), shelf))


def test_a_sku_of_several_products_is_refused_with_their_names() -> None:
    twins = [product(1, "X", "Sencha"), product(2, "X", "Assam")]
    shelf = GoodsIndex(products=twins, variations=(), categories=())
    assert (
        only(look_up(AppliesTo(products=("X",)), shelf)) == "several products have the SKU 'X': Assam, Sencha"
    )


def test_a_name_given_twice_counts_once() -> None:
    match = look("Tableware", "/Tableware", "TABLEWARE ")
    assert [category.category_id for category in match.goods.categories] == [4]


def test_unnamed_subcategories_are_reported() -> None:
    assert look("/Tea").below == ("Tea",)
    assert look("/Tea", "/Tea/Green", "/Tea/Black").below == ()
    assert look("Tea/Black").below == ()


def test_a_cycle_of_categories_ends() -> None:
    ring = (category(1, "A", 2), category(2, "B", 1), category(3, "C", 99))
    assert category_paths(ring) == {1: ("B", "A"), 2: ("A", "B"), 3: ("C",)}
    assert [each.category_id for each in look("c", among=ring).goods.categories] == [3]


NAMES = st.text(
    st.one_of(
        st.sampled_from("aAbBß/ ñÑéÉşıİσςǅﬁ½Ωæ茶サ🍵"),
        st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")),
    ),
    min_size=1,
    max_size=8,
)


@st.composite
def trees(draw: st.DrawFn) -> tuple[GoodsCategory, ...]:
    """Draw categories, each after its parent."""
    count = draw(st.integers(1, 8))
    return tuple(
        category(
            number,
            draw(NAMES),
            draw(st.one_of(st.none(), st.integers(1, number - 1))) if number > 1 else None,
        )
        for number in range(1, count + 1)
    )


@given(trees())
def test_a_full_path_finds_its_category_or_is_ambiguous(
    tree: tuple[GoodsCategory, ...],
) -> None:
    ways = category_paths(tree)
    for category in tree:
        path = "/" + "/".join(ways[category.category_id])
        same = [
            other for other in tree if _rooted(ways[other.category_id]) == _rooted(ways[category.category_id])
        ]
        if not fold_name(path).strip("/"):
            continue  # a name of only blanks and slashes can't be written
        match = _look_for(path, tree)
        if len(same) == 1:
            assert [on.category_id for on in match.goods.categories] == [category.category_id]
        else:
            assert "rename all but one" in only(match)


def _rooted(names: tuple[str, ...]) -> str:
    return fold_name("/" + "/".join(names))


def _look_for(name: str, tree: tuple[GoodsCategory, ...]) -> GoodsMatch:
    wanted = AppliesTo.model_construct(products=(), categories=(name,))
    return look_up(wanted, GoodsIndex(products=(), variations=(), categories=tree))


@given(trees(), NAMES)
def test_any_name_finds_one_category_or_is_reported_once(tree: tuple[GoodsCategory, ...], name: str) -> None:
    match = _look_for(name, tree)
    assert len(match.goods.categories) + len(match.unknown) == 1
    for on in match.goods.categories:
        assert fold_name(on.path).lstrip("/").endswith(fold_name(name).strip("/"))


@given(NAMES.filter(str.strip))
def test_case_and_extra_blanks_are_ignored(name: str) -> None:
    plain = fold_name(name)
    assert fold_name(f"  {name} ") == plain
    assert fold_name(name.casefold()) == plain
    if name.upper().casefold() == name.casefold():
        assert fold_name(name.upper()) == plain


def offer(**values: Any) -> Offer:
    return Offer.model_validate({"kind": "percent", "value": 15, "valid": {"for": "14d"}, **values})


GOODS = Goods(
    products=(OfferProduct(product_id=1, sku="TEA-01", name="Sencha"),),
    categories=(OfferCategory(category_id=4, path="Tableware"),),
)


def test_an_offer_names_its_goods_as_the_store_does() -> None:
    on = {"products": ["TEA-01"], "categories": ["tableware"]}
    assert say_offer(offer(applies_to=on), "EUR", GOODS) == "15% off Sencha and all of Tableware, single use"
    assert say_offer(offer(applies_to=on), "EUR") == "15% off TEA-01 and all of tableware, single use"


def test_an_offer_on_goods_with_free_shipping_says_what_is_discounted() -> None:
    both = offer(kind="amount_and_shipping", value=5, minimum_subtotal=40)
    assert say_offer(both, "EUR") == "€5 off and free shipping on orders of €40 or more, single use"
    sentence = say_offer(both, "EUR", GOODS)
    assert sentence == (
        "€5 off Sencha and all of Tableware, with free shipping, on orders of €40 or more, single use"
    )


def test_an_offer_on_a_variation_says_that_it_covers_every_variation() -> None:
    sort = OfferProduct(product_id=1, sku="TEA-01", name="Sencha", by_variation="TEA-01-L")
    assert "15% off Sencha in every variation," in say_offer(offer(), "EUR", Goods(products=(sort,)))


def test_the_example_in_the_design_is_a_valid_offer() -> None:
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    example = design.partition("## 6. A campaign file")[2].partition("```yaml")[2].partition("```")[0]
    source = read_source("design.md", example.encode())
    assert source.findings == []
    shown = Offer.model_validate(source.data["offer"])
    assert say_offer(shown, "EUR").startswith("15% off all of Shoes on orders of €30 or more")


def test_an_offer_on_everything_says_the_smallest_order() -> None:
    free = offer(kind="free_shipping", value=None, minimum_subtotal=Decimal(20))
    assert say_offer(free, "EUR") == "free shipping on orders of €20 or more, single use"
    assert (
        say_offer(offer(value=10, minimum_subtotal=20), "EUR") == "10% off orders of €20 or more, single use"
    )
    assert say_offer(offer(value=Decimal("12.5")), "EUR") == "12.5% off, single use"
    cents = offer(kind="amount", value=Decimal("7.50"), minimum_subtotal=Decimal("29.90"))
    assert say_offer(cents, "EUR") == "€7.50 off orders of €29.90 or more, single use"
