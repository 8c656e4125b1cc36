"""Compare a plan with what the store does beside it: its own e-mails, its promotions, and prices that are reduced already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tillroll.campaign.frozen.proposal import Verdict, VerdictLevel
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import SHIPPING_KINDS, Campaign, Offer
from tillroll.campaign.segments.segment import Segment, leaves
from tillroll.campaign.states import StoreEmail
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.money import say_money
from tillroll.campaign.text.percent import say_percent

_SHOWN = 5
_CENT = Decimal("0.01")

_WRITES_TO = {
    StoreEmail.ABANDONED_CART: "customers who abandoned a cart",
    StoreEmail.FAVOURITES: "customers about their favourites",
    StoreEmail.FEEDBACK: "customers after an order, to ask for feedback",
    StoreEmail.LOYALTY: "its loyal customers",
    StoreEmail.INACTIVE: "customers who haven't ordered for a while",
    StoreEmail.ANNIVERSARY: "customers on the anniversary of an order",
}
_BY_EVENT = {
    "cart_abandoned": StoreEmail.ABANDONED_CART,
    "favourite_added": StoreEmail.FAVOURITES,
    "favourite_price_drop": StoreEmail.FAVOURITES,
    "favourite_back_in_stock": StoreEmail.FAVOURITES,
    "time_to_buy_again": StoreEmail.INACTIVE,
    "order_placed": StoreEmail.FEEDBACK,
    "spent_reached": StoreEmail.LOYALTY,
    "inactive": StoreEmail.INACTIVE,
    "first_order_anniversary": StoreEmail.ANNIVERSARY,
}


def store_email_verdicts(
    campaign: Campaign, segment: Segment | None, own_emails: Sequence[StoreEmail], *, count: int
) -> tuple[Verdict, ...]:
    """Warn if the store itself writes to the same people about the same thing."""
    twice = [email for email in _like(campaign, segment) if email in own_emails]
    people = count_of(count, "recipient")
    return tuple(
        Verdict(
            rule="store_emails",
            level=VerdictLevel.WARN,
            measured=email.value,
            limit="off",
            text=f"the store itself writes to {_WRITES_TO[email]} ({email.value} is on), so {people} would hear of the same "
            "thing twice; switch one of the two off",
        )
        for email in twice
    )


def _like(campaign: Campaign, segment: Segment | None) -> list[StoreEmail]:
    """Return the store's e-mails that are about the same as a campaign, judging by its event and its segment."""
    event = campaign.when.on
    like = [_BY_EVENT[event.name]] if event is not None and event.name in _BY_EVENT else []
    for path, name, value in leaves(segment.where) if segment is not None else ():
        if "not" in path:
            continue
        if name == "last_order" and value.more_than is not None:
            like.append(StoreEmail.INACTIVE)
        elif name == "favourite":
            like.append(StoreEmail.FAVOURITES)
        elif name in {"spent", "average_order"} and value.at_least:
            like.append(StoreEmail.LOYALTY)
    return list(dict.fromkeys(like))


@dataclass(frozen=True, kw_only=True)
class ShopPromotion:
    """A discount that the store gives without a code while a run's codes work."""

    name: str
    base: str  # ITEM, SUBTOTAL, SHIPPING
    discount_type: str  # PERCENT, ABSOLUTE, FIXED_PRICE
    amount: Decimal
    least_subtotal: Decimal | None
    is_limited: bool

    def at_most(self, guardrails: Guardrails) -> Decimal:
        """Return the most that it takes off one order: of the largest basket, or of the most expensive shipping."""
        whole = guardrails.largest_shipping if self.base == "SHIPPING" else guardrails.largest_basket
        if self.discount_type == "PERCENT":
            return min(whole, whole * self.amount / 100)
        known = self.discount_type == "ABSOLUTE" and self.base != "ITEM"
        return min(whole, self.amount) if known else whole  # how many items are in the basket, nobody knows


def promotion_verdicts(
    promotions: Sequence[ShopPromotion],
    guardrails: Guardrails,
    offers: Sequence[Offer],
    *,
    codes: int,
    worst: Decimal | None,
    currency: str,
) -> tuple[Verdict, ...]:
    """Warn of what the store takes off besides the codes, and of the worst case with it."""
    reached = [
        each for each in promotions if (each.least_subtotal or Decimal(0)) <= guardrails.largest_basket
    ]
    if not reached or not codes or not offers:
        return ()
    named = "; ".join(_say_promotion(each, currency) for each in reached[:_SHOWN])
    more = f"; and {len(reached) - _SHOWN} more" if len(reached) > _SHOWN else ""
    worst_text = ""
    if worst is not None:
        most = min(worst + codes * _at_most(reached, guardrails, offers), codes * _whole(guardrails, offers))
        together = say_money(max(worst, most).quantize(_CENT), currency)
        alone = say_money(worst, currency)
        worst_text = (
            f"; if it adds them up, the worst case is {together} instead of {alone}"
            if together != alone
            else f"; the worst case of {alone} holds with them too"
        )
    text = (
        f"the store gives discounts without a code too: {named}{more}. Whether its till adds them to a code is its own setting"
        f"{worst_text}"
    )
    measured = count_of(len(reached), "promotion")
    return (Verdict(rule="promotions", level=VerdictLevel.WARN, measured=measured, limit="0", text=text),)


