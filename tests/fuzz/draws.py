"""Shops, people and campaigns, drawn by hypothesis."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import strategies as st

LANGUAGES = ("en", "de", "fr", "it", "es", "sl")
CURRENCIES = {"EUR": 2, "USD": 2, "GBP": 2, "CHF": 2, "PLN": 2, "JPY": 0}
"""With their decimals."""

ZONES = (
    "Europe/Ljubljana", "America/New_York", "Asia/Tokyo", "Asia/Kolkata", "Pacific/Auckland", "Pacific/Kiritimati", "UTC",
)  # fmt: skip
TODAY = date(2026, 12, 1)
"""When the shops open, at noon in UTC."""

TEA, POT = "Čaj Sencha", 'The "big" pot'
"""The shop's two products, at a unit of the currency a piece, each in a category of its own."""

TEAS, POTS = "Teas", "Töpfe & mehr"


@dataclass(frozen=True, kw_only=True)
class Person:
    """A customer of the shop."""

    email: str
    name: str
    language: str
    spent: int  # in orders of before; 0: none


@dataclass(frozen=True, kw_only=True)
class DrawnShop:
    """A shop that works in one currency, zone and language."""

    currency: str
    zone: str
    language: str
    people: list[Person]

    @property
    def unit(self) -> Decimal:
        """The smallest amount of its currency."""
        return Decimal(1).scaleb(-CURRENCIES[self.currency])


@dataclass(frozen=True, kw_only=True)
class Discount:
    """What an offer takes off."""

    kind: str
    value: Decimal | None = None
    by_spent: tuple[Decimal, Decimal] | None = (
        None  # instead: of those who spent less than 100, and of the others
    )
    at_most: Decimal | None = None

    @property
    def values(self) -> set[Decimal]:
        """Every value that somebody may get."""
        return {each for each in (self.value, *(self.by_spent or ())) if each is not None}

    def lines(self) -> list[str]:
        """Return it as lines of a campaign file."""
        lines = [f"  kind: {self.kind}"]
        if self.by_spent is not None:
            low, high = self.by_spent
            rows = f"[{{from: 0, value: {low}}}, {{from: 100, value: {high}}}]"
            lines.append(f"  value: {{table: {{by: spent, rows: {rows}}}}}")
        elif self.value is not None:
            lines.append(f"  value: {self.value}")
        if self.at_most is not None:
            lines += [f"  at_most: {self.at_most}", "  usual_basket: 80"]
        return lines


@dataclass(frozen=True, kw_only=True)
class DrawnCampaign:
    """A campaign for everybody, and what its reader expects of it."""

    discount: Discount
    other: Discount | None  # of the second variant
    minimum: Decimal | None
    goods: str  # "", or a product's or a category's name
    uses: str
    customers: str
    valid: str  # of the file
    until: date | None  # the last day that the file names; None: it names a length
    days: int | None  # the length in whole days
    announced: bool
    wording: str
    languages: list[str] = field(default_factory=list)  # of its translations
    shared: bool = False


_PERCENTS = st.one_of(
    st.integers(1, 90).map(Decimal), st.sampled_from(["7.5", "12.5", "33.3", "0.5"]).map(Decimal)
)


def _amounts(decimals: int) -> st.SearchStrategy[Decimal]:
    whole = st.integers(1, 60).map(Decimal)
    return st.one_of(whole, st.sampled_from(["2.50", "9.99", "0.75"]).map(Decimal)) if decimals else whole


def people() -> st.SearchStrategy[list[Person]]:
    """Draw a few customers with awkward names, some with orders."""
    names = st.sampled_from(
        [
            "Ana Novak",
            "",
            "سارة علي",
            "Jean-Pierre de la Fontaine d’Évreux-Montségur",
            "李 小龙",
            "🌸 Mia",
            "O'Brien & Söhne",
            "x",
        ]
    )
    person = st.builds(
        lambda name, language, spent: (name, language, spent),
        names,
        st.sampled_from(["", *LANGUAGES, "de-AT", "ja"]),
        st.sampled_from([0, 40, 250]),
    )
    return st.lists(person, min_size=3, max_size=4).map(
        lambda drawn: [
            Person(email=f"reader{number}@example.org", name=name, language=language, spent=spent)
            for number, (name, language, spent) in enumerate(drawn)
        ]
    )


