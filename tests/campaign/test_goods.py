"""The names of an offer find what the store sells, however they are written, and never two things at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shop import ROOT
from tillroll.campaign.folder.goods import Category, Found, Product, Shelf, folded, look_up, paths
from tillroll.campaign.frozen.proposal import CategoryOn, Goods, ProductOn
from tillroll.campaign.language.models import AppliesTo, Offer
from tillroll.campaign.sentences.offers import say_offer
from tillroll.campaign.text.source import read_source


def product(product_id: int, sku: str, name: str = "", **values: Any) -> Product:
    plain = {"in_stock": True, "enabled": True, "discounts_allowed": True}
    return Product(product_id=product_id, sku=sku, name=name or f"Product {sku}", **{**plain, **values})


def category(category_id: int, name: str, parent_id: int | None = None, *, enabled: bool = True) -> Category:
    return Category(category_id=category_id, parent_id=parent_id, name=name, enabled=enabled)


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


def look(*names: str, among: tuple[Category, ...] = TREE) -> Found:
    return look_up(AppliesTo(categories=names), Shelf(products=(), variations=(), categories=among))


def only(found: Found) -> str:
    assert found.goods == Goods()
    (said,) = found.unknown
    return said


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
    found = look(name)
    assert [one.category_id for one in found.goods.categories] == [category_id]
    assert found.unknown == ()


def test_a_name_that_could_be_two_categories_is_told_with_their_paths() -> None:
    said = only(look("green"))
    assert said == "the category 'green' could be /Tableware/Green or /Tea/Green; write one of these paths"
    assert "could be /Gifts/Tea or /Tea;" in only(look("Tea"))


def test_two_categories_that_nothing_tells_apart_are_the_stores_to_rename() -> None:
    twins = (category(1, "Tea"), category(2, "tea"))
    assert "rename all but one" in only(look("Tea", among=twins))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("Tablewear", "Tableware"), ("TABLEWEAR", "Tableware"), ("Tea/Blak", "Tea/Black"), ("Bicycles", "")],
)
def test_an_unknown_category_is_told_with_the_nearest_word(name: str, nearest: str) -> None:
    said = only(look(name))
    assert said.startswith(f"the store has no category {name!r}")
    assert ("did you mean" in said) == bool(nearest)
    assert nearest in said


def test_every_unknown_name_is_told_at_once() -> None:
    wanted = AppliesTo(products=("NO-1", "TEA-01", "NO-2"), categories=("Nowhere",))
    shelf = Shelf(products=[product(1, "TEA-01")], variations=(), categories=TREE, skus=["TEA-01", "NO-11"])
    found = look_up(wanted, shelf)
    assert [one.sku for one in found.goods.products] == ["TEA-01"]
    assert [said.partition(" (")[0] for said in found.unknown] == [
        "the store has no product 'NO-1'",
        "the store has no product 'NO-2'",
        "the store has no category 'Nowhere'",
    ]
    assert "did you mean NO-11?" in found.unknown[0]


def test_a_variations_sku_means_its_product_and_says_so() -> None:
    shelf = Shelf(products=[product(1, "TEA-01")], variations=[("TEA-01-L", 1)], categories=())
    for names in (("TEA-01-L",), ("TEA-01-L", "TEA-01")):
        (on,) = look_up(AppliesTo(products=names), shelf).goods.products
        assert (on.product_id, on.by_variation) == (1, "TEA-01-L")


def test_a_sku_in_another_case_is_another_sku_but_is_suggested() -> None:
    shelf = Shelf(products=[product(1, "TEA-01")], variations=(), categories=(), skus=["TEA-01", "POT-01"])
    assert "did you mean TEA-01?" in only(look_up(AppliesTo(products=("tea-01",)), shelf))


def test_a_sku_of_several_products_is_refused_with_their_names() -> None:
    twins = [product(1, "X", "Sencha"), product(2, "X", "Assam")]
    shelf = Shelf(products=twins, variations=(), categories=())
    assert (
        only(look_up(AppliesTo(products=("X",)), shelf)) == "several products have the SKU 'X': Assam, Sencha"
    )


def test_one_thing_named_twice_is_limited_to_once() -> None:
    found = look("Tableware", "/Tableware", "TABLEWARE ")
    assert [one.category_id for one in found.goods.categories] == [4]


def test_categories_below_a_named_one_are_told_unless_they_are_named_too() -> None:
    assert look("/Tea").below == ("Tea",)
    assert look("/Tea", "/Tea/Green", "/Tea/Black").below == ()
    assert look("Tea/Black").below == ()


def test_a_ring_of_categories_is_no_way_round_for_ever() -> None:
    ring = (category(1, "A", 2), category(2, "B", 1), category(3, "C", 99))
    assert paths(ring) == {1: ("B", "A"), 2: ("A", "B"), 3: ("C",)}
    assert [one.category_id for one in look("c", among=ring).goods.categories] == [3]


NAMES = st.text(
    st.one_of(
        st.sampled_from("aAbBß/ ñÑéÉşıİσςǅﬁ½Ωæ茶サ🍵"),
        st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")),
    ),
    min_size=1,
    max_size=8,
)


@st.composite
def trees(draw: st.DrawFn) -> tuple[Category, ...]:
    """Categories whose parents come before them."""
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
def test_a_whole_path_finds_its_category_or_says_that_nothing_tells_them_apart(
    tree: tuple[Category, ...],
) -> None:
    ways = paths(tree)
    for one in tree:
        path = "/" + "/".join(ways[one.category_id])
        same = [other for other in tree if _rooted(ways[other.category_id]) == _rooted(ways[one.category_id])]
        if not folded(path).strip("/"):
            continue  # a name of blanks and slashes alone: nobody can write it
        found = _look_for(path, tree)
        if len(same) == 1:
            assert [on.category_id for on in found.goods.categories] == [one.category_id]
        else:
            assert "rename all but one" in only(found)


def _rooted(names: tuple[str, ...]) -> str:
    return folded("/" + "/".join(names))


def _look_for(name: str, tree: tuple[Category, ...]) -> Found:
    wanted = AppliesTo.model_construct(products=(), categories=(name,))
    return look_up(wanted, Shelf(products=(), variations=(), categories=tree))


@given(trees(), NAMES)
def test_whatever_is_written_finds_one_category_or_is_told_once(
    tree: tuple[Category, ...], name: str
) -> None:
    found = _look_for(name, tree)
    assert len(found.goods.categories) + len(found.unknown) == 1
    for on in found.goods.categories:
        assert folded(on.path).lstrip("/").endswith(folded(name).strip("/"))


@given(NAMES.filter(str.strip))
def test_case_and_spare_blanks_make_no_difference(name: str) -> None:
    plain = folded(name)
    assert folded(f"  {name} ") == plain
    assert folded(name.casefold()) == plain
    if name.upper().casefold() == name.casefold():
        assert folded(name.upper()) == plain


def offer(**values: Any) -> Offer:
    return Offer.model_validate({"kind": "percent", "value": 15, "valid": {"for": "14d"}, **values})


GOODS = Goods(
    products=(ProductOn(product_id=1, sku="TEA-01", name="Sencha"),),
    categories=(CategoryOn(category_id=4, path="Tableware"),),
)


def test_an_offer_says_what_it_is_on_in_the_stores_words() -> None:
    on = {"products": ["TEA-01"], "categories": ["tableware"]}
    assert (
        say_offer(offer(applies_to=on), "EUR", GOODS) == "15 % off Sencha and all of Tableware, once per code"
    )
    assert say_offer(offer(applies_to=on), "EUR") == "15 % off TEA-01 and all of tableware, once per code"


def test_an_offer_on_goods_with_free_shipping_leaves_no_doubt_what_is_off() -> None:
    both = offer(kind="amount_and_shipping", value=5, minimum_subtotal=40)
    assert say_offer(both, "EUR") == "€5.00 off and free shipping from €40.00, once per code"
    said = say_offer(both, "EUR", GOODS)
    assert said == "€5.00 off Sencha and all of Tableware from €40.00, with free shipping, once per code"


def test_an_offer_by_a_variation_says_that_every_variation_counts() -> None:
    sort = ProductOn(product_id=1, sku="TEA-01", name="Sencha", by_variation="TEA-01-L")
    assert "15 % off Sencha in every variation," in say_offer(offer(), "EUR", Goods(products=(sort,)))


def test_the_designs_example_is_an_offer_on_some_goods() -> None:
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    example = design.partition("## 7. A campaign file")[2].partition("```yaml")[2].partition("```")[0]
    source = read_source("design.md", example.encode())
    assert source.findings == []
    shown = Offer.model_validate(source.data["offer"])
    assert say_offer(shown, "EUR").startswith("15 % off all of Shoes from €30.00")


def test_free_shipping_says_what_it_always_said() -> None:
    free = offer(kind="free_shipping", value=None, minimum_subtotal=Decimal(20))
    assert say_offer(free, "EUR") == "free shipping from €20.00, once per code"
