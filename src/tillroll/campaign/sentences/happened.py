"""Events in words. What a run is about: `Order 1234 over €55.00`; what a campaign waits for: `when a cart is left behind`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tillroll.campaign.language.trigger import Event
from tillroll.campaign.sentences.offers import say_money
from tillroll.campaign.text.units import spell_duration


def say_happened(event: Event | None, facts: Mapping[str, Any], currency: str) -> str:
    """What happened, in the words of its facts; `facts` are what an entry keeps of it."""

    def total(name: str) -> str:
        return say_money(Decimal(str(facts[name]["total"])), currency)

    product = str(facts.get("product", {}).get("name") or facts.get("product", {}).get("sku") or "a product")
    match event.name if event is not None else "":
        case "order_placed" if "order" in facts:
            return f"Order {facts['order']['id']} over {total('order')}"
        case "cart_abandoned" if "cart" in facts:
            return f"A cart over {total('cart')} was left behind"
        case "customer_created":
            return "They became a customer"
        case "spent_reached" if event is not None and event.spent_reached is not None:
            return f"Their orders reached {say_money(event.spent_reached.amount, currency)}"
        case "inactive":
            return f"Nothing ordered since {facts.get('since', 'long ago')}"
        case "first_order_anniversary":
            return f"Their first order was on {facts.get('day', 'this day')}"
        case "birthday":
            return "Their birthday comes round"
        case "review_left" if "review" in facts:
            return f"They gave {product} {facts['review']['rating']} of 5 stars"
        case "favourite_added":
            return f"They marked {product} as a favourite"
        case "back_in_stock":
            return f"{product} is back in stock"
        case "overstocked":
            return f"There is a lot of {product}: {facts.get('quantity', 'many')} pieces"
        case "low_stock":
            return f"Little is left of {product}: {facts.get('quantity', 'few')} pieces"
        case "custom" if event is not None and event.custom is not None:
            return f"The event {event.custom.event} came in"
    return "Something happened"


def say_event(event: Event) -> str:
    """What a campaign waits for: `when a customer places their order no. 1`. Amounts are in the store's currency."""
    said = getattr(event, event.name)
    match event.name:
        case "customer_created":
            return "when somebody becomes a customer"
        case "order_placed":
            which = f"their order no. {said.number}" if said.number is not None else "an order"
            return f"when a customer places {which}{_at_least(said.total_at_least)}"
        case "cart_abandoned":
            return f"when a cart is left behind{_at_least(said.total_at_least)}"
        case "spent_reached":
            return f"when a customer's orders reach {said.amount:f}"
        case "inactive":
            return f"when a customer has ordered nothing for {spell_duration(said.for_)}"
        case "first_order_anniversary":
            return f"{_before(said.before)} the day of a customer's first order comes round"
        case "birthday":
            return f"{_before(said.before)} a customer's birthday comes round (field {said.field})"
        case "review_left":
            stars = f" with at least {said.rating_at_least} stars" if said.rating_at_least is not None else ""
            return f"when a customer's review is published{stars}"
        case "favourite_added":
            return "when a customer marks a product as a favourite"
        case "back_in_stock":
            return "when a product is back in stock"
        case "overstocked":
            return f"when there are more than {said.over} pieces of a product"
        case "low_stock":
            left = f"fewer than {said.below} pieces" if said.below is not None else "little"
            return f"when {left} of a product {'are' if said.below is not None else 'is'} left"
        case _:
            return f"when the event {said.event} comes in"


def _at_least(amount: Decimal | None) -> str:
    return "" if amount is None else f" of at least {amount:f}"


def _before(length: timedelta | None) -> str:
    return "when" if length is None else f"{spell_duration(length)} before"