def shops(language: str) -> st.SearchStrategy[DrawnShop]:
    """Draw a shop of a language, with its people."""
    return st.builds(
        DrawnShop,
        currency=st.sampled_from(sorted(CURRENCIES)),
        zone=st.sampled_from(ZONES),
        language=st.just(language),
        people=people(),
    )


@st.composite
def discounts(draw: st.DrawFn, decimals: int) -> Discount:
    """Draw a discount."""
    kind = draw(
        st.sampled_from(
            ["percent", "amount", "percent", "amount_and_shipping", "percent_and_shipping", "free_shipping"]
        )
    )
    if kind == "free_shipping":
        return Discount(kind=kind)
    values = _PERCENTS if kind.startswith("percent") else _amounts(decimals)
    if kind.startswith("percent") and draw(st.integers(0, 4)) == 0:
        return Discount(
            kind=kind,
            value=draw(st.integers(5, 50).map(Decimal)),
            at_most=draw(st.integers(5, 40).map(Decimal)),
        )
    if draw(st.integers(0, 4)) == 0:
        low, high = sorted(draw(st.lists(values, min_size=2, max_size=2)))
        return Discount(kind=kind, by_spent=(low, high))
    return Discount(kind=kind, value=draw(values))


@st.composite
def campaigns(draw: st.DrawFn, shop: DrawnShop) -> DrawnCampaign:
    """Draw a campaign for a shop."""
    decimals = CURRENCIES[shop.currency]
    discount = draw(discounts(decimals))
    capped = discount.at_most is not None
    other = None
    if not capped and discount.kind in {"percent", "amount"} and draw(st.integers(0, 4)) == 0:
        other = draw(
            discounts(decimals).filter(lambda one: one.kind == discount.kind and one.at_most is None)
        )
    valid, until, days = draw(_periods())
    shared = other is None and discount.by_spent is None and draw(st.integers(0, 7)) == 0
    return DrawnCampaign(
        discount=discount,
        other=other,
        minimum=None
        if capped
        else draw(st.one_of(st.none(), st.integers(1, 200).map(Decimal), _amounts(decimals))),
        goods=draw(st.sampled_from(["", "", "", TEA, POTS] if discount.kind != "free_shipping" else [""])),
        uses="once_per_customer"
        if shared
        else draw(st.sampled_from(["single", "single", "once_per_customer"])),
        customers=draw(st.sampled_from(["any", "any", "new", "repeat"])),
        valid=valid,
        until=until,
        days=days,
        announced=valid.startswith("{from"),
        wording=draw(st.sampled_from(["sample", "phrases", "figures"])),
        languages=draw(st.lists(st.sampled_from(LANGUAGES), max_size=2, unique=True)),
        shared=shared,
    )


@st.composite
def _periods(draw: st.DrawFn) -> tuple[str, date | None, int | None]:
    """Draw a validity: as the file has it, its last day if it names one, and its whole days if it has a length."""
    form = draw(st.sampled_from(["days", "weeks", "hours", "day", "time", "range"]))
    number = draw(st.integers(2, 20))
    last = TODAY + timedelta(days=1 + number)
    match form:
        case "days":
            return f"{{for: {number}d}}", None, number
        case "weeks":
            return f"{{for: {number}w}}", None, 7 * number
        case "hours":
            return f"{{for: {24 + number}h}}", None, None
        case "day":
            return f"{{until: {last}}}", last, None
        case "time":
            return f"{{until: {last} {number:02}:30}}", last, None
        case _:
            return (
                f"{{from: {last}, until: {last + timedelta(days=number)}}}",
                last + timedelta(days=number),
                None,
            )