def _at_most(promotions: Sequence[ShopPromotion], guardrails: Guardrails, offers: Sequence[Offer]) -> Decimal:
    """Return the most that promotions take off one order besides a code."""
    on_goods = [each.at_most(guardrails) for each in promotions if each.base != "SHIPPING"]
    on_shipping = [each.at_most(guardrails) for each in promotions if each.base == "SHIPPING"]
    if any(offer.kind in SHIPPING_KINDS for offer in offers):
        on_shipping = []  # the worst case has the whole shipping already
    shipping = min(sum(on_shipping, Decimal(0)), guardrails.largest_shipping)
    return min(sum(on_goods, Decimal(0)), guardrails.largest_basket) + shipping


def _whole(guardrails: Guardrails, offers: Sequence[Offer]) -> Decimal:
    """Return the largest basket with shipping: no order costs the store more."""
    least = max((offer.minimum_subtotal or Decimal(0) for offer in offers), default=Decimal(0))
    return max(guardrails.largest_basket, least) + guardrails.largest_shipping


def _say_promotion(promotion: ShopPromotion, currency: str) -> str:
    value = (
        say_percent(promotion.amount)
        if promotion.discount_type == "PERCENT"
        else say_money(promotion.amount, currency)
    )
    what = {"SHIPPING": " off shipping", "ITEM": " off items"}.get(promotion.base, " off")
    if promotion.discount_type == "FIXED_PRICE":
        what = " as a fixed price"
    least = f" from {say_money(promotion.least_subtotal, currency)}" if promotion.least_subtotal else ""
    limited = ", with limits" if promotion.is_limited else ""
    return f"{promotion.name!r} ({value}{what}{least}{limited})"


@dataclass(frozen=True, kw_only=True)
class ReducedProduct:
    """A product whose price is reduced, with what it cost before."""

    name: str
    price: Decimal
    compare_to: Decimal  # the price that the store shows as the earlier one
    lowest: Decimal | None  # of the 30 days before the reduction; None: not known
    known_since: date | None  # since when its prices are known; None: not at all


@dataclass(frozen=True, kw_only=True)
class ReducedGoods:
    """The products of an offer whose prices are reduced already."""

    count: int
    some: tuple[ReducedProduct, ...] = ()
    named: bool = True  # the offer names products or categories


def reduced_verdicts(reduced: ReducedGoods, *, currency: str) -> tuple[Verdict, ...]:
    """Warn of an offer on reduced products: the discounts add up, and the EU asks for the lowest earlier price."""
    if not reduced.count:
        return ()
    measured = f"{reduced.count} reduced"
    some = ", ".join(
        f"{each.name} ({say_money(each.price, currency)} instead of {say_money(each.compare_to, currency)})"
        for each in reduced.some
    )
    more = f" and {reduced.count - len(reduced.some)} more" if reduced.count > len(reduced.some) else ""
    whose = "of the offer" if reduced.named else "of the store"
    text = (
        f"{count_of(reduced.count, 'product')} {whose} {'is' if reduced.count == 1 else 'are'} reduced already, and a code comes "
        f"off the reduced price: {some}{more}"
    )
    verdicts = [Verdict(rule="reduced", level=VerdictLevel.WARN, measured=measured, limit="0", text=text)]
    if reduced.named:
        prior = "; ".join(_say_prior(each, currency) for each in reduced.some)
        text = (
            "who announces a reduction in the EU must show the lowest price of the 30 days before it (Directive 98/6/EC, "
            f"article 6a): {prior}{more}"
        )
        verdicts.append(
            Verdict(rule="prior_price", level=VerdictLevel.WARN, measured=measured, limit="0", text=text)
        )
    return tuple(verdicts)


def _say_prior(product: ReducedProduct, currency: str) -> str:
    if product.lowest is None:
        since = (
            f", whose prices are known since {product.known_since:%d %B %Y}" if product.known_since else ""
        )
        return f"of {product.name} it is not known{since}"
    lowest = say_money(product.lowest, currency)
    if product.lowest < product.compare_to:
        shown = say_money(product.compare_to, currency)
        return f"of {product.name} it was {lowest}, but the store shows {shown} as the earlier price"
    return f"of {product.name} it was {lowest}"
